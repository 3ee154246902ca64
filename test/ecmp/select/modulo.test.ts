import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { modulo } from "#src/ecmp/select/modulo.ts";
import { MAXIMUM_BUCKETS, select } from "#src/ecmp/table.ts";
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

  it("refuses weights that need more buckets than a table has", () => {
    const members = [MAXIMUM_BUCKETS, 1].map((weight, i) => ({ address: i, weight }));
    expect(() => modulo.fill(members, {})).toThrow("the weights need 1048577 buckets, wanted at most 1048576");
  });
});
