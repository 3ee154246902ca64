/**
 * Recordings of real speakers, and the routes that have to come of each: `recordings/NAME`, decided by `recordings/NAME.yaml`
 * where there is one, and `expected/NAME.json`. UPDATE_EXPECTED=1 writes the latter anew; `record/record.sh` records again.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { readConfig } from "#src/config/read.ts";
import { type ReplayBgpOptions, replayBgp } from "#src/router/replay-bgp.ts";

const RECORDINGS = new URL("recordings/", import.meta.url);
const EXPECTED = new URL("expected/", import.meta.url);
const names = readdirSync(RECORDINGS).filter((name) => !name.endsWith(".yaml"));

function configOf(name: string): Pick<ReplayBgpOptions, "config"> {
  const file = new URL(`${name}.yaml`, RECORDINGS);
  if (!existsSync(file)) return {};
  const result = readConfig(readFileSync(file, "utf8"));
  if ("mistakes" in result) throw new Error(JSON.stringify(result.mistakes));
  return result;
}

const replay = async (name: string) => {
  const report = await replayBgp({ files: [fileURLToPath(new URL(name, RECORDINGS))], interfaces: [], ...configOf(name) });
  return { ...report, problems: report.problems.map((problem) => ({ ...problem, file: basename(problem.file) })) };
};

describe("a recording", () => {
  test.each(names)("%s gives the routes that it gave", async (name) => {
    const report = `${JSON.stringify(await replay(name), null, 1)}\n`;
    const expected = new URL(`${name}.json`, EXPECTED);
    if (process.env.UPDATE_EXPECTED) writeFileSync(expected, report);
    expect(report).toBe(readFileSync(expected, "utf8"));
  });

  test("says the same in both forms of the journal", async () => {
    expect(await replay("journal.jsonl")).toEqual(await replay("journal.mrt"));
  });
});
