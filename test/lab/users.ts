/** Who runs a lab in the tests: root (when we are), and somebody who owns nothing (when they could read the program). */
import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const MAIN = fileURLToPath(new URL("../../dist/src/main.js", import.meta.url));

const asNobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
const isRoot = process.getuid?.() === 0;

/** Whether every folder above a file lets others through, and the file lets them read. */
function othersCanRead(path: string): boolean {
  for (let at = path; at !== ""; at = at.slice(0, at.lastIndexOf("/"))) {
    if ((statSync(at).mode & 0o005) === 0) return false;
  }
  return true;
}

/** A name, what to put before the command, and whether it can be done here. */
export const users: [string, string[], boolean][] = isRoot
  ? [
      ["root", [], true],
      ["an ordinary user", asNobody, othersCanRead(MAIN)],
    ]
  : [["an ordinary user", [], true]];
