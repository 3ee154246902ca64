/**
 * A speaker that dies while a scenario is played whose timeline knows nothing of it: what breaks has a reason, because the router's
 * events tell of the change, and the forecast made again with it breaks the same connections.
 */
import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { afterAll, describe, expect, it } from "vitest";
import { findInLab } from "./process-tree.ts";
import { canRunLabs, LAB_DEADLINE_MS } from "./run-lab.ts";
import { MAIN, users } from "./users.ts";

const folder = mkdtempSync(`${tmpdir()}/ecmp-surprise-`);
afterAll(() => rmSync(folder, { recursive: true }));
chmodSync(folder, 0o755);
const file = `${folder}/scenario.yaml`;
writeFileSync(
  file,
  `name: surprise
lab: metallb-bgp
seed: 42
router: { ecmp: { hash: { fields: 5-tuple, seed: 42 }, selector: { name: modulo } } }
traffic:
  - { kind: connections, service: cluster, count: 60, firstSourcePort: 20000 }
timeline: []
watchSeconds: 3
strategies: { calm: {} }
`,
);

describe.skipIf(!canRunLabs)("a change of routes that no fault made", () => {
  it("is told, and is the reason of exactly what it broke", { timeout: LAB_DEADLINE_MS }, async () => {
    const [[, prefix]] = users;
    const [program, ...words] = [...prefix, process.execPath, MAIN, "lab", "run", file, "--json"];
    const outer = spawn(program, words, { stdio: ["ignore", "pipe", "ignore"] });
    const told: Record<string, unknown>[] = [];
    try {
      for await (const line of createInterface({ input: outer.stdout })) {
        told.push(JSON.parse(line));
        if (told.at(-1)?.kind === "traffic") process.kill(findInLab(outer.pid as number, "/run/lab/calm/n2/bgpd.pid"), "SIGKILL");
      }
    } finally {
      outer.kill("SIGKILL");
    }
    const surprises = told.filter(({ kind }) => kind === "surprise");
    expect(surprises).toMatchObject([{ node: "n2", what: "departs", because: "session-down (closed by the peer)" }]);
    const { strategies } = told.at(-1) as { strategies: Record<string, Record<string, number>>[] };
    const [{ connections, differences }] = strategies;
    expect(connections).toMatchObject({ opened: 60, forecast: 0 });
    expect(connections.broken).toBeGreaterThan(30);
    expect(differences).toMatchObject({ "routes-surprised": connections.broken, unexplained: 0 });
  });
});
