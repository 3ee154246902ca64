import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createShelf, type Shelved } from "#src/rib/shelf.ts";

interface Box extends Shelved {
  readonly name: number;
}

describe("a shelf", () => {
  it("finds what was put there and not taken away, few hashes or many", () => {
    const step = fc.record({ name: fc.nat(11), add: fc.boolean() });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.array(step, { maxLength: 60 }), (hashes, steps) => {
        const shelf = createShelf<Box>();
        const boxes = Array.from({ length: 12 }, (_, name): Box => ({ name, hash: name % hashes, next: undefined }));
        const here = new Set<Box>();
        for (const { name, add } of steps) {
          const box = boxes[name];
          if (add && !here.has(box)) shelf.add(box);
          if (!add) shelf.remove(box);
          if (add) here.add(box);
          else here.delete(box);
          for (const one of boxes)
            expect(shelf.find(one.hash, ({ name }) => name === one.name)).toBe(here.has(one) ? one : undefined);
        }
      }),
    );
  });

  it("lets nobody search long, however many things of one hash there are", () => {
    const shelf = createShelf<Box>();
    const boxes = Array.from({ length: 1000 }, (_, name): Box => ({ name, hash: 7, next: undefined }));
    for (const box of boxes) shelf.add(box);
    let looked = 0;
    expect(shelf.find(7, () => ++looked === 0)).toBeUndefined();
    expect(looked).toBeLessThanOrEqual(16);
    for (const box of boxes) shelf.remove(box);
    expect(shelf.find(7, () => true)).toBeUndefined();
  });
});
