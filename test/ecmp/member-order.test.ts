import { describe, expect, it } from "vitest";
import { type MemberOrder, orderMembers } from "#src/ecmp/member-order.ts";

const named = (...addresses: number[]) => addresses.map((address) => ({ address }));
const order = (rule: MemberOrder, given: number[], previous: number[]) =>
  orderMembers(rule, named(...given), named(...previous)).map(({ address }) => address);

describe("member order", () => {
  it("by address is ascending, whatever was there", () => {
    expect(order("address", [3, 1, 2], [2, 3])).toEqual([1, 2, 3]);
  });

  it("as configured is the route's own", () => {
    expect(order("configured", [3, 1, 2], [1, 2, 3])).toEqual([3, 1, 2]);
  });

  it("as announced keeps the places of those that stay, and puts who arrives at the end", () => {
    expect(order("announced", [1, 2, 3], [])).toEqual([1, 2, 3]);
    expect(order("announced", [1, 2, 3, 4], [3, 2])).toEqual([3, 2, 1, 4]);
    expect(order("announced", [1, 2], [3, 2])).toEqual([2, 1]);
  });
});
