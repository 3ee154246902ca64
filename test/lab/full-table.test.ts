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
    expect(state.groups.map(({ prefixes, members }) => [prefixes.length, members.length]).sort()).toEqual([
      [1, 3],
      [100_000, 2],
    ]);
    expect(explained).toMatchObject({ checked: 300, equal: 300 });
    expect(broken).toMatchObject({ observed: broken.forecast, onSurvivors: 0 });
    expect(broken.observed).toBe(connections.filter((row) => row["entered-by"] === "n2").length);
    expect(event.convergedMs).toBeGreaterThanOrEqual(event.detectedMs);
  });
});
