/** What can be said of Linux's selectors without a kernel to ask; `*-kernel.test.ts` asks one. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { linuxResilient } from "#src/ecmp/select/linux-resilient.ts";
import { linuxThreshold } from "#src/ecmp/select/linux-threshold.ts";
import { type BucketActivity, equalMembers, memberShares, type SelectionTable } from "#src/ecmp/table.ts";
import { memberLists, ownerAddress } from "../../common/selector.ts";
import { isBalanced, slowResilientShares } from "../../oracle/linux.ts";

const ownersOf = (table: SelectionTable): string =>
  Array.from(table.owners.keys(), (bucket) => Number(ownerAddress(table, bucket)) - 0x0a000000).join(" ");
const idle = (buckets: number): BucketActivity => ({
  idleSeconds: new Array<number>(buckets).fill(Number.POSITIVE_INFINITY),
  unbalancedSeconds: 0,
});

describe("linux-threshold", () => {
  it("keeps the picture at the top of its file", () => {
    const table = linuxThreshold.fill(equalMembers(3), {});
    expect(table.reduction === "bounds" && Array.from(table.bounds, (bound) => bound.toString(16))).toEqual([
      "2aaaaaaa",
      "55555554",
      "7fffffff",
    ]);
  });

  it("rounds each bound to the nearest, as exact arithmetic does", () => {
    fc.assert(
      fc.property(memberLists(65_536), (members) => {
        const table = linuxThreshold.fill(members, {});
        const total = members.reduce((sum, { weight }) => sum + BigInt(weight), 0n);
        let sum = 0n;
        const bounds = members.map(({ weight }) => {
          sum += BigInt(weight);
          return Number(((sum << 31n) + total / 2n) / total) - 1;
        });
        expect(table.reduction === "bounds" && [...table.bounds]).toEqual(bounds);
      }),
    );
  });
});

describe("linux-resilient", () => {
  const buckets = 8;

  it("keeps the picture at the top of its file", () => {
    const before = linuxResilient.fill(equalMembers(3), { buckets });
    expect(ownersOf(before)).toBe("3 3 3 2 2 1 1 1");
    const [first, , third] = equalMembers(3);
    expect(ownersOf(linuxResilient.fill([first, third], { buckets }, before))).toBe("3 3 3 3 1 1 1 1");
  });

  it("moves nothing for a newcomer while buckets are busy, and from the first bucket on when they are idle", () => {
    const before = linuxResilient.fill(equalMembers(2), { buckets });
    expect(ownersOf(before)).toBe("2 2 2 2 1 1 1 1");
    const waiting = linuxResilient.fill(equalMembers(3), { buckets }, before);
    expect(ownersOf(waiting)).toBe("2 2 2 2 1 1 1 1");
    expect(isBalanced(waiting)).toBe(false);
    const after = linuxResilient.fill(equalMembers(3), { buckets }, waiting, idle(buckets));
    expect(ownersOf(after)).toBe("3 3 2 2 3 1 1 1");
    expect(isBalanced(after)).toBe(true);
    const third = { idleSeconds: [0, 0, 120, 0, 0, 0, 0, 0], unbalancedSeconds: 1e6 };
    expect(ownersOf(linuxResilient.fill(equalMembers(3), { buckets }, waiting, third))).toBe("2 2 3 2 1 1 1 1");
  });

  it("moves busy buckets when the table has been uneven for longer than its timer, and without a timer never", () => {
    const before = linuxResilient.fill(equalMembers(2), { buckets });
    const busy = (unbalancedSeconds: number) => ({ idleSeconds: new Array<number>(buckets).fill(0), unbalancedSeconds });
    const move = (unbalancedTimerSeconds: number, seconds: number) =>
      ownersOf(linuxResilient.fill(equalMembers(3), { buckets, unbalancedTimerSeconds }, before, busy(seconds)));
    expect(move(10, 10)).toBe("2 2 2 2 1 1 1 1");
    expect(move(10, 10.1)).toBe("3 3 2 2 3 1 1 1");
    expect(move(0, 1e9)).toBe("2 2 2 2 1 1 1 1");
  });

  it("gives each member what running sums of weights, rounded to the nearest, say", () => {
    fc.assert(
      fc.property(memberLists(200), fc.integer({ min: 1, max: 600 }), (members, size) => {
        const table = linuxResilient.fill(members, { buckets: size });
        expect(memberShares(table)).toEqual(slowResilientShares(members, size));
      }),
    );
  });

  it.each([0, -1, 1.5, 65_536])("refuses %d buckets", (size) => {
    expect(() => linuxResilient.fill(equalMembers(2), { buckets: size })).toThrow("wanted 1 to 65535");
  });
});
