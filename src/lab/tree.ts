/**
 * A lab is one process tree in namespaces of its own, the same way for root and for anybody else (who gets a user namespace
 * on top). Whatever dies, everything of it dies with it:
 *
 *   ecmp lab run ──(socket: the lifeline)──┐
 *     └─ unshare --kill-child              │ EOF: process 1 exits
 *          └─ process 1: ecmp lab run --inside ── router, speakers, pods, client: killed by the kernel with process 1
 *
 * Ctrl-C and SIGTERM close the lifeline, `ecmp lab down` asks process 1, SIGKILL of any of the three closes or kills the next
 * one. Nothing to clean up exists outside: mounts, links, namespaces and files live as long as the tree does.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { Socket } from "node:net";
import { constants } from "node:os";
import { ECMP_COMMAND } from "./ecmp-command.ts";
import { LabFailure } from "./failure.ts";
import type { Exit } from "./process.ts";

const LIFELINE_FD = 3;
export const REPORT_FD = 4;
export const CONNECTIONS_FD = 5;

/** Files that process 1 gets as those two: opened out here, because the tree has some folders of its own in the place of ours. */
export interface OpenFiles {
  readonly report?: number | undefined;
  readonly connections?: number | undefined;
}

/** What process 1 is told about the world outside it. */
export interface Outside {
  /** The process to stop when one wants to end it all, and the one that has process 1's namespaces and a number out here. */
  readonly outerPid: number;
  readonly holderPid: number;
  readonly ordinaryUser: boolean;
}

/**
 * Runs `ecmp ...words --inside NAME` as process 1 of a new tree, until it ends or we are told to; the exit code is its own. By
 * these words `standing.ts` finds it.
 */
export async function enterTree(name: string, words: readonly string[], files: OpenFiles = {}): Promise<number> {
  const ordinaryUser = process.getuid?.() !== 0;
  const namespaces = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"];
  if (ordinaryUser) namespaces.push("--user", "--map-root-user");
  const child = spawn("unshare", [...namespaces, "--", ...ECMP_COMMAND, ...words, "--inside", name], {
    stdio: ["ignore", "inherit", "inherit", "pipe", files.report ?? "ignore", files.connections ?? "ignore"],
    // Its own session: Ctrl-C comes to us alone, and the end is always the same one.
    detached: true,
    // Ordinary users often have no sbin in their path; the speakers are there.
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin` },
  });
  const lifeline = child.stdio[LIFELINE_FD] as Socket;
  lifeline.on("error", () => {});
  let exitCode: number | undefined;
  let entered = false;
  lifeline.on("data", (bytes) => {
    entered = true;
    const done = /done (\d+)/.exec(bytes.toString());
    if (done) exitCode = Number(done[1]);
  });

  const release = (signal: NodeJS.Signals) => {
    exitCode ??= 128 + constants.signals[signal];
    lifeline.destroy();
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, release);
  const outside: Outside = { outerPid: process.pid, holderPid: child.pid ?? 0, ordinaryUser };
  lifeline.write(`${JSON.stringify(outside)}\n`);
  const end = await ended(child);
  for (const signal of signals) process.off(signal, release);
  if (exitCode !== undefined) return exitCode;
  // It has said why on standard error.
  if (entered && end.code === 2) return end.code;
  if (entered) throw new LabFailure("lab", `ended (${end.signal ?? end.code}) before it was done`, "an end of its own");
  const wanted = ordinaryUser ? "a user namespace with its own network, mounts and processes" : "the right to make namespaces";
  const advice = ordinaryUser
    ? "run it as root, or allow it: sysctl kernel.unprivileged_userns_clone=1 (Debian), kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu)"
    : "in a container: run it with --privileged";
  throw new LabFailure("namespaces", "unshare failed (its words are above)", wanted, advice);
}

const ended = (child: ChildProcess): Promise<Exit> =>
  new Promise((resolve, reject) => {
    child.on("error", (error) =>
      reject(new LabFailure("unshare", error.message, "a program that starts", "apt-get install util-linux")),
    );
    // Not "exit": what was said on the lifeline must have been read.
    child.on("close", (code, signal) => resolve({ code, signal }));
  });

/** The inner end of the lifeline: process 1 ends when the outer process does. */
export class Lifeline {
  readonly outside: Promise<Outside>;
  readonly #socket = new Socket({ fd: LIFELINE_FD });

  constructor() {
    const exit = () => process.exit(1);
    this.#socket.on("end", exit).on("error", exit).on("close", exit);
    this.outside = new Promise((resolve) => {
      this.#socket.once("data", (bytes) => resolve(JSON.parse(bytes.toString()) as Outside));
    });
    this.#socket.write("inside\n");
    // `ecmp lab down`. Our own end is the tree's; the outer process is told that it was wanted.
    process.on("SIGTERM", () => this.#socket.write(`done ${128 + constants.signals.SIGTERM}\n`, exit));
  }

  /** Says that the work is done, and what its exit code is, whoever ends the tree now. */
  done(exitCode: number): void {
    this.#socket.write(`done ${exitCode}\n`);
  }
}
