import { describe, expect, it } from "vitest";
import { HASHES } from "#src/ecmp/hash.ts";
import { testHash } from "../common/hash.ts";

describe("HASHES", () => {
  it("files every hash under its own name", () => {
    for (const [name, hash] of Object.entries(HASHES)) expect(hash.name).toBe(name);
  });
});

for (const hash of Object.values(HASHES)) testHash(hash);
