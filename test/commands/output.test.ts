/** Where results go and inputs come from, as a shell has them: pipes that are closed early, disks that are full, `-`. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "ecmp-output-"));
afterAll(() => rmSync(folder, { recursive: true }));
const MAIN = new URL("../../dist/src/main.js", import.meta.url).pathname;
const CONFIG = "routes: [{prefix: 198.51.100.0/24, nextHops: [{address: 10.0.0.1}]}]\n";
const HEADER = "protocol,src,srcPort,dst,dstPort\n";
const config = join(folder, "c.yaml");
writeFileSync(config, CONFIG);

describe("a full disk", { timeout: 60_000 }, () => {
  it.skipIf(!existsSync("/dev/full"))("is said in one line, and exits 2", () => {
    for (const words of [["profiles"], ["--help"], ["disrupt", "--remove", "1", "--flows", "10"]]) {
      const { status, stderr } = spawnSync(process.execPath, [MAIN, ...words], {
        encoding: "utf8",
        stdio: ["ignore", openSync("/dev/full", "w"), "pipe"],
      });
      expect({ status, stderr }).toEqual({
        status: 2,
        stderr: "output: ENOSPC: no space left on device, write, wanted a place that takes all of it\n",
      });
    }
  });
});

describe("a reader that goes away", { timeout: 60_000 }, () => {
  it("ends what prints lines without end, with 0 and no word", async () => {
    const output = new URL("../../dist/src/commands/output.js", import.meta.url).href;
    const program = `import { printLines } from "${output}";
      await printLines([{ *[Symbol.iterator]() { for (;;) yield "one line of many" } }], String);`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", program]);
    onTestFinished(() => void child.kill("SIGKILL"));
    let errors = "";
    child.stderr.on("data", (text) => {
      errors += text;
    });
    child.stdout.once("data", () => child.stdout.destroy());
    const status = await new Promise((resolve) => child.on("close", resolve));
    expect({ status, errors }).toEqual({ status: 0, errors: "" });
  });
});

describe("-", { timeout: 60_000 }, () => {
  const ecmp = (input: string, ...words: string[]) => spawnSync(process.execPath, [MAIN, ...words], { encoding: "utf8", input });

  it("is the standard input, for configurations and flows", () => {
    expect(ecmp(CONFIG, "check", "-")).toMatchObject({ status: 0, stdout: "-: no mistake\n" });
    expect(ecmp("routes: 5\n", "check", "-").stderr).toMatch(/^-:1: routes: 5, wanted/);
    const { status, stdout } = ecmp(
      `${HEADER}tcp,10.0.0.1,1000,198.51.100.1,80\n`,
      "explain",
      ...["--config", config, "--flows", "-", "--json"],
    );
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ flow: "tcp 10.0.0.1:1000 198.51.100.1:80", nextHop: "10.0.0.1" });
  });

  it("is no configuration of a running router, which reads it again", () => {
    expect(ecmp(CONFIG, "run", "-")).toMatchObject({
      status: 2,
      stderr: "-: the standard input, wanted a file that SIGHUP can read again\n",
    });
  });
});
