import { describe, expect, it } from "vitest";
import { jump, jumpHash } from "#src/ecmp/select/jump.ts";
import { equalMembers } from "#src/ecmp/table.ts";
import { moves } from "../../common/selector.ts";

describe("jump", () => {
  // From the tests of github.com/lithammer/go-jump-consistent-hash and its Python sibling.
  it.each([
    [1n, 1, 0],
    [42n, 57, 43],
    [0xdead10ccn, 1, 0],
    [0xdead10ccn, 666, 361],
    [256n, 1024, 520],
  ])("puts key %d of %d in bucket %d", (key, count, bucket) => {
    expect(jumpHash(key, count)).toBe(bucket);
  });

  it("moves only to a newcomer at the end of the order, and much more when the first departs", () => {
    const members = equalMembers(8);
    const table = jump.fill(members, {});
    const longer = moves(jump.fill(members.slice(0, -1), {}), table).filter(({ from, to }) => from !== to);
    expect(new Set(longer.map(({ to }) => to))).toEqual(new Set([members[7].address]));
    const shorter = moves(table, jump.fill(members.slice(1), {})).filter(({ from, to }) => from !== to);
    expect(shorter.length / table.owners.length).toBeGreaterThan(0.5);
  });
});
