/** Pods that move to a chosen node: where each would be is known before, and on the real lab they are there, and come back. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { labNames, loadLab } from "#src/lab/catalog.ts";
import { nodeNamed } from "#src/lab/lab.ts";
import { guestsOf, placesFor, whyNoPlace, withGuests } from "#src/lab/pod-guest.ts";
import { formatPrefix, prefixContains } from "#src/net/prefix.ts";
import { canRunLabs, LAB_DEADLINE_MS, runScenario } from "./run-lab.ts";
import { smallLab } from "./small-lab.ts";

const folder = mkdtempSync(join(tmpdir(), "ecmp-moved-pods-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("a place for a pod", () => {
  const lab = loadLab("metallb-bgp");

  it("is behind those of its node, and nobody else's, whoever else moves there", () => {
    const n3 = nodeNamed(lab, "n3");
    const pods = ["n1", "n2"].flatMap((name) => guestsOf(lab, nodeNamed(lab, name), n3));
    const all = [...n3.pods, ...pods];
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    expect(new Set(all.map(({ address }) => formatPrefix(address))).size).toBe(all.length);
    for (const { name, node, address } of pods) {
      expect(name).toMatch(/^n3-[a-z]$/);
      expect(node).toBe("n3");
      expect(formatPrefix(address)).toMatch(/^10\.244\.3\.\d+\/24$/);
    }
    expect(nodeNamed(withGuests(lab, [{ atSeconds: 1, fault: "pods-move", node: "n1", to: "n3" }]), "n3").pods).toEqual([
      ...n3.pods,
      ...guestsOf(lab, nodeNamed(lab, "n1"), n3),
    ]);
  });

  it("is where whatever they serve is served already", () => {
    // The service local has its pods on n1 and n3.
    expect(placesFor(lab, nodeNamed(lab, "n1"))).toEqual(["n3"]);
    expect(placesFor(lab, nodeNamed(lab, "n2"))).toEqual(["n1", "n3", "n4"]);
    expect(whyNoPlace(lab, { fault: "pods-move", node: "n1", to: "n2" })).toBe("one of n3");
    expect(whyNoPlace(lab, { fault: "pods-move", node: "n1", to: "n3" })).toBeUndefined();
    expect(whyNoPlace(lab, { fault: "pods-move", node: "n1" })).toBeUndefined();
  });

  it("is in the subnet, in every ready lab", () => {
    for (const each of labNames().map(loadLab))
      for (const node of each.nodes)
        for (const to of placesFor(each, node)) {
          const place = nodeNamed(each, to);
          for (const { name, address } of guestsOf(each, node, place)) {
            expect(name).toMatch(/^[a-z0-9]+-[a-z]$/);
            expect(prefixContains(place.podSubnet, address.address)).toBe(true);
          }
        }
  });
});

const SCENARIO = `name: moved
lab: ./lab.yaml
router: { ecmp: { hash: { fields: 5-tuple, seed: 42 }, selector: { name: hrw } } }
traffic:
  - { kind: connections, service: web, count: 30, firstSourcePort: 20000 }
  # Nodes draw a pod for each: enough of them that no pod is without one by chance.
  - { kind: requests, service: web, arrivals: { constant: 60 }, firstSourcePort: 21000 }
timeline: [{ at: 0.5, fault: pods-move, node: n1, to: n3, until: 4 }]
strategies: { moved: {} }
`;

describe.skipIf(!canRunLabs)("the pods of a node", () => {
  it("serve from the other one, and come back", { timeout: LAB_DEADLINE_MS }, async () => {
    writeFileSync(join(folder, "lab.yaml"), smallLab("moved", 3));
    writeFileSync(join(folder, "scenario.yaml"), SCENARIO);
    const { strategies, rows, stderr } = await runScenario(join(folder, "scenario.yaml"));
    expect(strategies, stderr).toHaveLength(1);
    const [{ unexplained, connections, marks }] = strategies;
    expect(unexplained).toEqual([]);
    const [moved, back] = marks;
    // Whose pod it was is reset, and nobody else.
    const broken = rows.filter(({ kind, outcome }) => kind === "connection" && outcome === "reset");
    expect(broken.length).toBeGreaterThan(0);
    expect(connections).toMatchObject({ broken: broken.length, forecastByPod: broken.length });
    for (const { pod, forecast } of broken) expect({ pod, forecast }).toEqual({ pod: "n1-a", forecast: "breaks by its pod" });

    const servedBetween = (fromMs: number, toMs: number) => {
      const own = rows.filter(({ kind, openedMs }) => kind === "request" && Number(openedMs) > fromMs && Number(openedMs) < toMs);
      return new Set(own.map(({ pod }) => pod));
    };
    const pods = ["n1-a", "n2-a", "n3-a"];
    const small = loadLab(join(folder, "lab.yaml"));
    const [guest] = guestsOf(small, nodeNamed(small, "n1"), nodeNamed(small, "n3"));
    expect(servedBetween(-1, moved.fromMs)).toEqual(new Set(pods));
    expect(servedBetween(moved.toMs + 150, back.fromMs - 150)).toEqual(new Set([guest.name, "n2-a", "n3-a"]));
    expect(servedBetween(back.toMs + 150, Number.POSITIVE_INFINITY)).toEqual(new Set(pods));
  });
});
