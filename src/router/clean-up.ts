/** What was had while something was put together, to be given back in reverse: the data plane's, when it stops or cannot start. */

/** One after the other, each whatever becomes of those before; then rejects with the first problem. */
export async function doEach(deeds: readonly (() => unknown)[]): Promise<void> {
  const problems: unknown[] = [];
  for (const deed of deeds) {
    try {
      await deed();
    } catch (problem) {
      problems.push(problem);
    }
  }
  if (problems.length > 0) throw problems[0];
}

export type CleanUp = ReturnType<typeof createCleanUp>;

export function createCleanUp() {
  const undos: (() => unknown)[] = [];
  return {
    push: (undo: () => unknown): void => void undos.push(undo),

    /** Each once. */
    run: (): Promise<void> => doEach(undos.splice(0).reverse()),
  };
}
