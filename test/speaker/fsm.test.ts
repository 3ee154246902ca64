/** The ways of one neighbor through the state machine, transition by transition; that none is missing shows `fsm-every.test.ts`. */
import { describe, expect, test } from "vitest";
import { bgpError } from "#src/bgp/error.ts";
import { cease } from "#src/bgp/notification.ts";
import { dampingSeconds, step } from "#src/speaker/fsm.ts";
import { type Direction, type FsmEvent, INITIAL_STATE, refusal } from "#src/speaker/fsm-state.ts";
import {
  act,
  agreement,
  config,
  directions,
  higher,
  keepalive,
  lower,
  notification,
  open,
  refresh,
  running,
  sentSay,
  update,
} from "./fsm-scene.ts";

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
