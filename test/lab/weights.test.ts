/**
 * The lab `weights` on real parts: FRR, BIRD and ExaBGP say how many pods they have, and the connections come in that proportion.
 */
import { describe, expect, it } from "vitest";
import { canRunLabs, LAB_DEADLINE_MS, runLab } from "./run-lab.ts";

const NODES = ["n1", "n2", "n3", "n4"];
/** Standard deviations; one count of 16,000 lies outside. */
const BAND = 4;

describe.skipIf(!canRunLabs)("ecmp lab run weights", () => {
  it("shares one service by pods and the other evenly, as forecast", { timeout: LAB_DEADLINE_MS }, async () => {
    const { runs, differences, connections } = await runLab("weights");
    expect(differences).toEqual([]);
    const [{ state, explained, broken }] = runs;
    expect(explained).toMatchObject({ checked: 800, equal: 800 });
    expect(broken).toMatchObject({ observed: broken.forecast, onSurvivors: 0 });

    for (const { service, prefix, weights } of [
      { service: "weighted", prefix: "198.51.100.10/32", weights: [1, 2, 3, 4] },
      { service: "even", prefix: "198.51.100.20/32", weights: [1, 1, 1, 1] },
    ]) {
      const group = state.groups.find(({ prefixes }) => prefixes.includes(prefix));
      expect(group?.members.map(({ weight }) => weight)).toEqual(weights);
      const sum = weights.reduce((total, weight) => total + weight);
      const buckets = NODES.map((_, member) => group?.owners.filter((owner) => owner === member).length);
      expect(buckets).toEqual(weights.map((weight) => (200 * weight) / sum));
      const entries = connections.filter((row) => row.service === service).map((row) => row["entered-by"]);
      expect(entries).toHaveLength(400);
      for (const [index, node] of NODES.entries()) {
        const share = weights[index] / sum;
        const count = entries.filter((entry) => entry === node).length;
        expect(Math.abs(count - 400 * share), `${service} by ${node}`).toBeLessThan(BAND * Math.sqrt(400 * share * (1 - share)));
      }
    }
  });
});
