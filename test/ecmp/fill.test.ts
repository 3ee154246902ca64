import { describe, expect, it } from "vitest";
import { fillAnyway } from "#src/ecmp/fill.ts";
import { SELECTORS } from "#src/ecmp/selector.ts";
import { equalMembers } from "#src/ecmp/table.ts";

describe("a group that its selector cannot serve", () => {
  const { maglev, anchor } = SELECTORS;

  it("goes by the hash's remainder, one bucket a member, and says why", () => {
    const members = equalMembers(5).map((member, i) => ({ ...member, weight: i + 1 }));
    const table = fillAnyway(maglev, members, { buckets: 3 });
    expect(table).toMatchObject({ members, reduction: "buckets", refusal: expect.stringContaining("3 buckets for 5 members") });
    expect([...table.owners]).toEqual([0, 1, 2, 3, 4]);
  });

  it("begins anew with the selector as soon as that can serve it", () => {
    const refused = fillAnyway(anchor, equalMembers(3), { capacity: 2 });
    expect(refused.refusal).toContain("capacity 2");
    const served = fillAnyway(anchor, equalMembers(2), { capacity: 2 }, refused);
    expect(served).toEqual(anchor.fill(equalMembers(2), { capacity: 2 }));
  });

  it("hides no other error", () => {
    const broken = { ...maglev, fill: () => expect.unreachable() };
    expect(() => fillAnyway(broken, equalMembers(1), {})).toThrow();
  });
});
