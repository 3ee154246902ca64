/** Which faults may be at work at once: the parts that their rows take and need say it, for every pair. */
import { describe, expect, it } from "vitest";
import { loadLab } from "#src/lab/catalog.ts";
import { FAULTS } from "#src/lab/fault.ts";
import { DEEDS } from "#src/lab/fault-deed.ts";
import { clashOf, obstaclesIn } from "#src/lab/fault-overlap.ts";
import { FAULT_KINDS, type FaultKind } from "#src/lab/lab.ts";
import type { FaultStep } from "#src/lab/scenario.ts";

const lab = loadLab("metallb-bgp");
const session = { holdTimeSeconds: 3, prefixLimit: 500 };
const at = (fault: FaultKind, node = FAULTS[fault].befalls === "router" ? "router" : "n1") => ({ fault, node });
const clash = (one: FaultKind, other: FaultKind) => clashOf(lab, session, at(one), at(other));

/** Whatever is one of these wants the routes of its node, or of all, for itself. */
const TAKES_ROUTES: readonly FaultKind[] = [
  ...(["kill-speaker", "stop-speaker", "withdraw", "session-flap", "link-down", "silent-node", "one-way-loss"] as const),
  ...(["pods-move", "kill-router", "mutate-bgp", "prefix-flood", "drain"] as const),
];

describe("two faults at a node", () => {
  it("are at odds when both want its routes, and so is each with its like", () => {
    for (const one of FAULT_KINDS) {
      expect(clash(one, one)).toBe("there is one of a kind");
      for (const other of TAKES_ROUTES)
        if (TAKES_ROUTES.includes(one)) expect(clash(one, other), `${one}, ${other}`).toBeDefined();
    }
  });

  it("are at odds whichever comes first", () => {
    for (const one of FAULT_KINDS)
      for (const other of FAULT_KINDS) expect(clash(one, other) === undefined).toBe(clash(other, one) === undefined);
  });

  it.each([
    ["delay", "jitter"],
    ["delay", "corrupt"],
    ["loss", "delay"],
    ["loss", "silent-node"],
    ["mtu", "link-down"],
    ["kill-worker", "duplicate"],
    ["withdraw", "delay"],
    ["loss", "kill-router"],
  ] as const)("may be %s and %s", (one, other) => expect(clash(one, other)).toBeUndefined());

  it.each([
    ["kill-router", "delay", "the router's port"],
    ["kill-router", "kill-worker", "the router's port"],
    ["mac-change", "one-way-loss", "the link"],
    ["kill-speaker", "stop-speaker", "the speaker"],
    ["drain", "pods-move", "the speaker"],
  ] as const)("are not %s and %s", (one, other, part) => expect(clash(one, other)).toBe(`both want ${part}`));

  it("are free of each other at two nodes", () =>
    expect(clashOf(lab, session, at("withdraw", "n1"), at("withdraw", "n2"))).toBeUndefined());

  it("are a move of pods and whatever cuts it off, where nothing is announced of its pods alone", () => {
    // The service local has no pods on n2 and n4.
    expect(clashOf(lab, session, at("pods-move", "n2"), at("silent-node", "n2"))).toBeUndefined();
    expect(clashOf(lab, session, at("pods-move", "n2"), at("drain", "n2"))).toBe("both want the pods");
  });
});

describe("a timeline", () => {
  const step = (fault: FaultKind, atSeconds: number, untilSeconds?: number): FaultStep => ({
    ...at(fault),
    atSeconds,
    untilSeconds,
  });
  const obstacles = (...steps: FaultStep[]) => obstaclesIn(lab, session, steps).map((each) => each !== undefined);

  it("has one after the other, also in the same moment", () => {
    expect(obstacles(step("withdraw", 1, 2), step("kill-speaker", 2, 3), step("session-flap", 3))).toEqual([false, false, false]);
    expect(obstacles(step("kill-speaker", 2, 3), step("withdraw", 1, 2))).toEqual([false, false]);
  });

  it("has nothing behind what has no end, and nothing meanwhile", () => {
    expect(obstacles(step("kill-speaker", 1), step("withdraw", 50, 60))).toEqual([false, true]);
    expect(obstacles(step("stop-speaker", 1, 9), step("kill-speaker", 2, 3))).toEqual([false, true]);
    expect(obstacles(step("stop-speaker", 1, 9), step("session-flap", 5))).toEqual([false, true]);
    expect(obstacles(step("session-flap", 5), step("withdraw", 5, 6))).toEqual([false, true]);
  });

  it("has nothing more for a node that was shut out: its session does not come back", () => {
    const flood = { ...step("prefix-flood", 1, 2), prefixes: 400 };
    expect(obstacles(flood, step("withdraw", 3, 4))).toEqual([false, false]);
    expect(obstacles({ ...flood, prefixes: 600 }, step("withdraw", 3, 4))).toEqual([false, true]);
  });

  it("says what stands in the way", () => {
    const [, obstacle] = obstaclesIn(lab, session, [step("stop-speaker", 1, 9), step("kill-speaker", 2)]);
    expect(obstacle).toBe("a time when stop-speaker of n1 (1 to 9 s) is not at work: both want the speaker");
  });
});

it("a fault of two halves is done in two, and no other", () => {
  expect(FAULT_KINDS.filter((kind) => FAULTS[kind].halves)).toEqual(FAULT_KINDS.filter((kind) => DEEDS[kind].goOn));
});
