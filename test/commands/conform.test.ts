/** The command around the checks: its arguments, its list, its exit codes, its table. */
import { spawn } from "node:child_process";
import { expect, onTestFinished, test } from "vitest";
import { ALL_CHECKS } from "#src/conform/catalog.ts";
import { ECMP } from "../common/host.ts";
import { notify, ScriptedSpeaker, SPEAKER_ASN } from "../conform/scripted-speaker.ts";

function ecmp(...words: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [ECMP, "conform", ...words], { stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk) => (stdout += chunk));
  child.stderr.on("data", (chunk) => (stderr += chunk));
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, stdout, stderr })));
}

async function judged(code: number, subcode: number, ...words: string[]) {
  const speaker = await ScriptedSpeaker.start({ onGarbage: (socket) => notify(socket, code, subcode) });
  onTestFinished(() => speaker.end());
  const where = ["--peer", "127.0.0.1", "--port", `${speaker.port}`, "--local-as", "65000", "--remote-as", `${SPEAKER_ASN}`];
  return await ecmp(...where, ...words);
}

test("a good speaker: a table, progress on stderr, exit code 0", async () => {
  const { code, stdout, stderr } = await judged(1, 1, "--check", "bad-marker", "open-as");
  expect(stderr).toContain("[1/2] pass           open-as");
  expect(stdout).toContain("AS 65101, identifier 10.0.0.1, hold time 90 s, IPv4 unicast, four-octet AS 65101");
  expect(stdout).toMatch(
    /^ok {7}bad-marker {2}RFC 4271 6\.1 +NOTIFICATION 1\/1 Message Header Error\/Connection Not Synchronized$/m,
  );
  expect(stdout.trimEnd()).toMatch(/2 checks: 2 pass$/);
  expect(code).toBe(0);
});

test("a bad one: the evidence, exit code 1", async () => {
  const { code, stdout } = await judged(6, 4, "--check", "bad-marker");
  expect(stdout).toContain("FAIL     bad-marker");
  expect(stdout).toMatch(/ms > a KEEPALIVE with a marker of zeros\n +0{32}001304/);
  expect(stdout).toMatch(/ms < NOTIFICATION 6\/4 Cease\/Administrative Reset\n/);
  expect(code).toBe(1);
});

test("--json: an array with all evidence", async () => {
  const { code, stdout } = await judged(6, 4, "--check", "bad-marker", "--json");
  const [result, ...others] = JSON.parse(stdout);
  expect(others).toEqual([]);
  expect(result).toMatchObject({ name: "bad-marker", clause: "RFC 4271 6.1", verdict: "fail" });
  expect(result.evidence.at(1)).toMatchObject({ direction: "sent", hex: expect.stringMatching(/^f{32}/) });
  expect(code).toBe(1);
});

test("--list names every check with its steps; --skip leaves some out", async () => {
  const { code, stdout } = await ecmp("--list", "--json", "--skip", "bad-marker");
  expect(code).toBe(0);
  const rows: { name: string; steps: string[] }[] = JSON.parse(stdout);
  expect(rows.map(({ name }) => name)).toEqual(ALL_CHECKS.map(({ check }) => check.name).filter((name) => name !== "bad-marker"));
  expect(rows[0].steps[0]).toBe("connect, read its OPEN");
});

test.each([
  [["--peer", "127.0.0.1", "--local-as", "65000"], "--remote-as: missing, wanted the speaker's AS number"],
  [["--peer", "localhost", "--local-as", "1", "--remote-as", "2"], "--peer: localhost, wanted an IP address"],
  [["--peer", "fe80::1"], "--peer: fe80::1, wanted its link too, such as fe80::1%eth1"],
  [["--check", "nonsense"], "--check: nonsense, wanted one of those in `ecmp conform --list`"],
])("%j could not run: exit code 2", async (words, said) => {
  const { code, stderr } = await ecmp(...words);
  expect(stderr.trim()).toBe(said);
  expect(code).toBe(2);
});

test("nobody there: exit code 2, and what was wanted", async () => {
  const { code, stderr } = await ecmp("--peer", "127.0.0.1", "--port", "1", "--local-as", "1", "--remote-as", "2");
  expect(stderr.trim()).toBe("127.0.0.1 port 1: connection refused, wanted a BGP session with AS 2");
  expect(code).toBe(2);
});
