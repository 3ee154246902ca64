/** Rows as a CSV file (RFC 4180). */
import { csvLine } from "../experiment/csv.ts";

export const formatCsv = (rows: readonly (readonly string[])[]): string => rows.map((row) => `${csvLine(row)}\r\n`).join("");
