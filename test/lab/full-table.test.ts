/** The lab `full-table` on real parts: a node that announces 100,000 prefixes besides the service goes, and the forecast holds. */
import { describe, expect, it } from "vitest";
import { canRunLabs, LAB_DEADLINE_MS, runLab } from "./run-lab.ts";

describe.skipIf(!canRunLabs)("ecmp lab run full-table", () => {
  it("moves the connections of the node that went, and no other, beside 100,000 prefixes", {
    timeout: LAB_DEADLINE_MS,
  }, async () => {
    const { runs, differences, connections } = await runLab("full-table");
    expect(differences).toEqual([]);
    const [{ state, explained, event, broken }] = runs;
    // One group of the table, or one more of prefixes that n3 was the first to announce: a resilient group has a history.
    const prefixesTo = (members: number): number =>
      state.groups.filter((group) => group.members.length === members).reduce((sum, { prefixes }) => sum + prefixes.length, 0);
    expect([state.groups.length <= 3, prefixesTo(3), prefixesTo(2)]).toEqual([true, 1, 100_000]);
    expect(explained).toMatchObject({ checked: 300, equal: 300 });
    expect(broken).toMatchObject({ observed: broken.forecast, onSurvivors: 0 });
    expect(broken.observed).toBe(connections.filter((row) => row["entered-by"] === "n2").length);
    expect(event.convergedMs).toBeGreaterThanOrEqual(event.detectedMs);
  });
});
