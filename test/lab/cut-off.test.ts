/**
 * A request that began while its pod's node was cut off never hears from that pod: which one it was, the kernel of the node that it
 * entered by tells.
 */
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { canRunLabs, LAB_DEADLINE_MS, runScenario } from "./run-lab.ts";

const FILE = fileURLToPath(new URL("./fixtures/cut-off.yaml", import.meta.url));

describe.skipIf(!canRunLabs)("requests while a node is cut off", () => {
  it("fail with their pods, and for no other reason than a named one", { timeout: LAB_DEADLINE_MS }, async () => {
    const { strategies, stderr } = await runScenario(FILE);
    expect(strategies, stderr).toHaveLength(2);
    for (const { unexplained, differences } of strategies) {
      expect(unexplained).toEqual([]);
      expect(differences["pod-cut-off"]).toBeGreaterThan(0);
    }
  });
});
