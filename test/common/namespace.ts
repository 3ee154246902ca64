/**
 * Tests that need a network of their own. `await inNamespace(import.meta.url, () => { ...tests... })` runs the calling file a
 * second time, in a fresh network namespace (as root, or as root of a fresh user namespace), and reports each test from there
 * under its own name. Where no namespace can be had, the file is one skipped test that says why.
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "vitest";
import { systemClock } from "#src/net/clock.ts";
import { findInterface } from "#src/port/interface.ts";

const INSIDE = "ECMP_TEST_IN_NAMESPACE";
const root = fileURLToPath(new URL("../..", import.meta.url));
const isRoot = process.getuid?.() === 0;
const unshare = ["--net", "--fork", "--kill-child", ...(isRoot ? [] : ["--user", "--map-root-user"])];

interface InnerTest {
  readonly fullName: string;
  readonly status: string;
  readonly failureMessages: readonly string[];
}

export async function inNamespace(file: string, define: () => void): Promise<void> {
  if (process.env[INSIDE]) return define();
  const obstacle = findObstacle();
  if (obstacle) return void test.skip(`network namespace: ${obstacle}`);
  const folder = mkdtempSync(join(tmpdir(), "ecmp-test-"));
  try {
    const report = join(folder, "report.json");
    const output = await runVitest(fileURLToPath(file), report);
    for (const inner of readReport(report, output)) mirror(inner);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function findObstacle(): string | undefined {
  for (const command of [
    ["unshare", ...unshare, "true"],
    ["ip", "-V"],
  ]) {
    const { error, status, stderr } = spawnSync(command[0], command.slice(1), { encoding: "utf8" });
    if (error || status !== 0) return `\`${command.join(" ")}\` fails: ${error?.message ?? stderr.trim()}`;
  }
  return undefined;
}

function runVitest(file: string, report: string): Promise<string> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("VITEST"));
  const vitest = [join(root, "node_modules/vitest/vitest.mjs"), "run", "--config", "test/vitest.config.ts", file];
  const child = spawn("unshare", [...unshare, process.execPath, ...vitest, "--reporter=json", `--outputFile=${report}`], {
    cwd: root,
    env: { ...Object.fromEntries(inherited), [INSIDE]: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", () => resolve(output));
  });
}

function readReport(path: string, output: string): InnerTest[] {
  const failed = (...failureMessages: string[]) => [{ fullName: "the run in the namespace", status: "failed", failureMessages }];
  let report: { success: boolean; testResults: { message: string; assertionResults: InnerTest[] }[] };
  try {
    report = JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return failed(output);
  }
  const tests = report.testResults.flatMap((file) => file.assertionResults);
  // A failure outside of the tests (a hook, an import) leaves them skipped, which must not pass for a choice.
  const explained = report.success ? tests.length > 0 : tests.some(({ status }) => status === "failed");
  return explained ? tests : failed(...report.testResults.map((file) => file.message), output);
}

function mirror({ fullName, status, failureMessages }: InnerTest): void {
  if (status === "pending" || status === "skipped") return void test.skip(fullName);
  test(fullName, () => {
    if (status !== "passed") throw new Error(failureMessages.join("\n") || status);
  });
}

/** Runs a program to its end and returns what it printed; an error tells what it complained of. */
export function run(command: string): string {
  const [program, ...words] = command.split(" ");
  // An ordinary user's PATH may lack the folders of the system's own programs.
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
  const { error, status, stdout, stderr } = spawnSync(program, words, { encoding: "utf8", env });
  if (error || status !== 0) throw new Error(`${command}: ${error?.message ?? stderr}`);
  return stdout;
}

/** Two Ethernet interfaces that are the ends of one cable, up, on which the kernel itself says nothing. */
export function createCable(near: string, far: string): void {
  run(`ip link add name ${near} type veth peer name ${far}`);
  for (const name of [near, far]) {
    writeFileSync(`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, "1");
    run(`ip link set dev ${name} up`);
  }
  // The kernel takes up the carrier a moment later; until then a queueing discipline swallows everything.
  const deadline = systemClock.nowMs() + 5000;
  while (![near, far].every((name) => findInterface(name).running)) {
    if (systemClock.nowMs() > deadline) throw new Error(`${near}, ${far}: no carrier after five seconds`);
  }
}

/** Frames sent by this end of a cable that the queue at the other one had no room for. */
export const lostBehind = (name: string): number => JSON.parse(run(`ip -j -s link show dev ${name}`))[0].stats64.tx.dropped;

export const deleteInterface = (name: string): string => run(`ip link delete dev ${name}`);
