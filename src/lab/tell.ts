/** Tells what a lab found: the table or one JSON object on standard output, the differences on standard error. */
import { differencesOf, type LabResult, renderTable, toJson } from "./report.ts";

/** How many differences are told one by one; the count is always told. */
const DIFFERENCES_SHOWN = 20;

/** Returns the exit code: 0 when everything was as forecast, else 1. */
export function tell(result: LabResult, json: boolean): number {
  const color = process.stdout.isTTY && !process.env.NO_COLOR;
  const bold = (text: string) => (color ? `\x1b[1m${text}\x1b[22m` : text);
  const differences = differencesOf(result);
  if (json) console.log(JSON.stringify(toJson(result)));
  else console.log(`${result.runs.length === 0 ? "" : "\n"}${renderTable(result, bold).join("\n")}`);
  if (differences.length === 0) return 0;
  process.stderr.write(`\n${differences.length} differences between the forecast and what happened:\n`);
  for (const difference of differences.slice(0, DIFFERENCES_SHOWN)) process.stderr.write(`  ${difference}\n`);
  if (differences.length > DIFFERENCES_SHOWN) process.stderr.write("  ... (all of them: --json, key differences)\n");
  return 1;
}
