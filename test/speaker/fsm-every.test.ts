/** What holds of the state machine in every state that it can reach, whatever happens: all of them are tried. */
import { describe, expect, test } from "vitest";
import { bgpError } from "#src/bgp/error.ts";
import { MESSAGE_TYPE } from "#src/bgp/message.ts";
import { cease } from "#src/bgp/notification.ts";
import { step } from "#src/speaker/fsm.ts";
import {
  type Effect,
  type FsmConfig,
  type FsmEvent,
  type FsmState,
  INCOMING_FAILURES_IN_WINDOW,
  INITIAL_STATE,
  STATE_NAMES,
  stateName,
  type Timer,
} from "#src/speaker/fsm-state.ts";
import { agreement, config, directions, higher, lower, messages, running } from "./fsm-scene.ts";

const timers = [
  "connect-retry",
  "idle-hold",
  "incoming-window",
  "stable",
  "hold-outgoing",
  "hold-incoming",
  "keepalive-outgoing",
  "keepalive-incoming",
] as const;
const allEvents: FsmEvent[] = [
  { kind: "start" },
  { kind: "superseded" },
  { kind: "knock" },
  { kind: "stop", error: cease(2) },
  ...timers.map((timer): FsmEvent => ({ kind: "timer", timer })),
  ...directions.flatMap((direction): FsmEvent[] => [
    { kind: "connected", direction },
    { kind: "closed", direction, reason: "closed by the peer" },
    { kind: "error", direction, error: bgpError(3, 1) },
    ...[...messages, higher, lower].map((message): FsmEvent => ({ kind: "message", direction, message })),
  ]),
];

const say = (value: unknown) => JSON.stringify(value);

/** All states that can be reached from the beginning, by trying every event in each; frozen, so that a step cannot write. */
function reach(using: FsmConfig): FsmState[] {
  const found = new Map([[say(INITIAL_STATE), INITIAL_STATE]]);
  for (const state of found.values()) {
    for (const event of allEvents) {
      const { state: next } = step(state, event, using);
      // Beyond three failures only the pause grows, and beyond those of a window nobody is let in.
      if (next.failures <= 3 && next.incomingFailures <= INCOMING_FAILURES_IN_WINDOW && !found.has(say(next)))
        found.set(say(next), Object.freeze(next));
    }
  }
  return [...found.values()];
}

