/** Flows from a CSV file that a command was given, some at a time, or its mistakes with the file's name and their lines. */
import { createReadStream } from "node:fs";
import { createFlowCsv } from "../experiment/flows-csv.ts";
import type { Flow } from "../net/flow.ts";
import { fileProblem } from "./file-problem.ts";
import { inputOf } from "./input-file.ts";
import { CommandError } from "./output.ts";

/** No more is read than is taken. Lines with mistakes are left out; throws at the end, or when there are too many of them. */
export async function* readFlowFile(file: string): AsyncGenerator<readonly Flow[]> {
  const csv = createFlowCsv();
  for await (const text of readPieces(file)) {
    yield csv.read(text);
    if (csv.isOver) break;
  }
  yield csv.end();
  if (csv.mistakes.length > 0)
    throw new CommandError(
      csv.mistakes.map(({ where, value, wanted }) => `${file}: ${where}: ${value}, wanted ${wanted}`).join("\n"),
    );
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
