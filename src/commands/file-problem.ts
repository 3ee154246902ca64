/** What went wrong with a file, in words: a code of the system's, or what whoever read it has to say. */
const WORDS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "that is a folder",
  ENOTDIR: "a part of the way is no folder",
  EACCES: "it may not be read",
  EPERM: "it may not be read",
};

export function problemOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === undefined ? message : (WORDS[code] ?? code);
}

export const fileProblem = (error: unknown): string =>
  (error as NodeJS.ErrnoException).code === undefined ? problemOf(error) : `${problemOf(error)}, wanted a file that can be read`;