describe("every state meets every event", () => {
  const cases = [config, { ...config, passive: true }].flatMap((using) =>
    reach(using).flatMap((before) => allEvents.map((event) => ({ before, event, using, ...step(before, event, using) }))),
  );

  test("the states that are reached have all six names, with two connections too, and the messages all kinds", () => {
    const names = new Set(cases.map(({ before }) => [before.outgoing?.phase, before.incoming?.phase].join()));
    expect(new Set(cases.map(({ before }) => stateName(before)))).toEqual(new Set(STATE_NAMES));
    expect([...names].sort()).toEqual([
      ",",
      ",Established",
      ",OpenConfirm",
      ",OpenSent",
      "Connect,",
      "Connect,OpenSent",
      "Established,",
      "OpenConfirm,",
      "OpenConfirm,OpenSent",
      "OpenSent,",
      "OpenSent,OpenConfirm",
      "OpenSent,OpenSent",
    ]);
    expect(new Set(messages.map(({ kind }) => kind))).toEqual(new Set(Object.keys(MESSAGE_TYPE)));
  });

  test.each<
    [string, (before: FsmState, event: FsmEvent, after: FsmState, effects: readonly Effect[], passive: boolean) => boolean]
  >([
    [
      "what is closed is gone, and what is gone was closed",
      (before, _, after, effects) =>
        directions.every((direction) => {
          const closed = effects.some((effect) => effect.kind === "close" && effect.direction === direction);
          const dialed = direction === "outgoing" && effects.some(({ kind }) => kind === "connect");
          if (closed && !dialed) return after[direction] === undefined;
          return before[direction] === undefined || after[direction] !== undefined;
        }),
    ],
    [
      "only a stop or failures lead to Idle",
      (before, event, after) =>
        after.mode === "running" ||
        before.mode === after.mode ||
        event.kind === "stop" ||
        (after.mode === "damped" && after.failures > 1),
    ],
    [
      "Idle has no connections and sends nothing new",
      (_, __, after) => after.mode === "running" || (!after.outgoing && !after.incoming),
    ],
    [
      "Idle by failures ends by itself",
      (before, _, after, effects) =>
        after.mode !== "damped" ||
        before.mode === "damped" ||
        effects.some((effect) => effect.kind === "set-timer" && effect.timer === "idle-hold"),
    ],
    [
      "a session that goes down says so once, and only then",
      (before, _, after, effects) => {
        const lost = stateName(before) === "Established" && stateName(after) !== "Established";
        const ended = effects.filter((effect) => effect.kind === "ended" && effect.wasEstablished);
        return ended.length === (lost ? 1 : 0);
      },
    ],
    [
      "the passive side never dials",
      (_, __, ___, effects, passive) => !passive || !effects.some(({ kind }) => kind === "connect"),
    ],
    [
      "a NOTIFICATION is the last that is sent, and the connection is closed",
      (_, __, ___, effects) =>
        effects.every((effect, index) => {
          if (effect.kind !== "send" || effect.message.kind !== "notification") return true;
          const later = effects.slice(index + 1);
          const closed = later.some((next) => next.kind === "close" && next.direction === effect.direction);
          return closed && !later.some((next) => next.kind === "send" && next.direction === effect.direction);
        }),
    ],
  ])("%s", (_, holds) => {
    for (const { before, event, using, state: after, effects } of cases) {
      if (holds(before, event, after, effects, using.passive)) continue;
      throw new Error(`${say(before)} + ${say(event)} = ${say(after)} ${say(effects)}`);
    }
  });

  test("who is not spoken with is dialed, sooner or later: the timers that run say so", () => {
    // A state and those of its timers that run; a timer can only expire if it does.
    const waited = ["connect-retry", "idle-hold", "incoming-window"] as const;
    const found = new Map([["", { state: INITIAL_STATE, runs: new Set<Timer>() }]]);
    for (const { state, runs } of found.values()) {
      for (const event of allEvents) {
        if (event.kind === "timer" && waited.some((timer) => timer === event.timer) && !runs.has(event.timer)) continue;
        const { state: next, effects } = step(state, event, config);
        const runsNext = new Set(runs);
        if (event.kind === "timer") runsNext.delete(event.timer);
        for (const effect of effects) {
          if (effect.kind === "set-timer") runsNext.add(effect.timer);
          if (effect.kind === "cancel-timer") runsNext.delete(effect.timer);
        }
        for (const timer of runsNext) if (!waited.some((one) => one === timer)) runsNext.delete(timer);
        const isSpokenWith = directions.some((direction) => next[direction] && "agreement" in next[direction]);
        const isDialed = runsNext.has("connect-retry");
        const how = `${say(state)} ${[...runs]} + ${say(event)} = ${say(next)} ${[...runsNext]}`;
        if (next.mode === "running" && !isSpokenWith) expect(isDialed, how).toBe(true);
        if (next.mode === "damped") expect(runsNext.has("idle-hold"), how).toBe(true);
        if (next.incomingFailures > 0) expect(runsNext.has("incoming-window"), how).toBe(true);
        const key = say([next, [...runsNext].sort()]);
        if (next.failures <= 3 && next.incomingFailures <= INCOMING_FAILURES_IN_WINDOW && !found.has(key))
          found.set(key, { state: next, runs: runsNext });
      }
    }
    expect(found.size).toBeGreaterThan(100);
  });

  test("RFC 6608: a message that does not belong there is answered with the state and its type", () => {
    const subcodes = { OpenSent: 1, OpenConfirm: 2, Established: 3 };
    const allowed = {
      OpenSent: ["open", "notification"],
      OpenConfirm: ["keepalive", "notification"],
      Established: ["update", "keepalive", "notification", "route-refresh"],
    };
    for (const connection of [
      { phase: "OpenSent" },
      { phase: "OpenConfirm", agreement },
      { phase: "Established", agreement },
    ] as const) {
      for (const message of messages) {
        const { effects } = step(running({ outgoing: connection }), { kind: "message", direction: "outgoing", message }, config);
        const error = effects.flatMap((effect) =>
          effect.kind === "send" && effect.message.kind === "notification" ? [effect.message.error] : [],
        );
        const expected = allowed[connection.phase].includes(message.kind)
          ? []
          : [bgpError(5, subcodes[connection.phase], [MESSAGE_TYPE[message.kind]])];
        expect(error, `${connection.phase} ${message.kind}`).toEqual(expected);
      }
    }
  });
});
