/**
 * `lab/setup` in a project of its own with an `npm` and a `node` that only note what they are asked: what it does, what it
 * leaves alone, what it says. The system packages are there, because the tests' own set-up has installed them; installing them
 * is what a fresh machine tests.
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const SETUP = fileURLToPath(new URL("../../lab/setup", import.meta.url));
let project: string;

const write = (path: string, text = "", mode = 0o644) => {
  mkdirSync(dirname(`${project}/${path}`), { recursive: true });
  writeFileSync(`${project}/${path}`, text, { mode });
};
/** Ages a file by whole minutes, so that newer and older do not depend on the file system's clock. */
const age = (path: string, minutesAgo: number) => {
  const seconds = 1_700_000_000 - minutesAgo * 60;
  utimesSync(`${project}/${path}`, seconds, seconds);
};

beforeEach(() => {
  project = mkdtempSync(`${tmpdir()}/ecmp-setup-`);
  mkdirSync(`${project}/lab`);
  cpSync(SETUP, `${project}/lab/setup`);
  for (const path of [
    "src/main.ts",
    "native-bindings/index.ts",
    "bench/run.ts",
    "tsconfig.json",
    "package.json",
    "package-lock.json",
  ]) {
    write(path);
    age(path, 30);
  }
  write("fake/node", "#!/bin/sh\necho v20.19.0\n", 0o755);
  write(
    "fake/npm",
    `#!/bin/sh\necho "$*" >>"${project}/npm.log"\nmkdir -p node_modules dist/src\n: >node_modules/.package-lock.json\n: >dist/src/main.js\n`,
    0o755,
  );
});
afterEach(() => rmSync(project, { recursive: true }));

function setup(purpose = "start") {
  const env = { ...process.env, PATH: `${project}/fake:${process.env.PATH}` };
  const { status, stdout, stderr } = spawnSync("bash", [`${project}/lab/setup`, purpose], { env, encoding: "utf8" });
  const npm = existsSync(`${project}/npm.log`) ? readFileSync(`${project}/npm.log`, "utf8").trim().split("\n") : [];
  return { status, stdout, stderr, npm };
}

/** What a finished set-up leaves, everything of it newer than the sources. */
function pretendDone() {
  for (const path of ["node_modules/.package-lock.json", "dist/src/main.js", "dist/.built"]) {
    write(path);
    age(path, path === "dist/.built" ? 10 : 20);
  }
}

describe("lab/setup", () => {
  it("installs and builds what is not there, a line with its seconds each", () => {
    const { status, stdout, stderr, npm } = setup();
    expect({ status, stdout, npm }).toEqual({
      status: 0,
      stdout: "",
      npm: ["ci --ignore-scripts --no-audit --no-fund", "run --silent build"],
    });
    expect(stderr).toMatch(/^setup: npm packages \.\.\. \d+ s\nsetup: build \.\.\. \d+ s\n$/);
  });

  it("is quiet when there is nothing to do, whatever it is for", () => {
    pretendDone();
    for (const purpose of ["start", "test", "bench"])
      expect(setup(purpose)).toEqual({ status: 0, stdout: "", stderr: "", npm: [] });
  });

  it("builds again after a source has changed", () => {
    pretendDone();
    age("src/main.ts", 5);
    expect(setup().npm).toEqual(["run --silent build"]);
  });

  it("installs and builds again after package-lock.json has changed", () => {
    pretendDone();
    age("package-lock.json", 5);
    expect(setup().npm).toEqual(["ci --ignore-scripts --no-audit --no-fund", "run --silent build"]);
  });

  it("shows what a failed step said, at its beginning and at its end", () => {
    write("fake/npm", "#!/bin/sh\necho the cause\nseq 100\necho the end\nexit 1\n", 0o755);
    const { status, stderr } = setup();
    expect(status).toBe(2);
    expect(stderr).toMatch(
      /npm packages \.\.\. failed after \d+ s; it said:\n {2}the cause\n(.*\n)*.*the end\nnpm ci: failed\n {2}wanted /,
    );
    expect(stderr.split("\n").length).toBeLessThan(45);
  });

  it.each([
    ["an old Node", "v20.18.3", "node: version 20.18.3\n  wanted  20.19.0 or later\n  to do   https://nodejs.org/en/download\n"],
    [
      "a much older Node",
      "v9.11.2",
      "node: version 9.11.2\n  wanted  20.19.0 or later\n  to do   https://nodejs.org/en/download\n",
    ],
  ])("refuses %s", (_, version, words) => {
    write("fake/node", `#!/bin/sh\necho ${version}\n`, 0o755);
    expect(setup()).toMatchObject({ status: 2, stderr: words, npm: [] });
  });

  it("refuses a purpose it does not know", () => {
    expect(setup("strat")).toMatchObject({
      status: 2,
      stderr: 'lab/setup: found "strat"\n  wanted  one of start, test, bench\n',
    });
  });
});
