import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hashValue, sameValue } from "#src/net/value.ts";

const leaf = fc.oneof(
  fc.nat(3),
  fc.constantFrom(2 ** 31, 2 ** 32 - 1, true, false, "", "a", "fe80%eth0"),
  fc.uint8Array({ maxLength: 2 }),
);
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: "small" },
    leaf,
    fc.array(tie("any"), { maxLength: 2 }),
    fc.record({ a: tie("any"), b: tie("any") }, { requiredKeys: [] }),
  ),
})).any;

/** The kinds of arrays as words beside their items: JSON writes both as objects or lists. */
const written = (one: unknown): string =>
  JSON.stringify(one, (_, part: unknown) => (part instanceof Uint8Array ? { bytes: Array.from(part) } : part));

describe("plain values", () => {
  it("are the same where they are written the same, and have the same hash then", () => {
    fc.assert(
      fc.property(value, value, (a, b) => {
        expect(sameValue(a, b)).toBe(written(a) === written(b));
        expect(sameValue(a, structuredClone(a))).toBe(true);
        expect(hashValue(structuredClone(a))).toBe(hashValue(a));
      }),
    );
  });

  it("are the same without what is undefined", () => {
    expect(sameValue({ a: 1, b: undefined }, { a: 1 })).toBe(true);
    expect(sameValue({ a: 1 }, { b: undefined, a: 1 })).toBe(true);
    expect(hashValue({ b: undefined, a: 1 })).toBe(hashValue({ a: 1 }));
    expect(sameValue({ a: 1 }, { a: 1, b: 0 })).toBe(false);
  });

  it("have hashes that differ, where MED and AS path do", () => {
    const path = (i: number) => ({ origin: 0, asPath: [{ type: 2, asns: [65001, i % 97] }], multiExitDiscriminator: i });
    const hashes = new Set(Array.from({ length: 10_000 }, (_, i) => hashValue(path(i))));
    expect(hashes.size).toBeGreaterThan(9_990);
  });
});
