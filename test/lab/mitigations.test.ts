/**
 * The scenario mitigations in a short form, on real parts: every event is told on the way, every strategy ends as forecast, and
 * the forecast of a strategy is the same whenever it is made. The full form is `ecmp lab run mitigations`; of the strategies that are
 * not played here `mitigations-paper.test.ts` makes the forecast.
 */
import { describe, expect, it } from "vitest";
import { DIGESTS, PLAYED } from "./mitigations-played.ts";
import { canRunLabs, LAB_DEADLINE_MS, runScenario } from "./run-lab.ts";

const TOLD = ["forecast", "pods", "traffic", "fault", "converged", "verdict"];

async function play(...names: readonly string[]) {
  const { scenario, strategies, events, stderr } = await runScenario("mitigations", "--only", names.join(","));
  expect(scenario, stderr).toBe("mitigations");
  expect(
    strategies.map((each) => each.strategy),
    stderr,
  ).toEqual(names);
  for (const each of strategies) {
    expect(each.unexplained).toEqual([]);
    expect(each.connections).toMatchObject({ opened: 200, broken: each.connections.forecast });
    expect(each.verdicts).toContainEqual({ assertion: "as forecast", limit: 0, found: 0, unit: "differences", holds: true });
    expect(each.verdicts.filter(({ holds }) => !holds)).toEqual([]);
    expect(each.digest).toMatch(/^[0-9a-f]{64}$/);
    if (DIGESTS[each.strategy]) expect(each.digest).toBe(DIGESTS[each.strategy]);
    const told = events.filter(({ strategy }) => strategy === each.strategy).map(({ kind }) => kind);
    // Who is killed and back with its routes kept: nothing has to converge.
    const faults = each.strategy === "graceful-restart" ? ["fault", "fault"] : ["fault", "converged"];
    expect(told.filter((kind) => TOLD.includes(kind))).toEqual(["forecast", "pods", "traffic", ...faults, "verdict"]);
  }
  return strategies;
}

describe.skipIf(!canRunLabs)("ecmp lab run mitigations", { timeout: LAB_DEADLINE_MS }, () => {
  it("ends as forecast, strategy by strategy", async () => {
    const [modulo, resilient] = await play(...PLAYED[0]);
    expect(modulo.connections.brokenOnSurvivors).toBeGreaterThan(50);
    expect(resilient.connections.brokenOnSurvivors).toBe(0);
    expect(resilient.connections.broken).toBeGreaterThan(0);
  });

  it("ends so with BFD, with a graceful restart, and with a resilient group of the kernel's", async () => {
    const [silent, graceful, resilient] = await play(...PLAYED[1]);
    // The hold timer finds it after two seconds at the earliest.
    expect(silent.marks[0].toMs - silent.marks[0].fromMs).toBeLessThan(2000);
    expect(graceful.connections).toMatchObject({ forecast: 0, broken: 0 });
    expect(resilient.connections.brokenOnSurvivors).toBe(0);
    expect(resilient.connections.broken).toBeGreaterThan(0);
  });
});
