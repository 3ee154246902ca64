import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createArena } from "#src/fib/arena.ts";
import { ARENA } from "#src/fib/layout.ts";

describe("the arena", () => {
  it("never gives the same words to two records in use", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ words: fc.integer({ min: 1, max: 100 }), retire: fc.boolean() }), { maxLength: 60 }),
        (steps) => {
          const arena = createArena(ARENA + 4096);
          const inUse = new Map<number, number>();
          const retired: number[] = [];
          steps.forEach(({ words, retire }, generation) => {
            const offset = arena.allocate(words);
            if (offset === undefined) return;
            for (const [other, size] of inUse) expect(offset + words <= other || other + size <= offset).toBe(true);
            inUse.set(offset, words);
            if (!retire) return;
            arena.retire(offset, words, generation);
            retired.push(offset);
            // Every third time the workers have caught up: only then may what was retired be given out again.
            if (generation % 3 !== 0) return;
            arena.reclaim(generation);
            for (const old of retired.splice(0)) inUse.delete(old);
          });
        },
      ),
    );
  });
});
