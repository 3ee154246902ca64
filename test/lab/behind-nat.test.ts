/**
 * The lab `behind-nat` on real parts: the router sees one address and ports drawn by lot, and each flow goes where the forecast of
 * what the NAT made of it says; and what a lab with a NAT may not say.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { loadLab } from "#src/lab/catalog.ts";
import { readLab } from "#src/lab/lab-file.ts";
import { readScenarios } from "#src/lab/scenario-file.ts";
import { canRunLabs, LAB_DEADLINE_MS, runScenario } from "./run-lab.ts";

describe.skipIf(!canRunLabs)("ecmp lab run behind-nat", () => {
  it("breaks all by addresses, and a node's by ports, as forecast", { timeout: LAB_DEADLINE_MS }, async () => {
    const { strategies, rows, stderr } = await runScenario("behind-nat");
    expect(strategies, stderr).toHaveLength(2);
    for (const { unexplained, verdicts } of strategies) {
      expect(unexplained).toEqual([]);
      expect(verdicts.filter(({ holds }) => !holds)).toEqual([]);
    }
    const [addresses, ports] = strategies;
    expect(addresses.connections).toMatchObject({ opened: 60, broken: 60, forecast: 60, perNode: { n1: 0, n2: 0, n3: 60 } });
    expect(addresses.datagrams).toMatchObject({ flows: 20, moved: 20, forecast: 20 });
    expect(ports.connections).toMatchObject({ broken: ports.connections.perNode.n3, forecast: ports.connections.perNode.n3 });
    expect(Object.values(ports.connections.perNode).every((count) => count > 5)).toBe(true);

    // One address, and no port is the client's own but by chance: nobody could have known without asking.
    expect(rows).toHaveLength(160);
    const portOf = (flow: string) => Number(/:(\d+) /.exec(flow)?.[1]);
    for (const { flow, translated } of rows) {
      expect(flow).toContain(" 10.0.2.2:");
      expect(translated).toContain(" 10.0.1.2:");
    }
    const kept = rows.filter(({ flow, translated }) => portOf(flow) === portOf(translated));
    expect(kept.length).toBeLessThan(5);
    expect(new Set(rows.map(({ strategy, translated }) => `${strategy} ${translated}`)).size).toBe(rows.length);
  });
});

describe("a lab with a NAT", () => {
  const text = readFileSync(new URL("../../lab/behind-nat/lab.yaml", import.meta.url), "utf8");
  const pathsOf = (changed: string) => {
    const result = readLab(changed);
    return "mistakes" in result ? result.mistakes.map(({ path }) => path) : [];
  };

  it("knows which host it is, and by which interface", () => {
    expect(loadLab("behind-nat").nat).toEqual({ host: "nat", interface: "eth0" });
    expect(loadLab("metallb-bgp").nat).toBeUndefined();
  });

  it("is refused with an interface that it has not, and with another one", () => {
    expect(pathsOf(text)).toEqual([]);
    expect(pathsOf(text.replace("masquerade: eth0", "masquerade: eth7"))).toEqual(["topology.nodes.nat.masquerade"]);
    expect(pathsOf(text.replace("client: { kind: linux,", "client: { kind: linux, masquerade: eth0,"))).toEqual([
      "topology.nodes.nat.masquerade",
    ]);
  });

  it("has no requests, which nobody could forecast", () => {
    const scenario = `name: x
lab: behind-nat
traffic: [{ kind: requests, service: web, arrivals: { constant: 1 }, firstSourcePort: 20000 }]
strategies: { one: {} }
`;
    const result = readScenarios(scenario, () => loadLab("behind-nat"));
    expect("mistakes" in result && result.mistakes.map(({ path }) => path)).toEqual(["traffic[0].kind"]);
  });
});
