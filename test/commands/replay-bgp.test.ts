import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";

const RECORDINGS = new URL("../conformance/recordings/", import.meta.url).pathname;
const MAIN = new URL("../../dist/src/main.js", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "ecmp-replay-bgp-"));
afterAll(() => rmSync(folder, { recursive: true }));
const ecmp = (...words: string[]) => spawnSync(process.execPath, [MAIN, "replay-bgp", ...words], { encoding: "utf8" });

test("prints one JSON object, and the same for people", { timeout: 60_000 }, () => {
  const asJson = ecmp(join(RECORDINGS, "bird-table4.mrt"), "--json");
  expect(asJson.status).toBe(0);
  expect(JSON.parse(asJson.stdout)).toMatchObject({
    records: { peers: 1, fault: 0 },
    problems: [],
    peers: [{ up: true }, { up: true }],
  });
  const asText = ecmp(join(RECORDINGS, "bird-table4.mrt"));
  expect(asText).toMatchObject({ status: 0, stderr: "" });
  expect(asText.stdout).toContain("*>  203.0.113.1/32");
});

test("reads the standard input as `-`", { timeout: 60_000 }, () => {
  const file = join(RECORDINGS, "bird-table4.mrt");
  const piped = spawnSync(process.execPath, [MAIN, "replay-bgp", "-", "--json"], { encoding: "utf8", input: readFileSync(file) });
  expect(piped).toMatchObject({ status: 0, stderr: "", stdout: ecmp(file, "--json").stdout });
});

test("decides by a configuration, and reaches next hops by the interfaces that are named", { timeout: 60_000 }, () => {
  const config = join(folder, "config.yaml");
  writeFileSync(config, "bgp: {asn: 65000, routerId: 10.9.0.1, maximumPaths: 1}\n");
  const statuses = (...words: string[]) => {
    const { routes } = JSON.parse(ecmp(join(RECORDINGS, "journal.mrt"), "--json", ...words).stdout);
    return new Set(routes.flatMap(({ paths }: { paths: { status: string }[] }) => paths.map(({ status }) => status)));
  };
  expect(statuses()).toContain("multipath");
  expect(statuses("--config", config)).not.toContain("multipath");
  expect(statuses("--interface", "192.0.2.1/24")).toEqual(new Set(["ineligible"]));
});

test("names what is damaged with its offset, tells the rest, and exits with 2", { timeout: 60_000 }, () => {
  const whole = readFileSync(join(RECORDINGS, "journal.mrt"));
  const cut = join(folder, "cut.mrt");
  writeFileSync(cut, whole.subarray(0, -5));
  const { status, stdout, stderr } = ecmp(cut);
  expect(status).toBe(2);
  expect(stdout).toContain("203.0.113.1/32");
  expect(stderr).toMatch(/cut\.mrt: offset \d+: the end, \d+ bytes into a record\n$/);
});

test("of nothing says that there is nothing, in both forms", { timeout: 60_000 }, () => {
  const [empty, alone] = ["empty", "alone"].map((name) => join(folder, name));
  for (const file of [empty, alone]) writeFileSync(file, "");
  expect(ecmp(empty)).toMatchObject({ status: 2, stdout: "", stderr: `${empty}: no records, wanted a recording of BGP\n` });
  const asJson = ecmp("--json", empty, alone);
  expect(asJson).toMatchObject({ status: 2, stderr: `${empty} ${alone}: no records, wanted a recording of BGP\n` });
  expect(JSON.parse(asJson.stdout)).toMatchObject({ records: { message: 0, fault: 0 }, peers: [], routes: [] });
  // Of a journal that was just rotated the newest file may be empty.
  expect(ecmp(join(RECORDINGS, "journal.mrt"), empty)).toMatchObject({ status: 0, stderr: "" });
});

test("names a field that is not there", () => {
  const file = join(folder, "fields.json");
  writeFileSync(file, '{"kind":"state"}\n{"time":7}\n');
  expect(ecmp(file).stderr.split("\n")).toEqual([
    `${file}: offset 0: a record that has no time, wanted a time such as 2026-11-21T05:00:00.000001Z`,
    `${file}: offset 17: a record that has the time 7, wanted a time such as 2026-11-21T05:00:00.000001Z`,
    "",
  ]);
});

test("says what it wanted", { timeout: 60_000 }, () => {
  expect(ecmp(join(folder, "none"))).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("there is no such file, wanted a file"),
  });
  expect(ecmp("x", "--interface", "10.0.0.1")).toMatchObject({ status: 2, stderr: expect.stringContaining("10.0.0.1/24") });
  expect(ecmp()).toMatchObject({ status: 2, stderr: expect.stringContaining("file") });
});
