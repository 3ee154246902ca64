/** What is really there of a lab, as /proc has it: the members of its process namespace; and what it must leave alone. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** A process's namespace; its number is used again at once when it has gone, those of processes are not. */
export const treeOf = (pid: number): string => readlinkSync(`/proc/${pid}/ns/pid`);

/** Every process of this machine that lives in the process namespace `tree`. */
export function membersOf(tree: string): number[] {
  return readdirSync("/proc").flatMap((name) => {
    try {
      return /^\d+$/.test(name) && treeOf(Number(name)) === tree ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

export const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);

/** The one process with these words in its command, of the lab whose outer process this is. */
export function findInLab(outer: number, ...words: readonly string[]): number {
  const [holder] = childrenOf(outer);
  const commandOf = (pid: number) => readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  const found = membersOf(treeOf(childrenOf(holder)[0])).filter((pid) => words.every((word) => commandOf(pid).includes(word)));
  if (found.length !== 1) throw new Error(`${found.length} processes of the lab have ${words.join(", ")} in their command`);
  return found[0];
}

/** What of this machine a lab might leave something in. */
export const machine = () => ({
  mounts: readFileSync("/proc/self/mounts", "utf8"),
  interfaces: readFileSync("/proc/net/dev", "utf8").match(/^\s*\S+:/gm),
  run: readdirSync("/run").sort(),
  varTmp: readdirSync("/var/tmp").sort(),
});
