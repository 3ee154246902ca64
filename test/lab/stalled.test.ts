/**
 * A pod that is stopped while a scenario is played in which nothing happens: its connections fall silent and nobody else's, and their
 * reason is `stalled`, because the kernel told that this pod did nothing for so long.
 */
import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { afterAll, describe, expect, it } from "vitest";
import { findInLab } from "./process-tree.ts";
import { canRunLabs, LAB_DEADLINE_MS, readCsv } from "./run-lab.ts";
import { smallLab } from "./small-lab.ts";
import { MAIN, users } from "./users.ts";

const folder = mkdtempSync(`${tmpdir()}/ecmp-stalled-`);
afterAll(() => rmSync(folder, { recursive: true }));
chmodSync(folder, 0o777);
writeFileSync(`${folder}/lab.yaml`, smallLab("stalling", 3));
writeFileSync(
  `${folder}/scenario.yaml`,
  `name: stalled
lab: ./lab.yaml
traffic: [{ kind: connections, service: web, count: 60, firstSourcePort: 20000 }]
watchSeconds: 1
strategies: { calm: {} }
`,
);

describe.skipIf(!canRunLabs)("a pod that is stopped", () => {
  it("is the reason of exactly its own connections", { timeout: LAB_DEADLINE_MS }, async () => {
    const [[, prefix]] = users;
    const csv = `${folder}/connections.csv`;
    const words = [...prefix, process.execPath, MAIN, "lab", "run", `${folder}/scenario.yaml`, "--json", "--connections", csv];
    const outer = spawn(words[0], words.slice(1), { stdio: ["ignore", "pipe", "ignore"] });
    const exited = new Promise((resolve) => outer.once("exit", resolve));
    const told: Record<string, unknown>[] = [];
    try {
      for await (const line of createInterface({ input: outer.stdout })) {
        told.push(JSON.parse(line));
        if (told.at(-1)?.kind === "traffic") process.kill(findInLab(outer.pid as number, "n1-a"), "SIGSTOP");
      }
      await exited;
    } finally {
      outer.kill("SIGKILL");
    }
    const { strategies } = told.at(-1) as { strategies: Record<string, Record<string, number>>[] };
    expect(strategies, JSON.stringify(told)).toHaveLength(1);
    const [{ connections, differences }] = strategies;
    const rows = readCsv(csv);
    const own = rows.filter(({ pod }) => pod === "n1-a");
    expect(own.length).toBeGreaterThan(5);
    expect(rows.filter(({ reason }) => reason === "stalled")).toEqual(own);
    expect(new Set(own.map(({ forecast, outcome }) => `${forecast}, ${outcome}`))).toEqual(new Set(["lives, timed out"]));
    expect(connections).toMatchObject({ opened: 60, forecast: 0, broken: own.length });
    expect(differences).toMatchObject({ stalled: own.length, unexplained: 0 });
  });
});
