/**
 * The whole lab, as `npm start -- --json` runs it, as root and as anybody else: real speakers, real connections, and a forecast
 * that must be right. The slow twin of `test/oracle` makes the forecast a second way from the router's state, and must come to
 * the same digest, which is over every connection's two next hops.
 */

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { type PlainState, slowForecast } from "../oracle/forecast.ts";
import { MAIN, users } from "./users.ts";

const DEADLINE_MS = 150_000;

interface Report {
  readonly lab: string;
  readonly speakers: readonly { node: string; implementation: string; version: string; state: string }[];
  readonly runs: readonly {
    selector: string;
    state: PlainState;
    service: string;
    opened: number;
    perNode: Record<string, number>;
    explained: { checked: number; equal: number; digest: string };
    event: { kind: string; node: string; detectedMs: number; convergedMs: number };
    broken: { observed: number; forecast: number; onDepartedNode: number; onSurvivors: number };
    local: {
      service: string;
      opened: number;
      perNode: Record<string, number>;
      clientAddressSeen: number;
      broken: { observed: number };
    };
  }[];
  readonly differences: readonly string[];
}

/** Every connection of the lab, as lab.yaml says it. */
const flowsTo = (service: string, count: number, firstPort: number) =>
  Array.from({ length: count }, (_, index) => `tcp 10.0.1.2:${firstPort + index} ${service}:80`);
const FLOWS = [...flowsTo("198.51.100.10", 400, 20000), ...flowsTo("198.51.100.20", 100, 25000)];

/** The digest of the forecast as the slow twin makes it, over the lines that `digestPaths` documents. */
function slowDigest(state: PlainState): string {
  const digest = createHash("sha256");
  for (const flow of FLOWS) {
    const { prefix = null, before = null, after = null, moved } = slowForecast(state, flow, "10.0.0.12");
    digest.update(`${JSON.stringify([flow, prefix, before, after, moved])}\n`);
  }
  return digest.digest("hex");
}

// Both at once: half of a run is waiting.
describe.concurrent.each(users)("ecmp lab run metallb-bgp, as %s", (_, prefix, possible) => {
  it.skipIf(!possible)("ends with every number real and as forecast", { timeout: DEADLINE_MS }, async ({ onTestFinished }) => {
    const folder = mkdtempSync(`${tmpdir()}/ecmp-lab-report-`);
    chmodSync(folder, 0o777);
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = `${folder}/report.csv`;
    const words = [...prefix, process.execPath, MAIN, "lab", "run", "metallb-bgp", "--json", "--report", file];
    const command = promisify(execFile)(words[0], words.slice(1), { timeout: DEADLINE_MS });
    const { stdout, stderr } = await command.catch((error: { stdout: string; stderr: string }) => error);
    const lastLine = stdout.trim().split("\n").at(-1) ?? "";
    expect(lastLine, stderr).toMatch(/^\{.*\}$/);
    const report = JSON.parse(lastLine) as Report;

    expect(report.differences).toEqual([]);
    expect(report.lab).toBe("metallb-bgp");
    expect(report.speakers.map(({ node, implementation, state }) => `${node} ${implementation} ${state}`)).toEqual([
      "n1 FRR Established",
      "n2 FRR Established",
      "n3 BIRD Established",
      "n4 GoBGP Established",
    ]);
    for (const { version } of report.speakers) expect(version).toMatch(/^\d+\.\d+/);

    expect(report.runs.map(({ selector, service }) => [selector, service])).toEqual([
      ["modulo", "198.51.100.10"],
      ["resilient", "198.51.100.10"],
    ]);
    for (const run of report.runs) {
      expect(run.opened).toBe(400);
      expect(Object.keys(run.perNode)).toEqual(["n1", "n2", "n3", "n4"]);
      expect(Object.values(run.perNode).reduce((sum, count) => sum + count)).toBe(400);
      expect(run.explained).toMatchObject({ checked: 500, equal: 500, digest: expect.stringMatching(/^[0-9a-f]{64}$/) });
      expect(run.explained.digest).toBe(slowDigest(run.state));
      expect(stderr).toContain(run.explained.digest);
      expect(run.event).toMatchObject({ kind: "kill-speaker", node: "n2" });
      expect(run.event.detectedMs).toBeGreaterThan(0);
      expect(run.event.convergedMs).toBeGreaterThanOrEqual(run.event.detectedMs);
      expect(run.broken.observed).toBe(run.broken.forecast);
      expect(run.broken.onDepartedNode).toBe(run.perNode.n2);
      expect(run.broken.onDepartedNode + run.broken.onSurvivors).toBe(run.broken.observed);
      expect(run.local).toMatchObject({ service: "198.51.100.20", opened: 100, clientAddressSeen: 100, broken: { observed: 0 } });
      expect(Object.keys(run.local.perNode)).toEqual(["n1", "n3"]);
    }
    const [modulo, resilient] = report.runs;
    // 4 to 3 nodes: modulo moves about three quarters, most of them off nodes that never failed; resilient none of these.
    expect(modulo.broken.onSurvivors).toBeGreaterThan(100);
    expect(resilient.broken.onSurvivors).toBe(0);
    const [, ...rows] = readFileSync(file, "utf8").trimEnd().split("\r\n");
    expect(rows).toHaveLength(1000);
    expect(rows.filter((row) => row.startsWith("modulo,cluster,") && row.includes(",reset,"))).toHaveLength(
      modulo.broken.observed,
    );
    // Progress comes before the digest, and the connections after it.
    expect(stderr.indexOf("connections ")).toBeGreaterThan(stderr.indexOf(modulo.explained.digest));
  });
});
