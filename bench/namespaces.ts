/**
 * The world of a bench that needs networks of its own. The program is started twice: once outside, where it makes the
 * namespaces, and once inside as process 1, whose end ends everything in there; so nothing is left behind, however it ends.
 */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { inNamespace } from "../src/lab/namespace.ts";
import { execute } from "../src/lab/process.ts";

const INSIDE = "--inside";

/** Runs `measure` inside, as root of it, with the words that the program was started with and a `/run` that is empty. */
export async function runInNamespaces(measure: (words: readonly string[]) => Promise<void>): Promise<void> {
  const words = process.argv.slice(2);
  if (words[0] === INSIDE) {
    process.stdin.on("end", () => process.exit(1)).resume();
    await execute(["mount", "-t", "tmpfs", "tmpfs", "/run"]);
    await measure(words.slice(1));
    process.exit(0);
  }
  const user = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
  const spaces = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", ...user];
  const child = spawn("unshare", [...spaces, "--", process.execPath, process.argv[1], INSIDE, ...words], {
    stdio: ["pipe", "inherit", "inherit"],
  });
  child.on("exit", (code) => {
    process.exitCode = code ?? 1;
  });
}

export const sh = (namespace: string, command: string): Promise<string> => execute(inNamespace(namespace, ["sh", "-c", command]));

/** User and system time of all threads of a process; the kernel counts hundredths. */
export const processorSeconds = (pid: number): number => sumTimes(pid, 2);

/** The same of every process in this namespace, and of those that have ended: other work on the machine is not in it. */
export function processorSecondsInside(): number {
  const pids = readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name));
  return pids.reduce((sum, pid) => sum + sumTimes(Number(pid), 4), 0);
}

/** The first `count` of a process's own user and system time, and those of its children that have ended. */
function sumTimes(pid: number, count: number): number {
  const times = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/.*\) /s, "")
    .split(" ")
    .slice(11, 11 + count);
  return times.reduce((sum, hundredths) => sum + Number(hundredths) / 100, 0);
}
