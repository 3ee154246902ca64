/**
 * A speaker of `daemons.ts` at work: configured, started, and told what to do. It lives in mount and process namespaces of its own
 * and dies with the process that started it, so nothing of it is left behind; the network namespace is that of the test.
 */
import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { delay, systemClock } from "#src/net/clock.ts";
import type { DaemonKind, DaemonPlan } from "./daemons.ts";

/** As the program itself says it. */
export function versionOf({ name, version: [command, pattern] }: DaemonKind): string {
  const { stdout, stderr } = spawnSync(command[0], command.slice(1), { encoding: "utf8" });
  const found = pattern.exec(`${stdout}${stderr}`)?.[1];
  if (found === undefined) throw new Error(`${name}: ${command.join(" ")} says ${stdout}${stderr}, a version wanted`);
  return found;
}

export const missingProgram = (kind: DaemonKind): string | undefined => kind.programs.find((program) => !existsSync(program));

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);

const descendants = (pid: number): number[] => childrenOf(pid).flatMap((child) => [child, ...descendants(child)]);

const runProgram = promisify(execFile);

const CONTROL_DEADLINE_MS = 20_000;
const CONTROL_RETRY_MS = 50;

export class Daemon {
  private readonly kind: DaemonKind;
  private readonly plan: DaemonPlan;
  private readonly process: ChildProcess;
  private output = "";
  private isWanted = true;
  private readonly closed: Promise<void>;
  /** Rejects with the daemon's own words if it ends by itself. */
  readonly failed: Promise<never>;

  constructor(kind: DaemonKind, plan: DaemonPlan) {
    this.kind = kind;
    this.plan = plan;
    mkdirSync(plan.folder, { recursive: true });
    const path = join(plan.folder, "configuration");
    writeFileSync(path, kind.configuration(plan));
    writeFileSync(join(plan.folder, "commands"), "");
    const mounts = [
      "mount -t tmpfs tmpfs /var/tmp",
      ...(kind.folder ? [`mount -t tmpfs tmpfs /run && mkdir ${kind.folder}`] : []),
    ];
    // The shell stays, as process 1: with it, all that is in its namespace dies, also a daemon that has changed its user.
    const inside = [[...mounts, '"$@"; exit'].join(" && "), "sh", ...kind.command(plan, path)];
    const unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", ...inside];
    this.process = spawn("setpriv", ["--pdeathsig", "KILL", ...unshare], { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.process.stdout, this.process.stderr]) stream?.on("data", (chunk) => (this.output += chunk));
    this.closed = new Promise((resolve) => this.process.once("close", () => resolve()));
    this.failed = this.closed.then(() => {
      if (this.isWanted) throw new Error(`${kind.name} has ended: ${this.output}`);
      return new Promise<never>(() => undefined);
    });
    this.failed.catch(() => undefined);
  }

  announce(): Promise<void> {
    return this.run(this.kind.announce?.(this.plan));
  }

  withdraw(): Promise<void> {
    return this.run(this.kind.withdraw(this.plan));
  }

  shutDown(words: string): Promise<void> {
    return this.run(this.kind.shutDown(this.plan, words));
  }

  /** SIGSTOP to every process of it: its sockets stay open and nobody answers. */
  freeze(): void {
    for (const pid of descendants(this.pid)) process.kill(pid, "SIGSTOP");
  }

  /** SIGKILL to the speaker itself, so that its kernel closes its sockets, and no process of it says a word. */
  kill(): void {
    this.isWanted = false;
    this.freeze();
    const [speaker] = childrenOf(this.pid);
    if (speaker > 0) process.kill(speaker, "SIGKILL");
  }

  private get pid(): number {
    if (this.process.pid === undefined) throw new Error(`${this.kind.name} has not started`);
    return this.process.pid;
  }

  /** Settles when nothing of it is left: its output stays open as long as any process of it lives. */
  end(): Promise<void> {
    this.isWanted = false;
    this.process.kill("SIGKILL");
    return this.closed;
  }

  /** The control socket may not be there yet: it is tried again until it is. */
  private async run(command: string[] | undefined): Promise<void> {
    if (!command) return;
    const endMs = systemClock.nowMs() + CONTROL_DEADLINE_MS;
    for (;;) {
      try {
        await runProgram(command[0], command.slice(1), { timeout: 5000 });
        return;
      } catch (cause) {
        if (systemClock.nowMs() > endMs || this.process.exitCode !== null)
          throw new Error(`${command.join(" ")}: ${this.output}`, { cause });
        await delay(systemClock, CONTROL_RETRY_MS);
      }
    }
  }
}
