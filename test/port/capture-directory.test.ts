import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { CaptureDirectory } from "#src/port/capture-directory.ts";

const directory = mkdtempSync(join(tmpdir(), "ecmp-captures-"));
afterAll(() => rmSync(directory, { recursive: true }));

test("a capture directory replaces what an earlier run left, and appends within a run", () => {
  const path = join(directory, "out", "deep");
  for (const text of ["old", "new"]) {
    const output = new CaptureDirectory(path);
    output.append("a", Buffer.from(text));
    output.append("b", Buffer.from("x"));
    output.append("a", Buffer.from("er"));
  }
  expect(readFileSync(join(path, "a"), "utf8")).toBe("newer");
});
