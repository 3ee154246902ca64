/** A file to read, as a command line names it: `-` is the standard input, which is open already. */
export const inputOf = (file: string): string | number => (file === "-" ? 0 : file);
