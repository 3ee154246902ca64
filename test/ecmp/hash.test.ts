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
  it("files every hash under its own name", () => {
    for (const [name, hash] of Object.entries(HASHES)) expect(hash.name).toBe(name);
  });
});

for (const hash of Object.values(HASHES)) testHash(hash, EXPECTATIONS[hash.name]);
