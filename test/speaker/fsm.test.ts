import { describe, expect, test } from "vitest";
import { ADD_PATH, type Capability } from "#src/bgp/capabilities.ts";
import { bgpError } from "#src/bgp/error.ts";
import { AFI } from "#src/bgp/iana.ts";
import { MESSAGE_TYPE, type Message } from "#src/bgp/message.ts";
import { IPV4_UNICAST, IPV6_UNICAST } from "#src/bgp/nlri.ts";
import { cease } from "#src/bgp/notification.ts";
import type { OpenMessage } from "#src/bgp/open.ts";
import type { Agreement } from "#src/speaker/agreement.ts";
import { dampingSeconds, step } from "#src/speaker/fsm.ts";
import {
  type ConnectionState,
  type Direction,
  type Effect,
  type FsmConfig,
  type FsmEvent,
  type FsmState,
  INCOMING_FAILURES_IN_WINDOW,
  INITIAL_STATE,
  refusal,
  STATE_NAMES,
  stateName,
  type Timer,
} from "#src/speaker/fsm-state.ts";

const config: FsmConfig = {
  localAsn: 65000,
  remoteAsn: 65001,
  routerId: 0x0a000001,
  holdTimeSeconds: 90,
  connectRetrySeconds: 120,
  passive: false,
  families: [IPV4_UNICAST, IPV6_UNICAST],
  ipv6NextHop: "global",
  extendedNextHop: false,
  addPath: false,
  gracefulRestart: true,
};

const open: OpenMessage = {
  kind: "open",
  asn: 65001,
  holdTimeSeconds: 30,
  routerId: 0x0a000002,
  capabilities: [{ name: "four-octet-as", asn: 65001 }],
};
const keepalive: Message = { kind: "keepalive" };
const update: Message = { kind: "update", withdrawn: [], announcements: [] };
const refresh: Message = { kind: "route-refresh", family: IPV4_UNICAST, subtype: 0 };
const notification: Message = { kind: "notification", error: bgpError(6, 4) };
const higher: OpenMessage = { ...open, routerId: 0x0a000009 };
const lower: OpenMessage = { ...open, routerId: 0x0a000000 };
const messages: Message[] = [open, update, notification, keepalive, refresh];

const agreement: Agreement = {
  holdTimeSeconds: 30,
  keepaliveSeconds: 10,
  asnSize: 4,
  families: [IPV4_UNICAST],
  pathIds: [],
  extendedNextHop: [],
  extendedMessage: false,
  enhancedRefresh: false,
  peer: open,
};

const running = (connections: { outgoing?: ConnectionState; incoming?: ConnectionState }): FsmState => ({
  mode: "running",
  failures: 0,
  incomingFailures: 0,
  ...connections,
});

const sentSay = (effects: readonly Effect[]): string[] =>
  effects.map((effect) => {
    switch (effect.kind) {
      case "send": {
        const { message } = effect;
        const what = message.kind === "notification" ? `${message.error.code}/${message.error.subcode}` : message.kind;
        return `${effect.direction} ${what}`;
      }
      case "close":
        return `close ${effect.direction}`;
      case "set-timer":
        return `${effect.timer} ${effect.seconds}`;
      case "cancel-timer":
        return `no ${effect.timer}`;
      case "ended":
        return `ended: ${effect.reason}`;
      default:
        return effect.kind;
    }
  });

/** What a step does, without the timers that it stops. */
function act(state: FsmState, event: FsmEvent, using = config): [name: string, does: string[], next: FsmState] {
  const { state: next, effects } = step(state, event, using);
  return [stateName(next), sentSay(effects).filter((text) => !text.startsWith("no ")), next];
}

const bothFamilies = [IPV4_UNICAST, IPV6_UNICAST].map((family): Capability => ({ name: "multiprotocol", family }));
const addPathOf = (ipv4: number, ipv6: number): Capability => ({
  name: "add-path",
  families: [
    { family: IPV4_UNICAST, direction: ipv4 },
    { family: IPV6_UNICAST, direction: ipv6 },
  ],
});
const extendedNextHop = (nextHopAfi: number): Capability => ({
  name: "extended-next-hop",
  families: [{ family: IPV4_UNICAST, nextHopAfi }],
});

const restarts = {
  name: "graceful-restart",
  restarting: false,
  notification: true,
  restartTimeSeconds: 120,
  families: [{ family: IPV4_UNICAST, forwardingPreserved: true }],
} as const;

const directions = ["outgoing", "incoming"] as const;
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

