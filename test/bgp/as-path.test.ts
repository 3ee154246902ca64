import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { asPathLength, decodeAsPath, encodeAsPath, mergeAs4Path } from "#src/bgp/as-path.ts";
import { AS_TRANS } from "#src/bgp/iana.ts";
import { type AsPathSegment, SEGMENT } from "#src/bgp/path.ts";
import { hex } from "./hex.ts";

const sequence = (...asns: number[]): AsPathSegment => ({ type: SEGMENT.sequence, asns });
const set = (...asns: number[]): AsPathSegment => ({ type: SEGMENT.set, asns });
const confederation = (...asns: number[]): AsPathSegment => ({ type: SEGMENT.confederationSequence, asns });

describe("AS_PATH", () => {
  test("in two and in four octets", () => {
    const path = [sequence(65001, 1), set(2)];
    expect(encodeAsPath(path, 2)).toEqual(hex("02 02 fde9 0001 01 01 0002"));
    expect(decodeAsPath(hex("02 02 fde9 0001 01 01 0002"), 2)).toEqual(path);
    expect(decodeAsPath(encodeAsPath(path, 4), 4)).toEqual(path);
    expect(decodeAsPath(hex(""), 4)).toEqual([]);
  });

  test.each([
    ["has a segment of type 0", "00 01 0001"],
    ["has a segment of type 5", "05 01 0001"],
    ["ends inside a segment", "02"],
    ["ends inside a segment", "02 02 0001"],
    ["ends inside a segment", "02 01 0001 02 01 00"],
    ["has a segment without AS numbers", "02 00"],
    ["holds AS 0", "02 01 0000"],
  ])("%s: %s", (what, bytes) => {
    expect(decodeAsPath(hex(bytes), 2)).toBe(what);
  });

  test("a set counts as one, a confederation as none", () => {
    expect(asPathLength([confederation(1, 2), sequence(3, 4, 5), set(6, 7)])).toBe(4);
  });
});

describe("AS_PATH and AS4_PATH put together", () => {
  const big = 4200000000;
  const T = AS_TRANS;
  test.each<[string, AsPathSegment[], AsPathSegment[], AsPathSegment[]]>([
    ["the same length: AS4_PATH is the truth", [sequence(T, T)], [sequence(big, big + 1)], [sequence(big, big + 1)]],
    ["two-octet speakers came after", [sequence(10, 20, T)], [sequence(big)], [sequence(10, 20, big)]],
    ["a longer AS4_PATH is stale", [sequence(10)], [sequence(10, big)], [sequence(10)]],
    ["the lead ends with a whole segment", [sequence(10), sequence(T)], [sequence(big)], [sequence(10, big)]],
    ["a set in the lead", [set(1, 2), sequence(T)], [sequence(big)], [set(1, 2), sequence(big)]],
    ["a set in the tail", [sequence(10, T), set(1, 2)], [sequence(big), set(1, 2)], [sequence(10, big), set(1, 2)]],
    ["a confederation in front stays", [confederation(1), sequence(T)], [sequence(big)], [confederation(1), sequence(big)]],
    ["a confederation in AS4_PATH is ignored", [sequence(10, T)], [confederation(1), sequence(big)], [sequence(10, big)]],
  ])("%s", (_, asPath, as4Path, merged) => {
    expect(mergeAs4Path(asPath, as4Path)).toEqual(merged);
  });

  test("no more than 255 AS numbers are joined to one segment", () => {
    const asns = Array.from({ length: 255 }, (_, i) => i + 1);
    expect(mergeAs4Path([sequence(9, ...asns.map(() => T))], [sequence(...asns)])).toEqual([sequence(9), sequence(...asns)]);
  });

  test("a path through new speakers, then old ones, comes out whole", () => {
    const asn = fc.integer({ min: 1, max: 0xffffffff });
    const old = fc.integer({ min: 1, max: 0xffff }).filter((number) => number !== T);
    fc.assert(
      fc.property(fc.array(asn, { minLength: 1, maxLength: 20 }), fc.array(old, { maxLength: 20 }), (first, later) => {
        // Old speakers prepend to AS_PATH alone.
        const seen = decodeAsPath(encodeAsPath([sequence(...later, ...first)], 2), 2);
        if (typeof seen === "string") throw new Error(seen);
        expect(mergeAs4Path(seen, [sequence(...first)])).toEqual([sequence(...later, ...first)]);
      }),
    );
  });
});
