/** Flows from a CSV file that a command was given, some at a time, or its mistakes with the file's name and their lines. */
import { createReadStream } from "node:fs";
import { createFlowCsv } from "../experiment/flows-csv.ts";
import type { Flow } from "../net/flow.ts";
import { fileProblem } from "./file-problem.ts";
import { inputOf } from "./input-file.ts";
import { CommandError } from "./output.ts";

/**
 * No more is read than is taken. Lines with mistakes are left out; throws at the end, or when there are too many of them, or where
 * there is no flow.
 */
export async function* readFlowFile(file: string): AsyncGenerator<readonly Flow[]> {
  const csv = createFlowCsv();
  let count = 0;
  for await (const text of readPieces(file)) {
    const flows = csv.read(text);
    count += flows.length;
    yield flows;
    if (csv.isOver) break;
  }
  const last = csv.end();
  count += last.length;
  yield last;
  if (csv.mistakes.length > 0)
    throw new CommandError(
      csv.mistakes.map(({ where, value, wanted }) => `${file}: ${where}: ${value}, wanted ${wanted}`).join("\n"),
    );
  if (count === 0) throw new CommandError(`${file}: no flow, wanted a line for each behind the header`);
}

async function* readPieces(file: string): AsyncGenerator<string> {
  const input = inputOf(file);
  const stream = typeof input === "number" ? process.stdin : createReadStream(input);
  try {
    yield* stream.setEncoding("utf8");
  } catch (error) {
    throw new CommandError(`${file}: ${fileProblem(error)}`);
  }
}