describe("the way up", () => {
  test("active: dial, OPEN, KEEPALIVE, Established", () => {
    const [connecting, dials, first] = act(INITIAL_STATE, { kind: "start" });
    expect([connecting, dials]).toEqual(["Connect", ["connect", "connect-retry 120"]]);
    const [sent, opens, second] = act(first, { kind: "connected", direction: "outgoing" });
    expect([sent, opens]).toEqual(["OpenSent", ["outgoing open", "hold-outgoing 240"]]);
    const [confirm, agrees, third] = act(second, { kind: "message", direction: "outgoing", message: open });
    expect([confirm, agrees]).toEqual([
      "OpenConfirm",
      ["agreed", "outgoing keepalive", "hold-outgoing 30", "keepalive-outgoing 10"],
    ]);
    const [established, up, fourth] = act(third, { kind: "message", direction: "outgoing", message: keepalive });
    expect([established, up]).toEqual(["Established", ["hold-outgoing 30", "stable 60", "up"]]);
    expect(act(fourth, { kind: "message", direction: "outgoing", message: update })[1]).toEqual(["hold-outgoing 30", "deliver"]);
    expect(act(fourth, { kind: "message", direction: "outgoing", message: refresh })[1]).toEqual(["hold-outgoing 30", "refresh"]);
    expect(act(fourth, { kind: "timer", timer: "keepalive-outgoing" })[1]).toEqual([
      "outgoing keepalive",
      "keepalive-outgoing 10",
    ]);
  });

  test("passive: wait, accept, and the same", () => {
    const passive = { ...config, passive: true };
    const [waiting, nothing, first] = act(INITIAL_STATE, { kind: "start" }, passive);
    expect([waiting, nothing]).toEqual(["Active", []]);
    expect(act(first, { kind: "connected", direction: "incoming" }, passive).slice(0, 2)).toEqual([
      "OpenSent",
      ["incoming open", "hold-incoming 240"],
    ]);
  });

  test("hold time 0: no keepalives and no hold timer", () => {
    const [, does, confirm] = act(running({ outgoing: { phase: "OpenSent" } }), {
      kind: "message",
      direction: "outgoing",
      message: { ...open, holdTimeSeconds: 0 },
    });
    expect(does).toEqual(["agreed", "outgoing keepalive"]);
    const { effects } = step(confirm, { kind: "message", direction: "outgoing", message: keepalive }, config);
    expect(sentSay(effects)).toContain("no hold-outgoing");
    expect(sentSay(effects).filter((text) => text.startsWith("hold"))).toEqual([]);
  });

  test("an attempt without an answer is made again; one that is refused waits for its time in Active", () => {
    const connecting = running({ outgoing: { phase: "Connect" } });
    expect(act(connecting, { kind: "timer", timer: "connect-retry" }).slice(0, 2)).toEqual([
      "Connect",
      ["close outgoing", "connect", "connect-retry 120"],
    ]);
    const [refused, does, active] = act(connecting, { kind: "closed", direction: "outgoing", reason: "refused" });
    expect([refused, does]).toEqual(["Active", ["close outgoing", "ended: refused"]]);
    expect(act(active, { kind: "timer", timer: "connect-retry" })[0]).toBe("Connect");
  });
});

