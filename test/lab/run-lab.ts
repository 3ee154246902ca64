/** `ecmp lab run NAME` to its end, as the first user of `users.ts`: what it told, and what became of each connection. */
import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { promisify } from "node:util";
import { expect } from "vitest";
import type { PlainState } from "../oracle/forecast.ts";
import { MAIN, users } from "./users.ts";

const [[, prefix, possible]] = users;
export const canRunLabs = possible;
export const LAB_DEADLINE_MS = 120_000;

export interface LabRun {
  readonly selector: string;
  readonly state: PlainState;
  readonly opened: number;
  readonly explained: { readonly checked: number; readonly equal: number };
  readonly event: { readonly detectedMs: number; readonly convergedMs: number };
  readonly broken: { readonly observed: number; readonly forecast: number; readonly onSurvivors: number };
}

export interface LabReport {
  readonly runs: readonly LabRun[];
  readonly differences: readonly string[];
  /** A row a connection, by the names of its columns. */
  readonly connections: readonly Readonly<Record<string, string>>[];
}

export async function runLab(name: string): Promise<LabReport> {
  const folder = mkdtempSync(`${tmpdir()}/ecmp-lab-run-`);
  // The lab of an ordinary user writes there too.
  chmodSync(folder, 0o777);
  try {
    const file = `${folder}/report.csv`;
    const words = [...prefix, process.execPath, MAIN, "lab", "run", name, "--json", "--report", file];
    const command = promisify(execFile)(words[0], words.slice(1), { timeout: LAB_DEADLINE_MS, maxBuffer: 1 << 28 });
    const { stdout, stderr } = await command.catch((error: { stdout: string; stderr: string }) => error);
    const lastLine = stdout.trim().split("\n").at(-1) ?? "";
    expect(lastLine.slice(0, 1), stderr).toBe("{");
    const [heading, ...rows] = readFileSync(file, "utf8").trimEnd().split("\r\n");
    const columns = heading.split(",");
    const connections = rows.map((row) => Object.fromEntries(row.split(",").map((cell, index) => [columns[index], cell])));
    return { ...(JSON.parse(lastLine) as LabReport), connections };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
