/**
 * The lab `metallb-l3-tor-pair` on real parts: by one seed two of four nodes get nothing, by a seed of its own the second tier
 * chooses again, and both are forecast through both tiers.
 */
import { describe, expect, it } from "vitest";
import { canRunLabs, LAB_DEADLINE_MS, runScenario } from "./run-lab.ts";

describe.skipIf(!canRunLabs)("ecmp lab run metallb-l3-tor-pair", () => {
  it("polarizes by one seed, and not by two", { timeout: LAB_DEADLINE_MS }, async () => {
    const { strategies, stderr } = await runScenario("metallb-l3-tor-pair", "--only", "same-seed,own-seeds");
    expect(strategies, stderr).toHaveLength(2);
    for (const { connections, unexplained, verdicts } of strategies) {
      expect(unexplained).toEqual([]);
      expect(verdicts.filter(({ holds }) => !holds)).toEqual([]);
      expect(connections).toMatchObject({ opened: 400, broken: connections.forecast });
      expect(connections.broken).toBe(connections.perNode.n1);
    }
    const [same, own] = strategies;
    expect(same.connections.perNode).toEqual({ n1: 197, n2: 0, n3: 0, n4: 203 });
    expect(own.connections.perNode).toEqual({ n1: 115, n2: 82, n3: 104, n4: 99 });
  });
});
