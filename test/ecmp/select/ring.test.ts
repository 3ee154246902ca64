import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ring } from "#src/ecmp/select/ring.ts";
import { scatterAddress, scramble } from "#src/ecmp/select/scatter.ts";
import { equalMembers, select } from "#src/ecmp/table.ts";
import { memberLists } from "../../common/selector.ts";
import { slowRing } from "../../oracle/selectors-consistent.ts";

describe("ring", () => {
  it("picks the next point on the circle, on and beside every point", () => {
    fc.assert(
      fc.property(memberLists(3, 6), fc.integer({ min: 0, max: 0xffffffff }), (members, anyHash) => {
        const table = ring.fill(members, { replicas: 5 });
        const points = members.flatMap(({ address, weight }) =>
          Array.from({ length: weight * 5 }, (_, replica) => ({
            at: scramble(scatterAddress(address, 0) ^ scramble(replica)),
            name: String(address),
          })),
        );
        for (const hash of [anyHash, 0, 0xffffffff, ...points.flatMap(({ at }) => [at, (at + 1) >>> 0])])
          expect(String(members[select(table, hash)].address)).toBe(slowRing(points, hash));
      }),
    );
  });

  it("has a range for each point and one past the last", () => {
    const table = ring.fill(equalMembers(3), {});
    expect(table.owners).toHaveLength(301);
    expect(table.owners[300]).toBe(table.owners[0]);
  });

  it("refuses more points than a table has ranges", () => {
    expect(() => ring.fill(equalMembers(64), { replicas: 65536 })).toThrow(
      "wanted at least 1 replica and fewer than 1048576 points",
    );
    expect(() => ring.fill(equalMembers(2), { replicas: 0 })).toThrow("0 replicas");
  });
});
