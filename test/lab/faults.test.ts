/**
 * Every fault there is, on the real lab: what the router is told of, what it has to find, what it need not know. Whatever breaks
 * was forecast, or has a named reason whose witness is there; and what was undone comes back.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { FAULT_KINDS } from "#src/lab/lab.ts";
import { canRunLabs, LAB_DEADLINE_MS, runScenario } from "./run-lab.ts";

const FILE = fileURLToPath(new URL("./fixtures/faults.yaml", import.meta.url));

it("no fault is missing in the scenario of all faults", () => {
  const text = readFileSync(FILE, "utf8");
  expect(FAULT_KINDS.filter((kind) => !text.includes(`fault: ${kind},`))).toEqual([]);
});

describe.skipIf(!canRunLabs)("the scenario of all faults", () => {
  it("ends as forecast, or for named reasons", { timeout: LAB_DEADLINE_MS }, async () => {
    const { strategies, stderr } = await runScenario(FILE);
    expect(strategies, stderr).toHaveLength(4);
    for (const { unexplained } of strategies) expect(unexplained).toEqual([]);
    const [spoken, silent, quiet, restarted] = strategies;

    // Nobody but those of the three nodes, and each of them.
    expect(spoken.connections.broken).toBe(spoken.connections.forecast);
    expect(spoken.connections.brokenOnSurvivors).toBe(0);

    // A third of the hold time may be over when a node falls silent; what n4's speaker misses in half a second is nobody's.
    const found = silent.marks.filter(({ what, fault }) => what === "begins" && fault !== "stop-speaker");
    for (const { fromMs, toMs } of found) expect(toMs - fromMs).toBeGreaterThan(1900);
    expect(silent.connections.broken).toBe(silent.connections.forecast);
    expect(silent.connections.forecastByPod).toBeGreaterThan(0);

    // No pod of n4 survives its move; all else goes on.
    expect(quiet.connections.forecast).toBe(quiet.connections.forecastByPod);
    expect(quiet.connections.forecastByPod).toBeGreaterThan(0);
    expect(quiet.connections.broken).toBe(quiet.connections.forecast + quiet.differences["packets-lost"]);

    // Nobody survives the router, and everybody comes back with it.
    expect(restarted.connections).toMatchObject({ opened: 60, broken: 60, forecast: 60 });
    expect(restarted.recoverMs).toBeGreaterThan(3000);
    expect(restarted.recoverMs).toBeLessThan(30_000);

    const kinds = strategies.flatMap(({ marks }) => marks.map(({ fault }) => fault));
    expect(FAULT_KINDS.filter((kind) => !kinds.includes(kind))).toEqual([]);
  });
});
