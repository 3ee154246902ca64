/** What a configuration says of files, held against the files that there are. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readConfigWithFiles } from "#src/commands/config-file.ts";

test("two taps are one file by whatever names: dots, a link to the folder, a link to the file", () => {
  const folder = mkdtempSync(join(tmpdir(), "ecmp-config-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "below"));
  symlinkSync(folder, join(folder, "link"));
  writeFileSync(join(folder, "there"), "");
  symlinkSync("there", join(folder, "other"));
  const mistakesOf = (first: string, second: string) => {
    const file = join(folder, "router.yaml");
    const [one, two] = [first, second].map((name) => JSON.stringify(`${folder}/${name}`));
    writeFileSync(file, `ports: [{interface: port0, tap: {file: ${one}}}, {interface: port1, tap: {file: ${two}}}]\n`);
    const result = readConfigWithFiles(file);
    return "mistakes" in result ? result.mistakes.map(({ path }) => path) : [];
  };
  expect(mistakesOf("new", "below/../new")).toEqual(["ports[1].tap.file"]);
  expect(mistakesOf("new", "link/../new")).toEqual([]);
  expect(mistakesOf("new", "link/new")).toEqual(["ports[1].tap.file"]);
  expect(mistakesOf("there", "other")).toEqual(["ports[1].tap.file"]);
  expect(mistakesOf("new", "newer")).toEqual([]);
});
