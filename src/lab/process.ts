/**
 * Processes of a lab: commands that are run to their end, and daemons that live until they are stopped. A daemon's last
 * lines are kept, to be shown when something it should have done did not happen.
 */
import { type ChildProcessByStdio, execFile, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { Clock } from "../net/clock.ts";
import { LabFailure } from "./failure.ts";

const KEPT_LINES = 200;
const STOP_DEADLINE_MS = 3000;

/**
 * Runs a command to its end and returns what it printed (stdout, then stderr); anything but exit code 0 is a failure, and so is to
 * take longer than `timeoutMs` (0: however long).
 */
export function execute(command: readonly string[], input = "", timeoutMs = 0): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(command[0], command.slice(1), { maxBuffer: 1 << 26, timeout: timeoutMs }, (error, stdout, stderr) => {
      if (!error) return resolve(stdout + stderr);
      const said = (stderr || stdout || error.message).trim();
      reject(new LabFailure(command.join(" "), said, "exit code 0"));
    });
    // A command that ends without reading its input is judged by its exit code, not by our broken pipe.
    child.stdin?.on("error", () => {});
    child.stdin?.end(input);
  });
}

/** A command whose standard error goes where its standard output does. */
export const mergeOutput = (command: readonly string[]): string[] => ["sh", "-c", 'exec "$@" 2>&1', "sh", ...command];

/** Every daemon that runs, whoever started it. */
const running = new Set<Daemon>();

export const runningDaemons = (): readonly Daemon[] => [...running];

/** Ends whatever runs: what came up of something that did not come up whole. */
export const stopAllDaemons = async (clock: Clock): Promise<void> =>
  void (await Promise.all([...running].map((daemon) => daemon.stop(clock))));

export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export class Daemon {
  readonly name: string;
  readonly pid: number;
  readonly exited: Promise<Exit>;
  #exit: Exit | undefined;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #lines: string[] = [];
  readonly #listeners: ((line: string) => void)[] = [];

  private constructor(name: string, child: ChildProcessByStdio<Writable, Readable, Readable>) {
    this.name = name;
    this.pid = child.pid as number;
    this.#child = child;
    running.add(this);
    child.stdin.on("error", () => {});
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => {
        this.#lines.push(line);
        if (this.#lines.length > KEPT_LINES) this.#lines.shift();
        if (stream === child.stdout) for (const listener of this.#listeners) listener(line);
      });
    }
    this.exited = new Promise((resolve) => {
      child.on("close", (code, signal) => {
        this.#exit = { code, signal };
        running.delete(this);
        resolve(this.#exit);
      });
    });
  }

  static start(name: string, command: readonly string[]): Promise<Daemon> {
    return new Promise((resolve, reject) => {
      // In a group of its own: a signal is for the daemon and the processes that it has made.
      const child = spawn(command[0], command.slice(1), { stdio: ["pipe", "pipe", "pipe"], detached: true });
      child.once("error", (error) => reject(new LabFailure(command.join(" "), error.message, "a program that starts")));
      child.once("spawn", () => resolve(new Daemon(name, child)));
    });
  }

  get running(): boolean {
    return this.#exit === undefined;
  }

  /** What its first process does, as the kernel has it; its children may hold its output open for longer. */
  get state(): "runs" | "stopped" | "ended" {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return "ended";
    const stat = readFileSync(`/proc/${this.pid}/stat`, "utf8");
    return /^[Tt]/.test(stat.slice(stat.lastIndexOf(")") + 2)) ? "stopped" : "runs";
  }

  /** Hands every line of its standard output to `listener`, from now on. */
  onLine(listener: (line: string) => void): void {
    this.#listeners.push(listener);
  }

  /** Waits for a line of its standard output, from now on; that it ends first, or `deadlineMs` passes, is a failure. */
  async untilLine(wanted: string | RegExp, clock: Clock, deadlineMs: number): Promise<void> {
    const said = new Promise<"said">((resolve) => {
      this.onLine((line) => {
        if (typeof wanted === "string" ? line === wanted : wanted.test(line)) resolve("said");
      });
    });
    let cancel = () => {};
    const late = new Promise<"late">((resolve) => {
      cancel = clock.setTimer(deadlineMs, () => resolve("late"));
    });
    const first = await Promise.race([said, late, this.exited]);
    cancel();
    if (first === "said") return;
    const found = first === "late" ? `silent about it for ${deadlineMs / 1000} s` : `it ended (${first.code ?? first.signal})`;
    throw new LabFailure(
      this.name,
      [found, ...this.lastLines(10)].join("\n    "),
      `the line "${typeof wanted === "string" ? wanted : wanted.source}"`,
    );
  }

  lastLines(count: number): string[] {
    return this.#lines.slice(-count);
  }

  send(text: string): void {
    this.#child.stdin.write(text);
  }

  /** The daemon and whatever it has started. */
  kill(signal: NodeJS.Signals): void {
    if (!this.running) return;
    try {
      process.kill(-this.pid, signal);
    } catch (error) {
      // It has ended this moment.
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }

  /** SIGTERM and the wait for its end; SIGKILL when that takes longer than it should. */
  async stop(clock: Clock): Promise<Exit> {
    this.kill("SIGTERM");
    const cancel = clock.setTimer(STOP_DEADLINE_MS, () => this.kill("SIGKILL"));
    const exit = await this.exited;
    cancel();
    return exit;
  }
}