describe("the way down", () => {
  const established = running({ outgoing: { phase: "Established", agreement } });

  test.each<[string, FsmEvent, string[]]>([
    [
      "the hold timer",
      { kind: "timer", timer: "hold-outgoing" },
      ["outgoing 4/0", "close outgoing", "connect-retry 1", "ended: sent Hold Timer Expired"],
    ],
    [
      "a NOTIFICATION",
      { kind: "message", direction: "outgoing", message: notification },
      ["close outgoing", "connect-retry 1", "ended: received Cease/Administrative Reset"],
    ],
    [
      "an error",
      { kind: "error", direction: "outgoing", error: bgpError(1, 1) },
      ["outgoing 1/1", "close outgoing", "connect-retry 1", "ended: sent Message Header Error/Connection Not Synchronized"],
    ],
    [
      "the end of the connection",
      { kind: "closed", direction: "outgoing", reason: "read ECONNRESET" },
      ["close outgoing", "connect-retry 1", "ended: read ECONNRESET"],
    ],
  ])("by %s: once Active, the second time Idle", (_, event, does) => {
    const [name, did, next] = act(established, event);
    expect([name, did]).toEqual(["Active", does]);
    expect(next.failures).toBe(1);
    const [second, , damped] = act({ ...established, failures: 1 }, event);
    expect([second, damped.mode]).toEqual(["Idle", "damped"]);
  });

  test("a timer that belongs to what is over is stopped", () => {
    const confirmed = running({ outgoing: { phase: "OpenConfirm", agreement } });
    const up = step(confirmed, { kind: "message", direction: "outgoing", message: keepalive }, config);
    expect(sentSay(up.effects)).toContain("no connect-retry");
    const lost = step(established, { kind: "closed", direction: "outgoing", reason: "gone" }, config);
    expect(sentSay(lost.effects)).toEqual(expect.arrayContaining(["no hold-outgoing", "no keepalive-outgoing", "no stable"]));
  });

  test("a stop says Cease on every connection and stays Idle", () => {
    const both = running({ outgoing: { phase: "OpenSent" }, incoming: { phase: "OpenConfirm", agreement } });
    expect(act(both, { kind: "stop", error: cease(3) }).slice(0, 2)).toEqual([
      "Idle",
      ["outgoing 6/3", "close outgoing", "incoming 6/3", "close incoming", "ended: sent Cease/Peer De-configured"],
    ]);
    const connecting = running({ outgoing: { phase: "Connect" } });
    expect(act(connecting, { kind: "stop", error: cease(2) })[1]).toEqual([
      "close outgoing",
      "ended: sent Cease/Administrative Shutdown",
    ]);
  });

  test("failures in a row are damped, a session that held sets them back", () => {
    expect([1, 2, 3, 4, 5, 6, 7, 8, 9, 100].map(dampingSeconds)).toEqual([0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
    const [, does, damped] = act({ ...established, failures: 3 }, { kind: "timer", timer: "hold-outgoing" });
    expect(does).toContain("idle-hold 4");
    expect(act(damped, { kind: "timer", timer: "idle-hold" }).slice(0, 2)).toEqual(["Connect", ["connect", "connect-retry 120"]]);
    expect(act({ ...established, failures: 3 }, { kind: "timer", timer: "stable" })[2].failures).toBe(0);
  });

  test("a stranger at the peer's address does the neighbor no harm, and is let in five times in a while", () => {
    let state = act(INITIAL_STATE, { kind: "start" })[2];
    const garbage: FsmEvent = { kind: "error", direction: "incoming", error: bgpError(1, 1) };
    for (let count = 1; count <= 5; count++) {
      expect(refusal(state)).toBeUndefined();
      state = act(state, { kind: "connected", direction: "incoming" })[2];
      const [name, does, next] = act(state, garbage);
      expect([name, next.failures, next.outgoing]).toEqual(["Connect", 0, { phase: "Connect" }]);
      expect(does.includes("incoming-window 5")).toBe(count === 1);
      state = next;
    }
    expect(refusal(state)).toEqual(cease(5));
    expect(refusal(act(state, { kind: "timer", timer: "incoming-window" })[2])).toBeUndefined();
  });

  test("who came to us and hangs up, however far it had come, shuts the door for a moment and is not damped", () => {
    const up = { ...running({ incoming: { phase: "Established", agreement } }), incomingFailures: 4 };
    const [name, does, next] = act(up, { kind: "closed", direction: "incoming", reason: "gone" });
    expect([name, next.mode, next.failures]).toEqual(["Active", "running", 0]);
    expect(does).toEqual(expect.arrayContaining(["connect-retry 1", "ended: gone"]));
    expect(refusal(next)).toEqual(cease(5));
    const dialed = running({ outgoing: { phase: "Established", agreement } });
    expect(act(dialed, { kind: "closed", direction: "outgoing", reason: "gone" })[2].failures).toBe(1);
  });

  test("one that says nothing does not keep us from dialing, one that has said its OPEN does", () => {
    const silent = running({ incoming: { phase: "OpenSent" } });
    expect(act(silent, { kind: "timer", timer: "connect-retry" })[1]).toEqual(["connect", "connect-retry 120"]);
    const agreed = running({ incoming: { phase: "OpenConfirm", agreement } });
    expect(act(agreed, { kind: "timer", timer: "connect-retry" })[1]).toEqual(["connect-retry 120"]);
    expect(refusal(agreed)).toEqual(cease(7));
  });

  test("what we dialed and what was Established is damped, also behind somebody who says nothing", () => {
    const failing = (connections: Parameters<typeof running>[0], direction: Direction) =>
      act(running(connections), { kind: "error", direction, error: bgpError(1, 1) });
    expect(failing({ outgoing: { phase: "OpenSent" } }, "outgoing")[2].failures).toBe(1);
    expect(failing({ incoming: { phase: "Established", agreement } }, "incoming")[2].failures).toBe(1);
    const [, does, next] = failing({ outgoing: { phase: "OpenSent" }, incoming: { phase: "OpenSent" } }, "outgoing");
    expect([next.failures, next.incoming]).toEqual([0, { phase: "OpenSent" }]);
    expect(does).toContain("connect-retry 1");
  });

  test("a knock is answered with a KEEPALIVE over the connection that is up, and with nothing elsewhere", () => {
    expect(act(running({ incoming: { phase: "Established", agreement } }), { kind: "knock" })[1]).toEqual(["incoming keepalive"]);
    expect(act(running({ incoming: { phase: "OpenConfirm", agreement } }), { kind: "knock" })[1]).toEqual([]);
  });

  test("a peer that closes before its OPEN is waited for as long as one that does not answer", () => {
    const [name, does, next] = act(running({ outgoing: { phase: "OpenSent" } }), {
      kind: "closed",
      direction: "outgoing",
      reason: "gone",
    });
    expect([name, does, next.failures]).toEqual(["Active", ["close outgoing", "ended: gone"], 0]);
  });
});

describe("collisions (RFC 4271 6.8)", () => {
  test.each([
    ["the peer is higher: its connection stays", higher, "incoming"],
    ["we are higher: ours stays", lower, "outgoing"],
    ["equal identifiers: the higher AS wins (RFC 6286)", { ...open, routerId: config.routerId }, "incoming"],
  ] as const)("%s, whichever OPEN comes first", (_, message, winner) => {
    for (const first of directions) {
      const last = first === "outgoing" ? "incoming" : "outgoing";
      const both = running({ outgoing: { phase: "OpenSent" }, incoming: { phase: "OpenSent" } });
      const [, , confirmed] = act(both, { kind: "message", direction: first, message });
      const [name, does, next] = act(confirmed, { kind: "message", direction: last, message });
      const loser = winner === "outgoing" ? "incoming" : "outgoing";
      expect(does.slice(0, 2), `${first} first`).toEqual([`${loser} 6/7`, `close ${loser}`]);
      expect([name, next[winner]?.phase, next.failures]).toEqual(["OpenConfirm", "OpenConfirm", 0]);
      expect(next[loser]).toBeUndefined();
    }
  });

  test("an OPEN from outside ends an attempt of ours that is still unanswered", () => {
    const both = running({ outgoing: { phase: "Connect" }, incoming: { phase: "OpenSent" } });
    const [, does, next] = act(both, { kind: "message", direction: "incoming", message: open });
    expect(does).toContain("close outgoing");
    expect(next.outgoing).toBeUndefined();
  });

  test("a session that is up outlives a rival that has not spoken, and takes no new one", () => {
    const both = running({ outgoing: { phase: "OpenSent" }, incoming: { phase: "OpenConfirm", agreement } });
    const [name, does, next] = act(both, { kind: "message", direction: "incoming", message: keepalive });
    expect([name, does.slice(0, 2)]).toEqual(["Established", ["outgoing 6/7", "close outgoing"]]);
    expect(refusal(next)).toEqual(cease(7));
    expect(refusal(running({}))).toBeUndefined();
    expect(refusal(INITIAL_STATE)).toEqual(cease(5));
  });

  test("the end of the loser is no failure", () => {
    const both = running({ outgoing: { phase: "OpenSent" }, incoming: { phase: "OpenConfirm", agreement } });
    for (const event of [
      { kind: "message", direction: "outgoing", message: { kind: "notification", error: cease(7) } },
      { kind: "closed", direction: "outgoing", reason: "gone" },
    ] as const) {
      const [name, does, next] = act(both, event);
      expect([name, does[0], next.failures]).toEqual(["OpenConfirm", "close outgoing", 0]);
    }
  });
});

describe("what the OPEN must say", () => {
  const sent = running({ outgoing: { phase: "OpenSent" } });
  test.each<[string, Partial<OpenMessage>, Partial<FsmConfig>, number]>([
    ["another AS", { asn: 65002 }, {}, 2],
    ["our AS, where another is wanted", { asn: 65000 }, { remoteAsn: "external" }, 2],
    ["another AS, where ours is wanted", {}, { remoteAsn: "internal" }, 2],
    ["AS 0", { asn: 0 }, { remoteAsn: 65001 }, 2],
    ["identifier 0", { routerId: 0 }, {}, 3],
    ["our own identifier, inside our AS", { asn: 65000, routerId: config.routerId }, { remoteAsn: 65000 }, 3],
    ["a hold time of 1", { holdTimeSeconds: 1 }, {}, 6],
    ["a hold time of 2", { holdTimeSeconds: 2 }, {}, 6],
    ["a provider, where we are one", { capabilities: [{ name: "role", role: 0 }] }, { role: "provider" }, 11],
    ["a role that nobody knows", { capabilities: [{ name: "role", role: 9 }] }, { role: "peer" }, 11],
    ["two roles", { capabilities: [4, 0].map((role) => ({ name: "role", role })) }, { role: "peer" }, 11],
  ])("%s is refused", (_, part, using, subcode) => {
    const event: FsmEvent = { kind: "message", direction: "outgoing", message: { ...open, ...part } };
    expect(act(sent, event, { ...config, ...using })[1].slice(0, 2)).toEqual([`outgoing 2/${subcode}`, "close outgoing"]);
  });

  test.each<[string, Partial<OpenMessage>, Partial<FsmConfig>, Partial<Agreement>]>([
    ["the lower hold time counts: theirs", { holdTimeSeconds: 3 }, {}, { holdTimeSeconds: 3, keepaliveSeconds: 1 }],
    ["or ours", { holdTimeSeconds: 300 }, {}, { holdTimeSeconds: 90, keepaliveSeconds: 30 }],
    ["any AS but ours", { asn: 65009 }, { remoteAsn: "external" }, {}],
    ["our AS", { asn: 65000 }, { remoteAsn: "internal" }, {}],
    ["0 switches it off: ours", {}, { holdTimeSeconds: 0 }, { holdTimeSeconds: 0, keepaliveSeconds: 0 }],
    ["a peer without four-octet AS numbers", { capabilities: [] }, {}, { asnSize: 2, families: [IPV4_UNICAST] }],
    [
      "a peer that takes other families only",
      { capabilities: [{ name: "multiprotocol", family: { afi: 25, safi: 70 } }] },
      {},
      { families: [] },
    ],
    ["a peer that says nothing of families, where we want IPv6 only", {}, { families: [IPV6_UNICAST] }, { families: [] }],
    [
      "two families, in our order",
      { capabilities: [IPV6_UNICAST, IPV4_UNICAST].map((family) => ({ name: "multiprotocol", family })) },
      {},
      { families: [IPV4_UNICAST, IPV6_UNICAST] },
    ],
    [
      "several paths to a prefix, of the family that the peer wants to send them in",
      { capabilities: [addPathOf(ADD_PATH.send, ADD_PATH.receive), ...bothFamilies] },
      { addPath: true },
      { pathIds: [IPV4_UNICAST] },
    ],
    ["one path only, if we do not ask for more", { capabilities: [addPathOf(3, 3), ...bothFamilies] }, {}, { pathIds: [] }],
    [
      "IPv4 prefixes behind IPv6, if both sides can",
      { capabilities: [extendedNextHop(AFI.ipv6)] },
      { extendedNextHop: true },
      { extendedNextHop: [IPV4_UNICAST] },
    ],
    ["what the peer says of its restarts, if we help", { capabilities: [restarts] }, {}, { gracefulRestart: restarts }],
    ["marks around what is said again", { capabilities: [{ name: "enhanced-route-refresh" }] }, {}, { enhancedRefresh: true }],
    ["not if only they can", { capabilities: [extendedNextHop(AFI.ipv6)] }, {}, { extendedNextHop: [] }],
    [
      "not behind anything else",
      { capabilities: [extendedNextHop(AFI.ipv4)] },
      { extendedNextHop: true },
      { extendedNextHop: [] },
    ],
    ["messages of 64 KiB, if both sides can", { capabilities: [{ name: "extended-message" }] }, {}, { extendedMessage: true }],
    ["a customer, whose provider we are", { capabilities: [{ name: "role", role: 3 }] }, { role: "provider" }, {}],
    ["a peer that names no role", {}, { role: "provider" }, {}],
    ["a role, where we name none", { capabilities: [{ name: "role", role: 3 }] }, {}, {}],
    ["our identifier in another AS (RFC 6286)", { routerId: config.routerId }, {}, {}],
  ])("%s", (_, part, using, wanted) => {
    const { effects } = step(
      sent,
      { kind: "message", direction: "outgoing", message: { ...open, ...part } },
      { ...config, ...using },
    );
    expect(effects.find(({ kind }) => kind === "agreed")).toMatchObject({ agreement: wanted });
  });
});
