/** From fields to a hash: by the shortest way that there is for a hash, the same as by writing the key and hashing it. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createFields, FIELD, FIELD_WORDS, type Fields } from "#src/ecmp/fields.ts";
import { compileFlowHash, HASH_NAMES, type HashOptions, refusePerPacket } from "#src/ecmp/flow-hash.ts";
import { HASHES } from "#src/ecmp/hash.ts";
import { compileKey, createKey, FIELD_NAMES } from "#src/ecmp/key.ts";
import { readHeaders } from "#src/ecmp/linux/dissect.ts";
import { createHeaders } from "#src/ecmp/linux/headers.ts";
import { createLinuxHash } from "#src/ecmp/linux/policy.ts";

const word = fc.integer({ min: 0, max: 0xffffffff });
/** Of either family, each field within its width. */
const rows: fc.Arbitrary<Fields> = fc
  .tuple(fc.constantFrom(4, 6), fc.array(word, { minLength: FIELD_WORDS, maxLength: FIELD_WORDS }))
  .map(([family, words]) => {
    const fields = createFields();
    fields.set(words);
    fields[FIELD.family] = family;
    fields[FIELD.protocol] &= 0xff;
    for (const at of [FIELD.sourcePort, FIELD.destinationPort]) fields[at] &= 0xffff;
    return fields;
  });
const perFlow = Object.keys(HASHES).filter((name) => !HASHES[name].perPacket);

describe("the hash of a row of fields", () => {
  it("is the hash of its key, for every hash and list of fields", () => {
    const lists = fc.oneof(fc.constantFrom(["5-tuple"], ["3-tuple"]), fc.shuffledSubarray([...FIELD_NAMES], { minLength: 1 }));
    fc.assert(
      fc.property(fc.constantFrom(...perFlow), lists, rows, word, fc.boolean(), (algorithm, names, fields, seed, symmetric) => {
        const key = createKey();
        const length = compileKey(names, { symmetric })(fields, key);
        const wanted = HASHES[algorithm].create(seed)(key, length);
        expect(compileFlowHash({ algorithm, fields: names, seed, symmetric }, undefined).hashFields(fields) >>> 0).toBe(wanted);
      }),
      { numRuns: 2000 },
    );
  });

  it("takes the key that a hash is given", () => {
    fc.assert(
      fc.property(rows, fc.constantFrom("6d5a56da255b0ec2", "00000001"), (fields, hex) => {
        const key = createKey();
        const length = compileKey(["5-tuple"])(fields, key);
        const wanted = HASHES.toeplitz.create(0, { key: Buffer.from(hex, "hex") })(key, length);
        const options = { algorithm: "toeplitz", fields: ["5-tuple"], seed: 0, key: hex };
        expect(compileFlowHash(options, undefined).hashFields(fields) >>> 0).toBe(wanted);
      }),
    );
  });

  it("is turned within its own bits and moved as the key's would be, for every hash", () => {
    fc.assert(
      fc.property(rows, fc.constantFrom(...perFlow), fc.nat(), fc.constantFrom(31, 32), (fields, algorithm, any, wanted) => {
        const own = BigInt(HASHES[algorithm].bits);
        const offset = any % Number(own);
        const options: HashOptions = { algorithm, fields: ["5-tuple"], seed: 3 };
        const plain = BigInt(compileFlowHash(options, undefined).hashFields(fields) >>> 0);
        const turned = ((plain >> BigInt(offset)) | (plain << (own - BigInt(offset)))) % 2n ** own;
        const moved = (turned << BigInt(wanted)) >> own;
        expect(compileFlowHash({ ...options, offset }, wanted).hashFields(fields) >>> 0).toBe(Number(moved));
      }),
      { numRuns: 500 },
    );
  });

  it.each(Object.values(HASHES))("is turned by fewer bits than it has: $name of $bits", ({ name, bits }) => {
    const turn = (offset: number) => compileFlowHash({ algorithm: name, fields: ["5-tuple"], seed: 0, offset }, undefined);
    expect(() => turn(bits - 1)).not.toThrow();
    expect(() => turn(bits)).toThrow(`hash offset: ${bits}, wanted 0 to ${bits - 1} with ${name}, a hash of ${bits} bits`);
  });

  it("is of the packet itself where the kernel's hash has it", () => {
    const packet = Buffer.from("4500001c00002000400600000a000001c633640a0400005000000000", "hex");
    const options: HashOptions = { algorithm: "linux", fields: ["5-tuple"], seed: 5, linux: { policy: 1 } };
    const headers = createHeaders();
    readHeaders(packet, 0, packet.length, headers);
    const wanted = createLinuxHash({ policy: 1, seed: 5 })(headers);
    expect(compileFlowHash(options, undefined).hashPacket?.(packet, 0, packet.length)).toBe(wanted);
    expect(compileFlowHash(options, 32).hashPacket?.(packet, 0, packet.length)).toBe((wanted * 2) | 0);
  });

  it("is refused of a flow by hashes that packets have, and by no others", () => {
    for (const algorithm of HASH_NAMES) {
      const refuse = (): void => refusePerPacket(algorithm);
      if (HASHES[algorithm]?.perPacket) expect(refuse).toThrow(RangeError);
      else expect(refuse).not.toThrow();
    }
  });
});
