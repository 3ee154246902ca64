/**
 * A flood against the router's limit, on real parts: the node is shut out, for good, though its flood ebbs away; its connections
 * are reset by whom they go to then, and nobody else's hears of it. Without a limit the same flood is nobody's harm.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { canRunLabs, LAB_DEADLINE_MS, runScenario } from "./run-lab.ts";
import { smallLab } from "./small-lab.ts";

const folder = mkdtempSync(join(tmpdir(), "ecmp-shut-out-"));
afterAll(() => rmSync(folder, { recursive: true }));

const SCENARIO = `name: shut-out
lab: ./lab.yaml
router: { ecmp: { hash: { fields: 5-tuple, seed: 42 }, selector: { name: hrw } } }
traffic:
  - { kind: connections, service: web, count: 30, firstSourcePort: 20000 }
  - { kind: requests, service: web, arrivals: { constant: 20 }, firstSourcePort: 21000 }
timeline: [{ at: 0.5, fault: prefix-flood, node: n2, prefixes: 600, until: 1.5 }]
assertions: [as forecast, broken on survivors = 0]
strategies:
  limited: { prefixLimit: 500 }
  unlimited: { assertions: [broken = 0, failed requests = 0] }
`;

describe.skipIf(!canRunLabs)("a node that announces more than it may", () => {
  it("is shut out, and its connections move", { timeout: LAB_DEADLINE_MS }, async () => {
    writeFileSync(join(folder, "lab.yaml"), smallLab("flooded", 3));
    writeFileSync(join(folder, "scenario.yaml"), SCENARIO);
    const { strategies, rows, events, stderr } = await runScenario(join(folder, "scenario.yaml"));
    expect(strategies, stderr).toHaveLength(2);
    for (const { verdicts, unexplained } of strategies) {
      expect(unexplained).toEqual([]);
      expect(verdicts.filter(({ holds }) => !holds)).toEqual([]);
    }
    const seen = events
      .filter(({ kind }) => kind === "observed")
      .map(({ strategy, node, event }) => [strategy, node, event?.kind]);
    expect(seen).toEqual([["limited", "n2", "prefix-limit-exceeded"]]);

    const [limited] = strategies;
    const [begun, ended] = limited.marks;
    expect([begun.what, ended.what]).toEqual(["begins", "ends"]);
    const own = rows.filter(({ strategy }) => strategy === "limited");
    const connections = own.filter(({ kind }) => kind === "connection");
    const theirs = connections.filter(({ node }) => node === "n2");
    expect(theirs.length).toBe(limited.connections.perNode.n2);
    expect(theirs.length).toBeGreaterThan(3);
    // Each was reset by a node that does not know it, and is open again by another port.
    for (const { outcome, forecast, retries } of theirs) {
      expect({ outcome, forecast }).toEqual({ outcome: "reset", forecast: "breaks" });
      expect(Number(retries)).toBeGreaterThan(0);
    }
    for (const { node, outcome } of connections) if (node !== "n2") expect(outcome).toBe("lives");

    // It had its share of the requests before, and has none after, the end of the flood included.
    const requests = own.filter(({ kind }) => kind === "request");
    const [before, after] = [
      requests.filter(({ openedMs }) => Number(openedMs) < begun.fromMs),
      requests.filter(({ openedMs }) => Number(openedMs) > 2000),
    ];
    expect(new Set(before.map(({ node }) => node))).toEqual(new Set(["n1", "n2", "n3"]));
    expect(new Set(after.map(({ node }) => node))).toEqual(new Set(["n1", "n3"]));
    expect(after.length).toBeGreaterThan(20);
  });
});
