/** A lab that is up, looked at, mended and ended from outside, on real parts: a router, two BIRDs, two pods. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Inspection } from "#src/lab/inspect.ts";
import { childrenOf, membersOf, treeOf } from "./process-tree.ts";
import { smallLab } from "./small-lab.ts";
import { MAIN, users } from "./users.ts";

const [[user, prefix, possible]] = users;
const folder = mkdtempSync(join(tmpdir(), "ecmp-standing-"));
const file = join(folder, "lab.yaml");
const command = (...words: string[]) => [...prefix, process.execPath, MAIN, "lab", ...words];

async function say(...words: string[]): Promise<{ stdout: string; stderr: string }> {
  const [program, ...rest] = command(...words);
  return await promisify(execFile)(program, rest, { timeout: 60_000 });
}

interface Up {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  stdout: string;
  stderr: string;
}

let outer: Up | undefined;

/** Comes back when it is up, or has ended. */
async function up(): Promise<Up> {
  const [program, ...rest] = command("up", file, "--json");
  const child = spawn(program, rest, { stdio: ["ignore", "pipe", "pipe"] });
  const exited = new Promise<number | null>((resolve) => child.on("exit", resolve));
  const started: Up = { child, exited, stdout: "", stderr: "" };
  child.stdout?.on("data", (bytes: Buffer) => {
    started.stdout += bytes.toString();
  });
  const stands = new Promise<void>((resolve) => {
    child.stderr?.on("data", (bytes: Buffer) => {
      started.stderr += bytes.toString();
      if (started.stderr.includes("To end it:")) resolve();
    });
  });
  await Promise.race([stands, exited]);
  return started;
}

const inspect = async (): Promise<Inspection[]> => JSON.parse((await say("inspect", file, "--json")).stdout) as Inspection[];

const living = (pids: readonly number[]): number[] => pids.filter((pid) => existsSync(`/proc/${pid}`));

describe.skipIf(!possible)(`the life of a lab, of ${user}`, { timeout: 120_000 }, () => {
  beforeAll(() => writeFileSync(file, smallLab("watched", 2)));
  afterAll(async () => {
    await say("down", file);
    outer?.child.kill("SIGKILL");
    await outer?.exited;
    rmSync(folder, { recursive: true });
  }, 60_000);

  it("is nothing before it is up", async () => {
    expect(await inspect()).toEqual([]);
    await expect(say("inspect", file)).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining("nothing of it stands"),
    });
    expect((await say("down", file)).stderr).toContain("nothing of it stands");
  });

  it("is told as what is really there", async () => {
    outer = await up();
    const [{ machines, links, ...lab }, ...others] = await inspect();
    expect(others).toEqual([]);
    // Who brings it up with --json is told the same, and nothing else.
    await vi.waitFor(() => expect(JSON.parse(outer?.stdout ?? "")).toMatchObject(lab), { timeout: 20_000, interval: 50 });
    expect(lab).toMatchObject({ name: "watched", verb: "up", whole: true });
    expect(machines.map(({ name, session }) => [name, session])).toEqual([
      ["router", undefined],
      ["client", undefined],
      ["fabric", undefined],
      ["n1", "Established"],
      ["n2", "Established"],
      ["n1-a", undefined],
      ["n2-a", undefined],
    ]);
    expect(machines.flatMap(({ missing }) => missing)).toEqual([]);
    const n1 = machines.find(({ name }) => name === "n1");
    expect(n1).toMatchObject({ kind: "bird", addresses: ["10.0.0.11/24", "10.244.1.1/24"], processes: [{ command: "bird" }] });
    expect(links).toContainEqual(["client:eth0", "router:client0"]);
    // The way in that it tells leads into that very machine.
    const enter = lab.enter.replace("MACHINE", "n1").split(" ");
    const inside = await promisify(execFile)(enter[0], [...enter.slice(1), "ip", "-brief", "address", "show", "eth0"]);
    expect(inside.stdout).toContain("10.0.0.11/24");
  });

  it("is left alone by a second up while it is whole", async () => {
    const [{ pid }] = await inspect();
    expect((await say("up", file)).stdout).toContain(`watched: up, process ${pid}, whole`);
    expect((await inspect()).map((lab) => lab.pid)).toEqual([pid]);
  });

  it("is not whole while a process of it is stopped", async () => {
    const [{ machines }] = await inspect();
    const pod = machines.find(({ name }) => name === "n1-a")?.processes[0].pid ?? 0;
    process.kill(pod, "SIGSTOP");
    const [stopped] = await inspect();
    expect(stopped.whole).toBe(false);
    expect(stopped.machines.find(({ name }) => name === "n1-a")?.missing).toEqual(["pod-process"]);
    process.kill(pod, "SIGCONT");
    // Nobody waits for the answer of a router that is stopped.
    const router = machines.find(({ name }) => name === "router")?.processes[0].pid ?? 0;
    process.kill(router, "SIGSTOP");
    expect(await inspect()).toMatchObject([{ whole: false }]);
    process.kill(router, "SIGCONT");
    expect(await inspect()).toMatchObject([{ whole: true }]);
  });

  it("is built anew by the next up when processes of it were killed, which says what was missing", async () => {
    const [before] = await inspect();
    const members = membersOf(treeOf(before.pid));
    for (const name of ["n2", "n1-a", "router"]) {
      process.kill(before.machines.find((machine) => machine.name === name)?.processes[0].pid ?? 0, "SIGKILL");
    }
    const first = outer;
    outer = await up();
    for (const lack of ["n2 has no bird", "n1-a has no pod-process", "router has no ecmp run"])
      expect(outer.stderr).toContain(lack);
    expect(await first?.exited).toBe(143);
    expect(living(members)).toEqual([]);
    expect(await inspect()).toMatchObject([{ whole: true }]);
  });

  it("is cleaned by down when nobody else could: its first process stopped, and who holds it, its outer one killed", async () => {
    const [{ pid }] = await inspect();
    const members = membersOf(treeOf(pid));
    process.kill(childrenOf(outer?.child.pid ?? 0)[0], "SIGSTOP");
    process.kill(pid, "SIGSTOP");
    outer?.child.kill("SIGKILL");
    await outer?.exited;
    expect(living(members)).toContain(pid);
    expect(await inspect()).toMatchObject([{ pid, whole: false }]);
    // By its name, which a lab that stands is known by.
    await say("down", "watched");
    expect(living(members)).toEqual([]);
  });
});
