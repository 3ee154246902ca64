import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { threshold } from "#src/ecmp/select/threshold.ts";
import { equalMembers, select } from "#src/ecmp/table.ts";
import { memberLists } from "../../common/selector.ts";
import { slowThreshold } from "../../oracle/selectors.ts";

const boundsOf = (weights: readonly number[]): number[] => {
  const table = threshold.fill(
    weights.map((weight, address) => ({ address, weight })),
    {},
  );
  return table.reduction === "bounds" ? [...table.bounds] : [];
};

describe("threshold", () => {
  it("cuts the space of hashes in proportion to the weights", () => {
    expect(boundsOf([1])).toEqual([0xffffffff]);
    expect(boundsOf([1, 1])).toEqual([0x7fffffff, 0xffffffff]);
    expect(boundsOf([1, 1, 1])).toEqual([0x55555554, 0xaaaaaaa9, 0xffffffff]);
    expect(boundsOf([1, 2, 1])).toEqual([0x3fffffff, 0xbfffffff, 0xffffffff]);
  });

  it("ends with the last hash for every number of members", () => {
    for (let count = 1; count <= 1024; count++) {
      const table = threshold.fill(equalMembers(count), {});
      expect(table.reduction === "bounds" && table.bounds[count - 1]).toBe(0xffffffff);
    }
  });

  it("picks as the textbook does, on and beside every bound", () => {
    fc.assert(
      fc.property(memberLists(100), fc.integer({ min: 0, max: 0xffffffff }), (members, anyHash) => {
        const table = threshold.fill(members, {});
        const bounds = table.reduction === "bounds" ? [...table.bounds] : [];
        const plain = members.map(({ address, weight }) => ({ name: String(address), weight }));
        for (const hash of [anyHash, ...bounds, ...bounds.slice(0, -1).map((bound) => bound + 1)]) {
          expect(String(members[select(table, hash)].address)).toBe(slowThreshold(plain, hash));
        }
      }),
    );
  });

  it("refuses weights that it cannot cut exactly", () => {
    const members = [2 ** 21, 1].map((weight, address) => ({ address, weight }));
    expect(() => threshold.fill(members, {})).toThrow("the weights add up to 2097153, wanted at most 2097152");
  });
});
