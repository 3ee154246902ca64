/** A lab's process tree: whichever of its processes dies, and however, nothing of it is left. As root and as anybody else. */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { childrenOf, machine, membersOf, treeOf } from "./process-tree.ts";
import { smallLab } from "./small-lab.ts";
import { MAIN, users } from "./users.ts";

let running: ChildProcess | undefined;
afterEach(() => void running?.kill("SIGKILL"));

const folder = mkdtempSync(join(tmpdir(), "ecmp-tree-"));
const file = join(folder, "lab.yaml");
chmodSync(folder, 0o755);
writeFileSync(file, smallLab("short-lived", 2));
afterAll(() => rmSync(folder, { recursive: true }));

/** Starts `lab up` and comes back when its namespaces stand: the outer process, its `unshare`, and the tree's identity. */
async function standingLab(prefix: string[]) {
  const command = [...prefix, process.execPath, MAIN, "lab", "up", file];
  const outer = spawn(command[0], command.slice(1), { stdio: ["ignore", "ignore", "pipe"] });
  running = outer;
  const lines: string[] = [];
  for await (const line of createInterface({ input: outer.stderr })) {
    lines.push(line);
    if (line.includes("namespaces ")) break;
  }
  expect(lines.at(-1)).toMatch(/namespaces {5}7 of them/);
  const holder = childrenOf(outer.pid as number)[0];
  const first = childrenOf(holder)[0];
  const exited = new Promise<number | null>((resolve) => outer.on("exit", (code) => resolve(code)));
  return { outer, holder, first, exited, tree: treeOf(first) };
}

describe.each(users)("a lab of %s", (_, prefix, possible) => {
  type Lab = Awaited<ReturnType<typeof standingLab>>;
  const deaths: [string, (lab: Lab) => void, number | null][] = [
    ["is ended by SIGTERM", ({ outer }) => outer.kill("SIGTERM"), 143],
    ["is ended by Ctrl-C", ({ outer }) => outer.kill("SIGINT"), 130],
    ["dies with its outer process", ({ outer }) => outer.kill("SIGKILL"), null],
    ["dies with the process that holds its namespaces", ({ holder }) => process.kill(holder, "SIGKILL"), 2],
    ["dies with its process 1", ({ first }) => process.kill(first, "SIGKILL"), 2],
  ];

  it.skipIf(!possible).each(deaths)("%s, and leaves nothing", async (_, kill, exitCode) => {
    const before = machine();
    const lab = await standingLab(prefix);
    expect(membersOf(lab.tree)).toContain(lab.first);
    kill(lab);
    expect(await lab.exited).toBe(exitCode);
    await vi.waitFor(() => expect(membersOf(lab.tree)).toEqual([]), { timeout: 5000, interval: 10 });
    expect(machine()).toEqual(before);
  });
});
