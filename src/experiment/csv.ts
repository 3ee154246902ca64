/** A row as CSV (RFC 4180), without the end of its line: quotes only around what needs them. */
export const csvLine = (fields: readonly string[]): string => fields.map(quote).join(",");

const quote = (field: string): string => (/[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field);
