/**
 * Who the router is. Capabilities belong to threads, and Node has several before the first line of ours runs, so nothing is
 * given up in place: `becomeUser` starts this very program again, in this very process, as an unprivileged user with the few
 * capabilities that a router needs (setpriv(1), capabilities(7)); all its threads are born with them, and so is `nft`. Called by
 * `ecmp run --user` before anything is open.
 */
import { spawnSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { loadNative } from "../../native-bindings/index.ts";

/** Packet sockets; the ingress rule, and rings' buffers beyond the system's limits; port 179. */
const CAPABILITIES = ["net_raw", "net_admin", "net_bind_service"];
/** Programs of flows that the kernel carries. */
const FLOW_OFFLOAD_CAPABILITY = "bpf";

/** For BFD's thread, which would need CAP_SYS_NICE otherwise: the lowest of the real-time priorities is left to the user. */
const REAL_TIME_LIMIT = "--rtprio=1";

interface Account {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Returns if the process is that user's already, else only by an error. `folders` that are not there yet are made, and the
 * user's; those that are there stay as they are.
 */
export function becomeUser(name: string, folders: readonly string[], { flowOffload }: { readonly flowOffload: boolean }): void {
  const account = findAccount(name);
  if (account.uid === 0) throw new Error(`"${name}", wanted a user that is not root`);
  if (process.getuid?.() === account.uid) return;
  if (process.getuid?.() !== 0) throw new Error(`"${name}", wanted to be started by root, or by that user`);
  const kept = flowOffload ? [...CAPABILITIES, FLOW_OFFLOAD_CAPABILITY] : CAPABILITIES;
  const asUser = setprivWords(account, kept);
  rehearse(name, asUser, kept);
  for (const folder of folders) makeFolder(folder, account);
  spawnSync("prlimit", ["--pid", String(process.pid), REAL_TIME_LIMIT]);
  replaceProgram([...asUser, process.execPath, ...process.execArgv, ...process.argv.slice(1)]);
}

/** Of the system's users, wherever it keeps them; a number may be nobody's. */
function findAccount(name: string): Account {
  const { stdout } = spawnSync("getent", ["passwd", "--", name], { encoding: "utf8" });
  const [, , uid, gid] = stdout?.split(":") ?? [];
  if (gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  if (/^\d{1,9}$/.test(name)) return { uid: Number(name), gid: Number(name) };
  throw new Error(`"${name}", wanted a user of this machine or its number`);
}

/**
 * The bounding set cannot be emptier than what is inherited (setpriv sets it first); without new privileges it is no way to more
 * anyway, since no program that is started gains anything by its owner or its file capabilities.
 */
function setprivWords({ uid, gid }: Account, capabilities: readonly string[]): string[] {
  const kept = ["-all", ...capabilities.map((capability) => `+${capability}`)].join(",");
  const sets = ["--inh-caps", "--ambient-caps", "--bounding-set"].map((set) => `${set}=${kept}`);
  return ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", ...sets, "--no-new-privs", "--"];
}

/** What would fail once this program is gone is found out while it can still say so. */
function rehearse(name: string, asUser: readonly string[], kept: readonly string[]): void {
  const [program, ...words] = asUser;
  const main = process.argv[1];
  const canRun = ["test", "-x", process.execPath, "-a", "-r", main];
  const { error, status, stderr } = spawnSync(program, [...words, ...canRun], { encoding: "utf8" });
  if (error) throw new Error(`cannot run setpriv: ${error.message}; wanted the program setpriv (package util-linux)`);
  if (status === 0) return;
  const capabilities = `CAP_SETUID, CAP_SETGID, CAP_SETPCAP and ${kept.map((one) => `CAP_${one.toUpperCase()}`).join(", ")}`;
  if (stderr !== "")
    throw new Error(`"${name}": ${stderr.trim()}; wanted root with ${capabilities}, in a namespace that has that user`);
  throw new Error(`"${name}" may not read ${main} or not run ${process.execPath}; wanted an installation that this user may use`);
}

function makeFolder(folder: string, { uid, gid }: Account): void {
  if (existsSync(folder)) return;
  if (!existsSync(dirname(folder))) makeFolder(dirname(folder), { uid: 0, gid: 0 });
  mkdirSync(folder);
  chownSync(folder, uid, gid);
}

function replaceProgram(words: readonly string[]): never {
  return loadNative().replaceProgram(Buffer.from(words.map((word) => `${word}\0`).join("")));
}
