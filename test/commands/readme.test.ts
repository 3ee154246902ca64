/** Samples in README.md of commands that need nothing but their arguments are what the command prints. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const MAIN = fileURLToPath(new URL("../../dist/src/main.js", import.meta.url));
/** Others want a running router, root, or a neighbor to speak to. */
const OFFLINE = /^\$ (ecmp (?:explain|disrupt|balance|profiles|check) .*)\n([\s\S]*)$/;

const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
const blocks = [...readme.matchAll(/^```\n([\s\S]*?)^```$/gm)].map(([, block]) => block);
const samples = blocks.flatMap((block) => {
  const sample = OFFLINE.exec(block);
  return sample ? [{ command: sample[1], printed: sample[2] }] : [];
});

describe("README.md", () => {
  it("has samples", () => {
    expect(samples.map(({ command }) => command)).toContainEqual(expect.stringMatching(/^ecmp disrupt /));
  });

  it.each(samples)("$command", async ({ command, printed }) => {
    const script = `ecmp() { "$NODE" "$MAIN" "$@"; }; ${command}`;
    const { stdout, stderr } = await promisify(execFile)("sh", ["-c", script], { env: { NODE: process.execPath, MAIN } });
    expect(stderr).toBe("");
    expect(stdout).toBe(printed);
  });
});
