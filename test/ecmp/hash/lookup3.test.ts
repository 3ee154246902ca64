/** Vectors: driver5 of Bob Jenkins' lookup3.c (burtleburtle.net/bob/c/lookup3.c). */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hashLittle, lookup3, lookup3High } from "#src/ecmp/hash/lookup3.ts";
import { createHalves } from "#src/ecmp/hash-function.ts";
import { hashWide, keyOf, testTwin } from "../../common/hash.ts";
import { slowLookup3 } from "../../oracle/lookup3.ts";

const ADDRESS = "Four score and seven years ago";

describe("lookup3", () => {
  it.each([
    ["", 0, 0, 0xdeadbeef, 0xdeadbeef],
    ["", 0, 0xdeadbeef, 0xbd5b7dde, 0xdeadbeef],
    ["", 0xdeadbeef, 0xdeadbeef, 0x9c093ccd, 0xbd5b7dde],
    [ADDRESS, 0, 0, 0x17770551, 0xce7226e6],
    [ADDRESS, 0, 1, 0xe3607cae, 0xbd371de4],
    [ADDRESS, 1, 0, 0xcd628161, 0x6cbea4b3],
  ])('gives the published two numbers of "%s" from c = %i and b = %i', (text, initialC, initialB, c, b) => {
    const bytes = Buffer.from(text);
    const halves = createHalves();
    hashLittle(keyOf(bytes).words, bytes.length, initialC, initialB, halves);
    expect([...halves]).toEqual([c, b]);
  });

  testTwin(lookup3, (bytes, seed) => slowLookup3(bytes, seed)[0]);

  it("has c for its low half and b for its high one", () => {
    const [c, b] = slowLookup3(Buffer.from(ADDRESS), 5);
    expect(hashWide(lookup3, Buffer.from(ADDRESS), 5)).toBe((BigInt(b) << 32n) | BigInt(c));
  });

  it("agrees with the twin from any two initial values", () => {
    const word = fc.integer({ min: 0, max: 0xffffffff });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), word, word, (bytes, initialC, initialB) => {
        const halves = createHalves();
        hashLittle(keyOf(bytes).words, bytes.length, initialC, initialB, halves);
        expect([...halves]).toEqual(slowLookup3(bytes, initialC, initialB));
      }),
    );
  });
});

describe("lookup3-high", () => {
  testTwin(lookup3High, (bytes, seed) => slowLookup3(bytes, seed)[1]);
});
