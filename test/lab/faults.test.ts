/**
 * Every fault there is, on the real lab: what the router is told of, what it has to find, what it need not know. Whatever breaks
 * was forecast, or has a named reason whose witness is there; and what was undone comes back.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { FAULT_KINDS } from "#src/lab/lab.ts";
import { canRunLabs, LAB_DEADLINE_MS, runScenario, type StrategyReport } from "./run-lab.ts";

const FILE = fileURLToPath(new URL("./fixtures/faults.yaml", import.meta.url));

it("no fault is missing in the scenario of all faults", () => {
  const text = readFileSync(FILE, "utf8");
  expect(FAULT_KINDS.filter((kind) => !text.includes(`fault: ${kind},`))).toEqual([]);
});

describe.skipIf(!canRunLabs)("the scenario of all faults", () => {
  it("ends as forecast, or for named reasons", { timeout: LAB_DEADLINE_MS }, async () => {
    const { strategies, events, rows, stderr } = await runScenario(FILE);
    expect(strategies, stderr).toHaveLength(5);
    for (const { unexplained } of strategies) expect(unexplained).toEqual([]);
    // Nothing but names explains who differs: on a machine with much else to do, a hold timer that ran out in between may be one.
    const differing = ({ strategy }: StrategyReport) => rows.filter((row) => row.strategy === strategy && row.reason !== "");
    const isBroken = ({ outcome }: (typeof rows)[number]) => ["reset", "timed out"].includes(outcome);
    const expected = (one: StrategyReport) =>
      one.connections.forecast + differing(one).reduce((sum, row) => sum + (isBroken(row) ? 1 : -1), 0);
    const [spoken, silent, quiet, ordered, restarted] = strategies;

    // Nobody but those of the three nodes, and each of them.
    expect(spoken.connections.broken).toBe(expected(spoken));
    expect(spoken.connections.brokenOnSurvivors).toBeLessThanOrEqual(differing(spoken).length);

    // A third of the hold time may be over when a node falls silent; what n4's speaker misses in half a second is nobody's.
    const found = silent.marks.filter(({ what, fault }) => what === "begins" && fault !== "stop-speaker");
    for (const { fromMs, toMs } of found) expect(toMs - fromMs).toBeGreaterThan(1900);
    expect(silent.connections.broken).toBe(expected(silent));
    expect(silent.connections.forecastByPod).toBeGreaterThan(0);

    // No pod of n4 survives its move; all else goes on.
    expect(quiet.connections.forecast).toBe(quiet.connections.forecastByPod);
    expect(quiet.connections.forecastByPod).toBeGreaterThan(0);
    expect(quiet.connections.broken).toBe(expected(quiet));

    // Who is drained loses its pods' connections too, a flood and two workers' ends nobody's.
    expect(ordered.connections.broken).toBe(expected(ordered));
    expect(ordered.connections.forecastByPod).toBeGreaterThan(0);
    const drained = ordered.marks.filter(({ fault, what }) => fault === "drain" && what === "begins");
    expect(drained.map(({ node }) => node)).toEqual(["n4", "n2"]);
    // Of the service that only n1 and n3 announce nothing is left: n3's routes were mutated away, then n1 lost its pods of it.
    const moved = ordered.marks.find(({ fault, what }) => fault === "pods-move" && what === "begins");
    expect(moved && moved.toMs - moved.fromMs).toBeGreaterThan(0);
    expect(ordered.connections.broken).toBeGreaterThanOrEqual(20);
    const seen = events.filter(({ strategy, kind }) => strategy === "ordered" && kind === "observed");
    expect(seen.map(({ event }) => event?.kind).sort()).toEqual(["update-fault", "worker-died", "worker-died"]);

    // Nobody survives the router, and everybody comes back with it.
    expect(restarted.connections).toMatchObject({ opened: 60, broken: 60, forecast: 60 });
    expect(restarted.recoverMs).toBeGreaterThan(3000);
    expect(restarted.recoverMs).toBeLessThan(30_000);

    const kinds = strategies.flatMap(({ marks }) => marks.map(({ fault }) => fault));
    expect(FAULT_KINDS.filter((kind) => !kinds.includes(kind))).toEqual([]);
  });
});
