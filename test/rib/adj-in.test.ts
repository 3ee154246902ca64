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

  it("forgets one family of a peer and keeps the other", () => {
    const adjIn = createAdjIn();
    const path = sketch({ peer: external(1) });
    for (const prefix of [p1, p2]) adjIn.set(prefix, path);
    expect([...adjIn.deletePeer(external(1), "ipv6")]).toEqual([{ prefix: p2, path }]);
    expect([...adjIn.deletePeer(external(1), "ipv6")]).toEqual([]);
    expect([...adjIn.deletePeer(external(1), "ipv4")]).toEqual([{ prefix: p1, path }]);
  });
});
