/**
 * The file of `--report`: opened before a lab begins, so that a wrong name costs no run, and written from inside the lab through
 * the descriptor, because `/run` and `/var/tmp` are others there. Its name's end says what is written.
 */
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { extname } from "node:path";
import { LabFailure } from "./failure.ts";
import { renderCsv } from "./page/connections.ts";
import { type Provenance, renderPage } from "./page/page.ts";
import { type LabResult, toJson } from "./report.ts";
import { REPORT_FD } from "./tree.ts";

type Render = (result: LabResult, provenance: Provenance) => string;

const FORMATS: Readonly<Record<string, Render>> = {
  ".html": renderPage,
  ".json": (result, provenance) => `${JSON.stringify({ ...toJson(result), provenance }, null, 2)}\n`,
  ".csv": renderCsv,
};

export function openReport(path: string): number {
  const names = Object.keys(FORMATS).join(", ");
  if (!Object.hasOwn(FORMATS, extname(path))) throw new LabFailure("--report", `found "${path}"`, `a file that ends in ${names}`);
  try {
    return openSync(path, "w");
  } catch (error) {
    throw new LabFailure("--report", (error as Error).message, "a file that can be written");
  }
}

export function writeReport(path: string, result: LabResult, timestamp: string): void {
  const manifest = new URL("../../../package.json", import.meta.url);
  const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };
  const provenance = { version, node: process.version, kernel: release(), timestamp };
  writeFileSync(REPORT_FD, FORMATS[extname(path)](result, provenance));
  closeSync(REPORT_FD);
}
