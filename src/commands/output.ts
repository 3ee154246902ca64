/**
 * How commands speak: results on stdout, errors on stderr as where, value, wanted, and three exit codes.
 */
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

let onClosedOutput = (): void => process.exit(EXIT.done);

/** A reader that went away (`ecmp show events | head`) ends most commands quietly; one may decide otherwise. */
export function whenOutputIsClosed(action: () => void): void {
  onClosedOutput = action;
}

for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    onClosedOutput();
  });
}

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
