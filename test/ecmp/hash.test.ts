import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { HASHES } from "#src/ecmp/hash.ts";
import { type Expectations, testHash } from "../common/hash.ts";

const SUM = { mixes: false };

/** The rows of which less is to be expected. */
const EXPECTATIONS: Readonly<Record<string, Expectations>> = {
  identity: { reads: [4, 8] },
  toeplitz: SUM,
  "crc16-ibm": SUM,
  xor16: SUM,
  xor32: SUM,
  csum16: SUM,
  "sai-xor": SUM,
};

describe("HASHES", () => {
  // What is published of it, or that nothing is: each file says at its top or in its tests where its answers are from.
  it("has a file of vectors for each", () => {
    const folder = new URL("hash/", import.meta.url);
    const texts = readdirSync(folder).map((file) => readFileSync(new URL(file, folder), "utf8"));
    for (const { name } of Object.values(HASHES)) {
      const exported = name.replace(/-(\w)/g, (_, first: string) => first.toUpperCase());
      const isTried = (text: string): boolean =>
        [name, exported, name.replaceAll("-", "_")].some((word) => new RegExp(`\\b${word}\\b`).test(text));
      expect(texts.filter(isTried).length, name).toBeGreaterThan(0);
    }
  });

  it("files every hash under its own name", () => {
    for (const [name, hash] of Object.entries(HASHES)) expect(hash.name).toBe(name);
  });
});

for (const hash of Object.values(HASHES)) testHash(hash, EXPECTATIONS[hash.name]);
