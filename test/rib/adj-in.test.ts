import { describe, expect, it } from "vitest";
import { hostPrefix } from "#src/net/prefix.ts";
import { createAdjIn } from "#src/rib/adj-in.ts";
import { external, sketch } from "./sketch.ts";

const [p1, p2] = [hostPrefix(1), hostPrefix("20010db8000000000000000000000001")];

describe("adj-in", () => {
  it("keeps the newest word of each peer for each prefix", () => {
    const adjIn = createAdjIn();
    const [first, second, other] = [external(1), external(1), external(2)].map((peer) => sketch({ peer }));
    expect(adjIn.set(p1, first)).toBeUndefined();
    expect(adjIn.set(p1, other)).toBeUndefined();
    expect(adjIn.set(p1, second)).toBe(first);
    expect(adjIn.delete(external(2), p1)).toBe(other);
    expect(adjIn.delete(external(2), p1)).toBeUndefined();
    expect(adjIn.delete(external(3), p1)).toBeUndefined();
    expect([...adjIn.deletePeer(external(1))]).toEqual([{ prefix: p1, path: second }]);
  });

  it("forgets a whole peer and returns what it had", () => {
    const adjIn = createAdjIn();
    const path = sketch({ peer: external(1) });
    adjIn.set(p2, path);
    adjIn.set(p1, path);
    const other = sketch({ peer: external(2) });
    adjIn.set(p1, other);
    expect([...adjIn.deletePeer(external(1))]).toEqual([
      { prefix: p2, path },
      { prefix: p1, path },
    ]);
    expect([...adjIn.deletePeer(external(1))]).toEqual([]);
    expect([...adjIn.deletePeer(external(2))]).toEqual([{ prefix: p1, path: other }]);
  });

  it("keeps several paths to a prefix apart by their identifiers", () => {
    const adjIn = createAdjIn();
    const [first, second] = [sketch({ peer: external(1) }), sketch({ peer: external(1) })];
    adjIn.set({ ...p1, pathId: 0 }, first);
    expect(adjIn.set({ ...p1, pathId: 1 }, second)).toBeUndefined();
    expect(adjIn.delete(external(1), p1)).toBeUndefined();
    expect(adjIn.delete(external(1), { ...p1, pathId: 1 })).toBe(second);
    expect([...adjIn.deletePeer(external(1))]).toEqual([{ prefix: { ...p1, pathId: 0 }, path: first }]);
  });

  it("forgets some routes of a peer and keeps the others", () => {
    const adjIn = createAdjIn();
    const path = sketch({ peer: external(1) });
    for (const prefix of [p1, p2]) adjIn.set(prefix, path);
    const isOfIpv6 = ({ prefix }: { prefix: { address: unknown } }) => typeof prefix.address === "string";
    expect([...adjIn.deletePeer(external(1), isOfIpv6)]).toEqual([{ prefix: p2, path }]);
    expect([...adjIn.deletePeer(external(1), isOfIpv6)]).toEqual([]);
    expect([...adjIn.deletePeer(external(1))]).toEqual([{ prefix: p1, path }]);
  });
});
