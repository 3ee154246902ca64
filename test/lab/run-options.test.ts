/** The options of `ecmp lab`, for labs and for scenarios: what each does, and what is said where it can do nothing. */
import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { canRunLabs, LAB_DEADLINE_MS, readCsv } from "./run-lab.ts";
import { smallLab } from "./small-lab.ts";
import { MAIN, users } from "./users.ts";

const folder = mkdtempSync(join(tmpdir(), "ecmp-options-"));
afterAll(() => rmSync(folder, { recursive: true }));
chmodSync(folder, 0o777);
const named = (name: string): string => join(folder, name);
writeFileSync(named("lab.yaml"), smallLab("optional", 2).replace("{ name: modulo }", "{ name: modulo }, { name: hrw }"));
writeFileSync(named("scenario.yaml"), "name: one\nlab: ./lab.yaml\nstrategies: { a: {}, b: {} }\n");

interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly code?: number;
}

const [[, prefix]] = users;
const command = (...words: string[]): string[] => [...prefix, process.execPath, MAIN, "lab", ...words];

async function ecmp(...words: string[]): Promise<Ended> {
  const [program, ...rest] = command(...words);
  return await promisify(execFile)(program, rest, { timeout: LAB_DEADLINE_MS }).catch((error: Ended) => error);
}

describe("ecmp lab", () => {
  it.each([
    [
      "a selector that the lab has not",
      ["run", named("lab.yaml"), "--only", "hrw, maglev"],
      '--only: found "maglev"',
      "some of modulo, hrw",
    ],
    [
      "a strategy that the scenario has not",
      ["run", "mitigations", "--only", "prayer"],
      '--only: found "prayer"',
      "some of baseline-modulo",
    ],
    ["a scenario that is to stay up", ["run", "mitigations", "--keep"], "--keep: a scenario", "ecmp lab up mitigations"],
    [
      "one file for two things",
      ["run", named("lab.yaml"), "--report", named("a.csv"), "--connections", `${folder}/./a.csv`],
      "--connections: found",
      "another file than --report has",
    ],
    ["a scenario's file that is to stay up", ["up", named("scenario.yaml")], "is a scenario", "it is played on ./lab.yaml"],
    ["a look at a scenario that nobody plays", ["inspect", "datagrams"], "nothing of it stands", "ecmp lab run datagrams"],
    ["a schema of what there is none", ["schema", "report"], "'report' is invalid", "lab, scenario"],
  ])("refuses %s, and says what to do", async (_, words, found, wanted) => {
    const { code, stdout, stderr } = await ecmp(...words);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(found);
    expect(stderr).toContain(wanted);
  });
});

describe.skipIf(!canRunLabs)("ecmp lab run of a lab", { timeout: LAB_DEADLINE_MS }, () => {
  it("plays some of its selectors, and writes its connections as of a scenario", async () => {
    const [report, connections] = [named("report.csv"), named("connections.csv")];
    const files = ["--report", report, "--connections", connections];
    const { code, stderr, stdout } = await ecmp("run", named("lab.yaml"), "--only", "hrw", "--json", ...files);
    expect(code, stderr).toBeUndefined();
    const [{ selector, perNode }, ...others] = JSON.parse(stdout).runs;
    expect([selector, others]).toEqual(["hrw", []]);
    const rows = readCsv(connections);
    expect(rows).toHaveLength(10);
    const entering = (node: string) => rows.filter(({ forecastNode }) => forecastNode === node).length;
    expect({ n1: entering("n1"), n2: entering("n2") }).toEqual(perNode);
    for (const { strategy, kind, forecastNode, node, forecast, outcome, reason } of rows) {
      expect([strategy, kind, node, reason]).toEqual(["hrw", "connection", forecastNode, ""]);
      expect([forecast, outcome]).toEqual(forecastNode === "n2" ? ["breaks", "reset"] : ["lives", "lives"]);
    }
    expect(readCsv(report).map(({ flow }) => flow)).toEqual(rows.map(({ flow }) => flow));
  });
});
