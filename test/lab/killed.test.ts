/**
 * SIGKILL at moments drawn by a seed, of processes drawn by it, while a scenario is played with faults at work in it: after the next
 * command nothing of it is left. Three moments; KILLS=10 makes it ten.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { seededRandom } from "#src/net/random.ts";
import { childrenOf, machine, membersOf, treeOf } from "./process-tree.ts";
import { canRunLabs, LAB_DEADLINE_MS } from "./run-lab.ts";
import { smallLab } from "./small-lab.ts";
import { MAIN, users } from "./users.ts";

const folder = mkdtempSync(`${tmpdir()}/ecmp-killed-`);
afterAll(() => rmSync(folder, { recursive: true }));
chmodSync(folder, 0o755);
writeFileSync(`${folder}/lab.yaml`, smallLab("struck", 3));
writeFileSync(
  `${folder}/scenario.yaml`,
  `name: killed
lab: ./lab.yaml
traffic: [{ kind: connections, service: web, count: 20, firstSourcePort: 20000 }]
timeline:
  - { at: 0.1, fault: link-down, node: n1 }
  - { at: 0.2, fault: stop-speaker, node: n2 }
  - { at: 0.3, fault: loss, node: n3, percent: 50 }
  - { at: 0.4, fault: mac-change, node: n2 }
  - { at: 0.5, fault: delay, node: n3 }
strategies: { all: {} }
`,
);

/** What is told until all faults are at work: started, sessions, routes, forecast, opened, pods, traffic, and these. */
const LINES = 12;
const LONGEST_PAUSE_MS = 400;

/** Of the tree whose outer process this is. */
const VICTIMS: readonly [string, (outer: number, random: () => number) => number][] = [
  ["its outer process", (outer) => outer],
  ["the process that holds its namespaces", (outer) => childrenOf(outer)[0]],
  ["its process 1", (outer) => childrenOf(childrenOf(outer)[0])[0]],
  [
    "any of its processes",
    (outer, random) => {
      const members = membersOf(treeOf(childrenOf(childrenOf(outer)[0])[0]));
      return members[random() % members.length];
    },
  ],
];

const moments = Array.from({ length: Number(process.env.KILLS ?? 3) }, (_, index) => {
  const random = seededRandom(index + 1);
  const [victim, choose] = VICTIMS[random() % VICTIMS.length];
  return { victim, choose, random, lines: LINES - (random() % 6), pauseMs: random() % LONGEST_PAUSE_MS };
});

const [[, prefix]] = users;
const command = (...words: string[]): string[] => [...prefix, process.execPath, MAIN, "lab", ...words];

let outer: ChildProcess | undefined;
afterEach(() => void outer?.kill("SIGKILL"));

describe.skipIf(!canRunLabs)("a scenario that is played", { timeout: LAB_DEADLINE_MS }, () => {
  it.each(moments)("leaves nothing when $victim is killed $pauseMs ms behind line $lines of what it tells", async (moment) => {
    const before = machine();
    const [program, ...words] = command("run", `${folder}/scenario.yaml`, "--json");
    const played = spawn(program, words, { stdio: ["ignore", "pipe", "ignore"] });
    outer = played;
    let told = 0;
    for await (const _ of createInterface({ input: played.stdout })) if (++told === moment.lines) break;
    expect(told).toBe(moment.lines);
    await pause(moment.pauseMs);
    const tree = treeOf(childrenOf(childrenOf(played.pid as number)[0])[0]);
    process.kill(moment.choose(played.pid as number, moment.random), "SIGKILL");
    const [next, ...rest] = command("down", `${folder}/scenario.yaml`);
    await promisify(execFile)(next, rest, { timeout: LAB_DEADLINE_MS });
    // Whoever is killed dies a moment later.
    await vi.waitFor(() => expect(membersOf(tree)).toEqual([]), { timeout: 5000, interval: 10 });
    expect(machine()).toEqual(before);
  });
});
