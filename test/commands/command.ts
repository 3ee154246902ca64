/** A command run inside the test: what it writes to stdout, and what it throws. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { afterEach, beforeEach, vi } from "vitest";

export async function run(command: Command, words: readonly string[]): Promise<string> {
  const { answer, refusal } = await runToEnd(command, words);
  if (refusal !== undefined) throw refusal;
  return answer;
}

/** What stdout has, and what the command threw, if it did. */
export async function runToEnd(command: Command, words: readonly string[]): Promise<{ answer: string; refusal: unknown }> {
  let answer = "";
  const write = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    answer += text;
    return true;
  });
  const silent = command.exitOverride().configureOutput({ writeErr: () => {} });
  const refusal = await silent.parseAsync([...words], { from: "user" }).then(
    () => undefined,
    (error: unknown) => error,
  );
  write.mockRestore();
  return { answer, refusal };
}

export const wordsOf = (line: string): readonly string[] => line.split(/ +/);

/** A folder of its own for each test of the file. */
export function useFolder(name: string): {
  path(file: string): string;
  save(file: string, content: string | Uint8Array): string;
} {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), `ecmp-${name}-`));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const path = (file: string): string => join(folder, file);
  return {
    path,
    save(file, content) {
      writeFileSync(path(file), content);
      return path(file);
    },
  };
}
