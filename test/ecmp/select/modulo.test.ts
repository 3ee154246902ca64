import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HASHES } from "#src/ecmp/hash.ts";
import { modulo } from "#src/ecmp/select/modulo.ts";
import { equalMembers, MAXIMUM_BUCKETS, select } from "#src/ecmp/table.ts";
import { memberLists } from "../../common/selector.ts";
import { slowModulo } from "../../oracle/selectors.ts";

describe("modulo", () => {
  it("repeats members by weight, in member order, after reduction", () => {
    const members = [6, 2, 4].map((weight, i) => ({ address: i + 1, weight }));
    expect([...modulo.fill(members, {}).owners]).toEqual([0, 0, 0, 1, 2, 2]);
  });

  it("picks as the textbook does", () => {
    fc.assert(
      fc.property(memberLists(30), fc.integer({ min: 0, max: 0xffffffff }), (members, hash) => {
        const picked = members[select(modulo.fill(members, {}), hash)].address;
        const plain = members.map(({ address, weight }) => ({ name: String(address), weight }));
        expect(String(picked)).toBe(slowModulo(plain, hash));
      }),
    );
  });

  // bmv2 hands an action selector's hash on as 64 bits (get_from_hash: h % size); its crc16 and crc32 fill the lower ones.
  it("picks as a remainder of 64 bits does, for every hash of 16 bits and for hashes of 32", () => {
    const few = Array.from({ length: 0x10000 }, (_, hash) => hash);
    const hashes = [...few, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];
    for (const count of [1, 2, 3, 5, 7, 16, 61, 255, 1000]) {
      const table = modulo.fill(equalMembers(count), {});
      expect(hashes.filter((hash) => BigInt(select(table, hash)) !== BigInt(hash) % BigInt(count))).toEqual([]);
    }
    expect(HASHES["crc16-ibm"].bits).toBe(16);
  });

  it("refuses weights that need more buckets than a table has", () => {
    const members = [MAXIMUM_BUCKETS, 1].map((weight, i) => ({ address: i, weight }));
    expect(() => modulo.fill(members, {})).toThrow("the weights need 1048577 buckets, wanted at most 1048576");
  });
});
