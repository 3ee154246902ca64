/** What was had while something was put together, to be given back in reverse: the data plane's, when it stops or cannot start. */

export type CleanUp = ReturnType<typeof createCleanUp>;

export function createCleanUp() {
  const undos: (() => unknown)[] = [];
  return {
    push: (undo: () => unknown): void => void undos.push(undo),

    /** Each once, whatever becomes of those before; then rejects with the first problem. */
    async run(): Promise<void> {
      const problems: unknown[] = [];
      for (const undo of undos.splice(0).reverse()) {
        try {
          await undo();
        } catch (problem) {
          problems.push(problem);
        }
      }
      if (problems.length > 0) throw problems[0];
    },
  };
}
