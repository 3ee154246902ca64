/**
 * `ecmp lab run` of labs and scenarios to its end, as the first user of `users.ts`: what it told, and what became of each
 * connection.
 */
import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { promisify } from "node:util";
import { expect } from "vitest";
import type { PlainState } from "../oracle/forecast.ts";
import { MAIN, users } from "./users.ts";

const [[, prefix, possible]] = users;
export const canRunLabs = possible;
export const LAB_DEADLINE_MS = 240_000;

export interface LabRun {
  readonly selector: string;
  readonly state: PlainState;
  readonly opened: number;
  readonly explained: { readonly checked: number; readonly equal: number };
  readonly event: { readonly kind: string; readonly node: string; readonly detectedMs: number; readonly convergedMs: number };
  readonly broken: {
    readonly observed: number;
    readonly forecast: number;
    readonly onSurvivors: number;
    readonly onDepartedNode: number;
  };
}

export interface LabReport {
  readonly stderr: string;
  readonly runs: readonly LabRun[];
  readonly differences: readonly string[];
  /** A row a connection, by the names of its columns. */
  readonly connections: readonly Readonly<Record<string, string>>[];
}

export interface StrategyReport {
  readonly strategy: string;
  readonly connections: Readonly<Record<"opened" | "broken" | "forecast" | "forecastByPod" | "brokenOnSurvivors", number>> & {
    readonly perNode: Readonly<Record<string, number>>;
  };
  readonly requests: Readonly<Record<"count" | "failed" | "forecast" | "failedAfterRetry", number>>;
  readonly datagrams: Readonly<
    Record<"flows" | "sent" | "answered" | "lost" | "duplicated" | "reordered" | "moved" | "forecast", number>
  >;
  readonly differences: Readonly<Record<string, number>>;
  readonly unexplained: readonly string[];
  readonly digest: string;
  /** null: never. */
  readonly recoverMs: number | null;
  readonly verdicts: readonly {
    readonly assertion: string;
    readonly limit: number;
    /** null: never ended, or nothing to measure. */
    readonly found: number | null;
    readonly unit: string;
    readonly holds: boolean;
  }[];
  readonly marks: readonly {
    readonly fault: string;
    readonly node: string;
    readonly what: "begins" | "ends";
    readonly fromMs: number;
    readonly toMs: number;
  }[];
}

/** The events on the way, and the strategies at the end. */
export interface ScenarioReport {
  readonly stderr: string;
  /** A row each connection, request and flow of datagrams, by the names of its columns. */
  readonly rows: readonly Readonly<Record<string, string>>[];
  readonly scenario: string;
  readonly events: readonly {
    readonly strategy: string;
    readonly kind: string;
    readonly node?: string;
    /** Of a router, that shows what came of a fault. */
    readonly event?: { readonly kind: string };
  }[];
  readonly strategies: readonly StrategyReport[];
}

export async function runScenario(name: string, ...words: string[]): Promise<ScenarioReport> {
  return await withCsv(async (file) => {
    const { lines, stderr } = await run("lab", "run", name, "--json", "--connections", file, ...words);
    const parsed = lines.map((line) => JSON.parse(line));
    return { ...parsed[parsed.length - 1], events: parsed.slice(0, -1), stderr, rows: readCsv(file) };
  });
}

export async function runLab(name: string): Promise<LabReport> {
  return await withCsv(async (file) => {
    const { lines, stderr } = await run("lab", "run", name, "--json", "--report", file);
    return { ...JSON.parse(lines[lines.length - 1]), stderr, connections: readCsv(file) };
  });
}

async function withCsv<Found>(use: (file: string) => Promise<Found>): Promise<Found> {
  const folder = mkdtempSync(`${tmpdir()}/ecmp-lab-run-`);
  // The lab of an ordinary user writes there too.
  chmodSync(folder, 0o777);
  try {
    return await use(`${folder}/report.csv`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export function readCsv(file: string): Record<string, string>[] {
  const [heading, ...rows] = readFileSync(file, "utf8").trimEnd().split("\r\n");
  const columns = heading.split(",");
  return rows.map((row) => Object.fromEntries(row.split(",").map((cell, index) => [columns[index], cell])));
}

/** The lines of its standard output, the last of which is an object whatever the exit code is. */
async function run(...words: string[]): Promise<{ lines: string[]; stderr: string }> {
  const [program, ...rest] = [...prefix, process.execPath, MAIN, ...words];
  const command = promisify(execFile)(program, rest, { timeout: LAB_DEADLINE_MS, maxBuffer: 1 << 28 });
  const { stdout, stderr } = await command.catch((error: { stdout: string; stderr: string }) => error);
  const lines = stdout.trim().split("\n");
  expect(lines[lines.length - 1], stderr).toMatch(/^\{.*\}$/);
  return { lines, stderr };
}
