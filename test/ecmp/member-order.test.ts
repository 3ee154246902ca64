import { describe, expect, it } from "vitest";
import { type MemberOrder, orderMembers } from "#src/ecmp/member-order.ts";

const order = (rule: MemberOrder, given: number[], known: number[]) => {
  const places = new Map(known.map((address, place) => [address, place]));
  const placeOf = (address: unknown): number => {
    const place = places.get(address as number) ?? places.size;
    places.set(address as number, place);
    return place;
  };
  const members = given.map((address) => ({ address }));
  return orderMembers(rule, members, placeOf).map(({ address }) => address);
};

describe("member order", () => {
  it("by address is ascending, whatever is known", () => {
    expect(order("address", [3, 1, 2], [2, 3])).toEqual([1, 2, 3]);
  });

  it("as configured is the route's own", () => {
    expect(order("configured", [3, 1, 2], [1, 2, 3])).toEqual([3, 1, 2]);
  });

  it("as announced is by place, who is new behind all that are known, the new ones by address", () => {
    expect(order("announced", [3, 1, 2], [])).toEqual([1, 2, 3]);
    expect(order("announced", [5, 4, 1, 2, 3], [3, 2])).toEqual([3, 2, 1, 4, 5]);
    expect(order("announced", [1, 2], [3, 2, 1])).toEqual([2, 1]);
  });
});
