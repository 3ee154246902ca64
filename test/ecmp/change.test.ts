import { describe, expect, it } from "vitest";
import { changeGroup } from "#src/ecmp/change.ts";
import { SELECTORS } from "#src/ecmp/selector.ts";
import { equalMembers } from "#src/ecmp/table.ts";

describe("changeGroup", () => {
  it("begins with an empty table when the group is new", () => {
    const { before, after } = changeGroup(undefined, equalMembers(2), SELECTORS.modulo);
    expect(before.members).toEqual([]);
    expect(after).toEqual(SELECTORS.modulo.fill(equalMembers(2), {}));
  });

  it("hands the table in force to the selector, with its options", () => {
    const [first, , third] = equalMembers(3);
    const start = SELECTORS.resilient.fill(equalMembers(3), { buckets: 8 });
    const { before, after } = changeGroup(start, [first, third], SELECTORS.resilient, { buckets: 8 });
    expect(before).toBe(start);
    expect(after).toEqual(SELECTORS.resilient.fill([first, third], { buckets: 8 }, start));
    expect(after).not.toEqual(SELECTORS.resilient.fill([first, third], { buckets: 8 }));
  });
});
