import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRecentlyUsed } from "#src/experiment/recently-used.ts";
import { JET_EXAMPLE, runTracking } from "#src/experiment/tracking.ts";

describe("tracking connections", () => {
  /** The authors' example at a twentieth of the connections and of the table. */
  const run = { ...JET_EXAMPLE, connections: 5000, capacity: 1250, durationSeconds: 300 };

  it("breaks none with JET, and many with full tracking in a table too small, as the paper's example has it", () => {
    const { opened, failures, none, full, jet } = runTracking(run);
    expect(opened).toBeGreaterThan(60_000);
    expect(failures).toBeGreaterThan(30);
    expect(jet.broken).toBe(0);
    expect(jet.tracked).toBeLessThan(run.capacity);
    expect(full.broken).toBeGreaterThan(100);
    expect(full.tracked).toBe(run.capacity);
    expect(none.broken).toBeGreaterThanOrEqual(full.broken);
    expect(none.tracked).toBe(0);
  });

  it("breaks none with full tracking either when there is room for all", () => {
    const { none, full, jet } = runTracking({ ...run, connections: 1000, capacity: 10_000 });
    expect([full.broken, jet.broken]).toEqual([0, 0]);
    expect(none.broken).toBeGreaterThan(0);
    // An order of magnitude, says the paper of a horizon of a tenth; this one is of 70 in 538.
    expect(jet.tracked).toBeLessThan(full.tracked / 4);
  });

  it("breaks some with JET when the horizon is too short for the servers that come back", () => {
    const short = runTracking({ ...run, horizon: 0 });
    expect(short.jet.tracked).toBe(0);
    expect(short.jet.broken).toBe(short.none.broken);
  });

  it("is the same from the same seed", () => {
    const small = { ...run, connections: 300, durationSeconds: 60 };
    expect(runTracking(small)).toEqual(runTracking(small));
    expect(runTracking({ ...small, seed: 1 })).not.toEqual(runTracking(small));
  });
});

describe("a table of the recently used", () => {
  it("does what a plain list does", () => {
    const steps = fc.array(fc.tuple(fc.constantFrom("get", "set", "delete"), fc.nat(8), fc.nat(99)), { maxLength: 60 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), steps, (capacity, history) => {
        const table = createRecentlyUsed(capacity);
        let list: [number, number][] = [];
        for (const [verb, key, value] of history) {
          const found = list.find(([other]) => other === key);
          if (verb === "get") {
            expect(table.get(key)).toBe(found?.[1]);
            if (found) list = [...list.filter((entry) => entry !== found), found];
          } else {
            list = list.filter((entry) => entry !== found);
            if (verb === "delete") table.delete(key);
            else {
              table.set(key, value);
              list = [...list, [key, value] as [number, number]].slice(-capacity);
            }
          }
          expect(table.size).toBe(list.length);
        }
      }),
    );
  });
});
