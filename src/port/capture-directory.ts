/** A directory of capture files, written piece by piece, as a replay splits a capture by next hop. */
import { closeSync, mkdirSync, openSync, statSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";

/** Each file is written at its end, and open only meanwhile: there may be thousands. */
export class CaptureDirectory {
  readonly path: string;
  readonly #begun = new Set<string>();

  constructor(path: string) {
    this.path = path;
    makeDirectory(path);
  }

  /** What an earlier run left under the same name is replaced. */
  append(name: string, bytes: Uint8Array): void {
    const descriptor = openSync(join(this.path, name), this.#begun.has(name) ? "a" : "w");
    this.#begun.add(name);
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
    } finally {
      closeSync(descriptor);
    }
  }
}

/** With those above it. Node's own recursion does not come back from a place like /proc, where nothing can be made. */
function makeDirectory(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  makeDirectory(dirname(path));
  mkdirSync(path);
}
