/**
 * How commands speak: results on stdout, errors on stderr as where, value, wanted, and three exit codes.
 */
import { once } from "node:events";

export const EXIT = { done: 0, no: 1, couldNotRun: 2 } as const;

/** Thrown by a command; `main` prints it and exits with `code`. */
export class CommandError extends Error {
  readonly code: number;
  constructor(message: string, code: number = EXIT.couldNotRun) {
    super(message);
    this.code = code;
  }
}

export const print = (text: string): void => void process.stdout.write(`${text}\n`);
/** What is no error, on stderr. */
export function warn(warnings: readonly string[]): void {
  for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
}
export const printJson = (value: unknown): void => print(JSON.stringify(value));

const CHUNK_CHARACTERS = 65_536;

type Pieces<Item> = AsyncIterable<Iterable<Item>> | Iterable<Iterable<Item>>;

/**
 * A line for each item, by the million: no more of them are made than the reader has taken, and none after it went away. What
 * was made is printed where the items end in an error, too.
 */
export async function printLines<Item>(pieces: Pieces<Item>, format: (item: Item) => string): Promise<void> {
  let chunk = "";
  try {
    for await (const items of pieces) {
      for (const item of items) {
        chunk += `${format(item)}\n`;
        if (chunk.length < CHUNK_CHARACTERS) continue;
        if (!process.stdout.write(chunk)) await once(process.stdout, "drain");
        chunk = "";
      }
    }
  } finally {
    process.stdout.write(chunk);
  }
}

let onFailedOutput = ({ code, message }: NodeJS.ErrnoException): void => {
  if (code === "EPIPE") process.exit(EXIT.done);
  process.stderr.write(`output: ${message}, wanted a place that takes all of it\n`, () => process.exit(EXIT.couldNotRun));
};

/**
 * A reader that went away (`ecmp show events | head`) ends most commands quietly, a disk that is full ends them in words; one may
 * decide otherwise.
 */
export function whenOutputFails(action: () => void): void {
  onFailedOutput = action;
}

process.stdout.on("error", (error) => onFailedOutput(error));
// Where not even an error can be written the exit code is all that is left.
process.stderr.on("error", () => {});

/** Columns as wide as they need to be; numbers to the right. */
export function formatTable(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const widths = header.map((name, column) => Math.max(name.length, ...rows.map((row) => String(row[column]).length)));
  const line = (cells: readonly (string | number)[]): string =>
    cells
      .map((cell, column) => (typeof cell === "number" ? String(cell).padStart(widths[column]) : cell.padEnd(widths[column])))
      .join("  ")
      .trimEnd();
  return [line(header), ...rows.map(line)].join("\n");
}
