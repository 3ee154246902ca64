/**
 * `ecmp conform` against real speakers, ours among them: what it finds is kept beside this file, and any change of it, of a
 * speaker or of a check, is seen in a diff. UPDATE_EXPECTED=1 writes it anew. A lane for each check, all speakers at once.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, type TestContext, test } from "vitest";
import { ALL_CHECKS } from "#src/conform/catalog.ts";
import type { Result } from "#src/conform/check.ts";
import { ECMP } from "../common/host.ts";
import { createCable, inNamespace, run } from "../common/namespace.ts";
import { Daemon, missingProgram, versionOf } from "../speaker/daemon.ts";
import { expectedPath, PORT, readExpected, SUBJECTS, type Subject, type Verdicts } from "./subjects.ts";

const LOCAL_ASN = 65000;
const OBSERVER_ASN = 64999;
const SPEAKER_ASN = 65101;
const TIMEOUT_MS = 200_000;
const LOOKS = 3;

type Finding = Verdicts["checks"][number];

/** One speaker in addresses of its own, judged by these checks. */
async function judge(
  test: TestContext,
  { kind, passesOn }: Subject,
  network: string,
  checks: readonly string[],
): Promise<Result[]> {
  const folder = mkdtempSync(join(tmpdir(), "ecmp-conform-"));
  test.onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [address, observer] = [`${network}.1`, `${network}.2`];
  const lanes = checks.map((_, index) => `${network}.${index + 10}`);
  for (const each of [address, observer, ...lanes]) run(`ip address replace ${each}/32 dev lo`);
  const peers = [...lanes.map((lane) => ({ address: lane, asn: LOCAL_ASN })), { address: observer, asn: OBSERVER_ASN }];
  const daemon = new Daemon(kind, { address, asn: SPEAKER_ASN, peers, prefix: "203.0.113.0/24", folder });
  test.onTestFinished(() => daemon.end());
  await daemon.announce();
  const numbers = ["--local-as", `${LOCAL_ASN}`, "--remote-as", `${SPEAKER_ASN}`];
  const observing = passesOn ? ["--observer", observer, "--observer-as", `${OBSERVER_ASN}`] : [];
  return conform(["--peer", address, ...numbers, ...observing, "--listen", "--local", ...lanes, "--check", ...checks]);
}

/** The JSON of `ecmp conform`; its exit code has to fit it. */
function conform(words: readonly string[]): Promise<Result[]> {
  const child = spawn(process.execPath, [ECMP, "conform", "--json", ...words], { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => (stdout += chunk));
  child.stderr.on("data", (chunk) => (stderr += chunk));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      if (stdout === "") return reject(new Error(`ecmp conform ended with ${code}: ${stderr}`));
      const results: Result[] = JSON.parse(stdout);
      const isGood = results.every(({ verdict }) => verdict !== "fail" && verdict !== "no-answer");
      expect(code).toBe(isGood ? 0 : 1);
      resolve(results);
    });
  });
}

/** Everything that is asked of one speaker: most of it side by side, what ends or disturbs it on one of its own each. */
async function judgeApart(test: TestContext, subject: Subject, network: string, names: readonly string[]): Promise<Finding[]> {
  const isAlone = (name: string) => subject.alone.includes(name);
  const runs = [names.filter((name) => !isAlone(name)), ...names.filter(isAlone).map((name) => [name])];
  const all = runs.filter((checks) => checks.length > 0);
  const found = (await Promise.all(all.map((checks, run) => judge(test, subject, `${network}.${run}`, checks)))).flat();
  return found.map(({ name, verdict, saw }) =>
    subject.varying.includes(name) ? { name, verdict: "varies", saw: "varies" } : { name, verdict, saw },
  );
}

const isSame = (a: Finding | undefined, b: Finding | undefined): boolean => a?.verdict === b?.verdict && a?.saw === b?.saw;

const CONFORMS: readonly string[] = ["pass", "not-applicable"];

const NAMES = ALL_CHECKS.map(({ check }) => check.name);

/** What differs from the record is looked at again, with a new speaker: on a busy machine a deadline may have passed. */
async function expectAsRecorded(test: TestContext, subject: Subject, number: number, expected: Verdicts): Promise<void> {
  const recorded = new Map(expected.checks.map((check) => [check.name, check]));
  let names = NAMES;
  let changes: string[] = [];
  for (let look = 0; look < LOOKS && names.length > 0; look++) {
    const found = await judgeApart(test, subject, `10.${20 + number + 10 * look}`, names);
    const isExpected = (finding: Finding) =>
      subject.isOurs ? CONFORMS.includes(finding.verdict) : isSame(finding, recorded.get(finding.name));
    const changed = found.filter((finding) => !isExpected(finding));
    changes = changed.map((finding) => `${words(finding)}; recorded: ${words(recorded.get(finding.name))}`);
    names = changed.map(({ name }) => name);
  }
  // What crosses the border of the namespace is the message of an error.
  if (changes.length > 0) throw new Error(changes.join("\n"));
  expect(expected.checks.map(({ name }) => name)).toEqual(NAMES);
}

const words = (finding: Finding | undefined): string =>
  finding ? `${finding.name}: ${finding.verdict}, ${finding.saw}` : "no such check";

async function record(test: TestContext, subject: Subject, number: number): Promise<void> {
  const found = await judgeApart(test, subject, `10.${20 + number}`, NAMES);
  const checks = NAMES.map((name) => found.find((finding) => finding.name === name));
  const verdicts = { speaker: subject.kind.name, version: versionOf(subject.kind), checks };
  writeFileSync(expectedPath(subject), `${JSON.stringify(verdicts, undefined, 2)}\n`);
}

await inNamespace(import.meta.url, () => {
  beforeAll(() => {
    run("ip link set lo up");
    createCable(PORT, "conform1");
  });

  describe.concurrent("ecmp conform", () => {
    for (const [number, subject] of SUBJECTS.entries()) {
      const { kind } = subject;
      const missing = missingProgram(kind);
      const expected = readExpected(subject);
      if (missing) test.skip(`${kind.name}: ${missing} is not installed`, () => undefined);
      else if (process.env.UPDATE_EXPECTED !== undefined || !expected)
        test(`${kind.name}: recorded`, { timeout: TIMEOUT_MS }, (context) => record(context, subject, number));
      else if (expected.version !== versionOf(kind))
        test.skip(`${kind.name}: ${versionOf(kind)} is here, ${expected.version} was recorded`, () => undefined);
      else
        test(`${kind.name}: as recorded`, { timeout: TIMEOUT_MS }, (context) =>
          expectAsRecorded(context, subject, number, expected),
        );
    }
  });
});
