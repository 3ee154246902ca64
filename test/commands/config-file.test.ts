/** What a configuration says of files, held against the files that there are. */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readConfigWithFiles } from "#src/commands/config-file.ts";
import { formatMistake } from "#src/config/read.ts";
import { ECMP } from "../common/host.ts";

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

/** A folder, and what is wrong with a configuration in it: the paths, each with what is wanted. */
function inFolder() {
  const folder = mkdtempSync(join(tmpdir(), "ecmp-config-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "router.yaml");
  const mistakesOf = (...ports: string[]) => {
    const named = ports.map((port, i) => `  - {interface: p${i}, kind: capture-file, ${port.replaceAll("./", `${folder}/`)}}\n`);
    writeFileSync(file, `ports:\n${named.join("")}`);
    const result = readConfigWithFiles(file);
    return "mistakes" in result ? result.mistakes.map((mistake) => formatMistake("", mistake).replaceAll(folder, ".")) : [];
  };
  return { folder, file, mistakesOf };
}

test("what a port reads is a plain file, whether it is followed or not; one that is followed may come later", () => {
  const { folder, mistakesOf } = inFolder();
  execFileSync("mkfifo", [join(folder, "pipe")]);
  writeFileSync(join(folder, "there"), "");
  expect(
    mistakesOf(
      "read: ./pipe",
      "read: {file: ./pipe, follow: true}",
      "read: /dev/null",
      "read: {file: ./, follow: true}",
      "read: ./later",
      "read: {file: ./later, follow: true}",
      "read: {file: ./there/later, follow: true}",
      "read: ./there",
    ),
  ).toEqual([
    ':2: ports[0].read: "./pipe", wanted a file that can be read; that is no plain file',
    ':3: ports[1].read.file: "./pipe", wanted a file that can be read; that is no plain file',
    ':4: ports[2].read: "/dev/null", wanted a file that can be read; that is no plain file',
    ':5: ports[3].read.file: "./", wanted a file that can be read; that is a folder',
    ':6: ports[4].read: "./later", wanted a file that can be read; there is no such file',
    ':8: ports[6].read.file: "./there/later", wanted a file that can be read; a part of the way is no folder',
  ]);
});

test("no port writes over the configuration or puts aside what another reads, by whatever names", () => {
  const { folder, file, mistakesOf } = inFolder();
  for (const name of ["out.1", "out.4"]) writeFileSync(join(folder, name), "");
  symlinkSync("out.1", join(folder, "older"));
  symlinkSync("router.yaml", join(folder, "link"));
  expect(
    mistakesOf("write: ./link", "tap: {file: ./tap}, write: ./one", "read: ./older", "read: ./out.4", "write: ./out"),
  ).toEqual([
    ':2: ports[0].write: "./link", wanted another file than this configuration',
    ':4: ports[2].read: "./older", wanted a file that stays where it is; ports[4] puts aside under this name what it wrote',
  ]);
  expect(mistakesOf("tap: {file: ./router.yaml}, write: ./one", "write: ./none/out")).toEqual([
    ':2: ports[0].tap.file: "./router.yaml", wanted another file than this configuration',
    ':3: ports[1].write: "./none/out", wanted a file that can be written; there is no folder ./none',
  ]);
  expect(spawnSync(process.execPath, [ECMP, "check", file], { encoding: "utf8" })).toMatchObject({
    status: 1,
    stderr: expect.stringContaining("ports[0].tap.file"),
  });
});

test.skipIf(process.getuid?.() !== 0)("where nobody may look that is said, too", () => {
  const { folder, file, mistakesOf } = inFolder();
  mkdirSync(join(folder, "closed"));
  mistakesOf("write: ./closed/out", "read: ./closed/in");
  chmodSync(folder, 0o755);
  chmodSync(join(folder, "closed"), 0o700);
  const nobody = ["setpriv", "--reuid", "65534", "--clear-groups", process.execPath, ECMP, "check", file];
  const { status, stderr } = spawnSync(nobody[0], nobody.slice(1), { encoding: "utf8" });
  expect([status, stderr.replaceAll(folder, ".")]).toEqual([
    1,
    './router.yaml:2: ports[0].write: "./closed/out", wanted a file that can be written; there is no way into the folder ./closed\n' +
      './router.yaml:3: ports[1].read: "./closed/in", wanted a file that can be read; it may not be read\n',
  ]);
});
