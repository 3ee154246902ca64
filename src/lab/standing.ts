/**
 * The labs that stand on this machine, as the kernel knows them: process 1 of each is this program, called with `--inside NAME`
 * (`tree.ts`). No file says so and none can go stale; what is looked at is always what there is. Only labs of this very program
 * and of the user who asks are found: two checkouts, and two users, do not end each other's.
 */
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { type Clock, delay } from "../net/clock.ts";
import { ECMP_COMMAND } from "./ecmp-command.ts";
import { LabFailure } from "./failure.ts";

export interface StandingLab {
  readonly name: string;
  /** What `catalog.ts` finds it by: its name there, or its file. */
  readonly source: string;
  /** The verb that it was called with: `run` ends by itself, `up` does not. */
  readonly verb: string;
  /** Process 1, as we number it. Its namespaces are the lab's. */
  readonly pid: number;
  /** Its process namespace, in the kernel's words. */
  readonly tree: string;
  readonly stopped: boolean;
}

/** A process of a standing lab, and the network namespace that it is in. */
export interface LabProcess {
  readonly pid: number;
  readonly command: readonly string[];
  readonly network: string;
  /** It is there, and does nothing. */
  readonly stopped: boolean;
}

const END_DEADLINE_MS = 5000;
const LOOK_AGAIN_MS = 20;

/** Of this name, or all of them; the oldest first. */
export function standingLabs(name?: string): StandingLab[] {
  return processIds()
    .flatMap((pid) => gone(() => readStanding(pid)) ?? [])
    .filter((lab) => name === undefined || lab.name === name)
    .sort((a, b) => a.pid - b.pid);
}

function readStanding(pid: number): StandingLab[] {
  const command = commandOf(pid);
  const words = command.slice(ECMP_COMMAND.length);
  const name = words.indexOf("--inside") < 0 ? undefined : words[words.indexOf("--inside") + 1];
  if (name === undefined || words[0] !== "lab" || ECMP_COMMAND.some((word, index) => word !== command[index])) return [];
  const status = statusOf(pid);
  const isFirst = /^NSpid:\t\d+\t(?:\d+\t)*1$/m.test(status);
  if (!isFirst || statSync(`/proc/${pid}`).uid !== process.getuid?.()) return [];
  return [{ name, verb: words[1], source: words[2], pid, tree: treeOf(pid), stopped: isStopped(status) }];
}

/** Everything that lives in the tree of `lab`, process 1 included. */
export function processesOf({ tree }: StandingLab): LabProcess[] {
  return processIds().flatMap((pid) => {
    if (gone(() => treeOf(pid)) !== tree) return [];
    return (
      gone(() => {
        const network = readlinkSync(`/proc/${pid}/ns/net`);
        return [{ pid, command: commandOf(pid), network, stopped: isStopped(statusOf(pid)) }];
      }) ?? []
    );
  });
}

/** The network namespace that a lab knows by this name, in the kernel's words; undefined while there is none. */
export function networkOf({ pid }: StandingLab, name: string): string | undefined {
  return gone(() => `net:[${statSync(pathInside(pid, `/run/netns/${name}`)).ino}]`);
}

/** A file of the lab's own, as we reach it from outside. */
export const pathInside = (pid: number, path: string): string => `/proc/${pid}/root${path}`;

/** Asks process 1 to end, and kills it when it does not. The kernel lets it go last: once it is gone, so is the tree. */
export async function endLab(clock: Clock, lab: StandingLab): Promise<void> {
  wakeHolder(lab);
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    gone(() => process.kill(lab.pid, signal));
    // A stopped process hears SIGTERM when it goes on, which may be never.
    if (signal === "SIGTERM" && lab.stopped) continue;
    for (let waitedMs = 0; waitedMs < END_DEADLINE_MS; waitedMs += LOOK_AGAIN_MS) {
      if (gone(() => treeOf(lab.pid)) !== lab.tree) return;
      await delay(clock, LOOK_AGAIN_MS);
    }
  }
  throw new LabFailure(`lab ${lab.name}`, `process ${lab.pid} still lives`, `its end within ${(2 * END_DEADLINE_MS) / 1000} s`);
}

/** Who made the tree hears of its end; were it stopped, process 1 would stay behind as a zombie. */
function wakeHolder({ pid }: StandingLab): void {
  const holder = Number(/^PPid:\t(\d+)$/m.exec(gone(() => statusOf(pid)) ?? "")?.[1]);
  if (gone(() => commandOf(holder))?.[0] === "unshare") gone(() => process.kill(holder, "SIGCONT"));
}

const statusOf = (pid: number): string => readFileSync(`/proc/${pid}/status`, "utf8");
const isStopped = (status: string): boolean => /^State:\t[Tt]/m.test(status);

const treeOf = (pid: number): string => readlinkSync(`/proc/${pid}/ns/pid`);

const processIds = (): number[] => readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));

const commandOf = (pid: number): string[] => readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);

/** Processes end while one looks at them, and others are not ours to look at: that is no failure, there is nothing to see. */
function gone<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (["ENOENT", "ESRCH", "EACCES", "EPERM", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}
