/**
 * RIB and FIB together, as `router.ts` has them: what the loss of a peer costs. That it ends right is in
 * test/rib/history.test.ts.
 */
import { describe, expect, it } from "vitest";
import { createFib, type Fib } from "#src/fib/fib.ts";
import { createImage } from "#src/fib/image.ts";
import type { Prefix } from "#src/net/prefix.ts";
import type { RoutePeer, RouteUpdate } from "#src/rib/route.ts";
import { createRib, type Rib } from "#src/rib/table.ts";
import { external, ribConfiguration, sketchAttributes } from "../rib/sketch.ts";

const BUCKETS = 64;
const PEERS = [1, 2, 3, 4, 5, 6, 7, 8];
/** Prefixes of one set of attributes. */
const TOGETHER = 100;

function start(): { rib: Rib; fib: Fib } {
  const rib = createRib();
  rib.configure(ribConfiguration());
  const hash = { algorithm: "xxh32", fields: ["5-tuple"], seed: 1 };
  const fib = createFib({
    buffers: createImage(),
    selector: "resilient",
    selectorOptions: { buckets: BUCKETS },
    hash,
    workers: 0,
  });
  return { rib, fib };
}

const prefixAt = (i: number): Prefix => ({ address: 0x14000000 + i * 256, length: 24 });

const say = (peer: RoutePeer, announced: readonly Prefix[], med?: number): RouteUpdate => ({
  kind: "update",
  peer,
  withdrawn: [],
  announced,
  attributes: sketchAttributes({ peer, asns: [65000], med }),
});

const lose = (peer: RoutePeer): RouteUpdate => ({ kind: "lost", peer, reason: "hold timer expired" });

describe("the loss of a peer", () => {
  it.each([1, 1000, 100_000])("writes as many words with %i prefixes, which all have one group", (count) => {
    const { rib, fib } = start();
    const prefixes = Array.from({ length: count }, (_, i) => prefixAt(i));
    for (const n of PEERS) {
      for (let at = 0; at < count; at += TOGETHER)
        fib.apply(rib.applyUpdate(say(external(n), prefixes.slice(at, at + TOGETHER), at)).routes);
    }
    expect(fib.groupSizes()).toMatchObject([{ prefixCount: count, members: { length: PEERS.length } }]);

    const before = fib.writeCounts();
    fib.withdraw(rib.onlyThrough(external(3).address));
    const withdrawn = fib.writeCounts();
    // Its owners, two words in front of them, and the group's own.
    expect(withdrawn).toEqual({ trie: before.trie, records: before.records + BUCKETS + 3 });
    expect(fib.groupSizes()).toMatchObject([{ prefixCount: count, members: { length: PEERS.length - 1 } }]);

    let decided = 0;
    let change = rib.applyUpdate(lose(external(3)));
    for (let isLast = false; !isLast; change = rib.goOn()) {
      isLast = !rib.isBehind();
      for (const route of change.routes) {
        expect(route.nextHops).toHaveLength(PEERS.length - 1);
        decided += route.prefixes.length;
      }
      expect(fib.apply(change.routes)).toEqual([]);
    }
    expect(decided).toBe(count);
    expect(fib.writeCounts()).toEqual(withdrawn);
    expect(fib.groupSizes()).toMatchObject([{ prefixCount: count }]);
  });

  it("takes nothing from whom another peer leads there too, or a static route does", () => {
    const { rib } = start();
    rib.applyUpdate(say(external(1), [prefixAt(0)]));
    rib.applyUpdate({
      ...say(external(2), [prefixAt(1)]),
      attributes: sketchAttributes({ peer: external(2), nextHop: external(1).address }),
    } as RouteUpdate);
    rib.applyUpdate(say(external(3), [prefixAt(2)]));
    expect(rib.onlyThrough(external(1).address)).toEqual(new Set());
    expect(rib.onlyThrough(external(3).address)).toEqual(new Set([external(3).address]));
    rib.applyUpdate(lose(external(2)));
    expect(rib.onlyThrough(external(1).address)).toEqual(new Set([external(1).address]));
    const nextHops = [{ address: external(3).address, weight: 1 }];
    rib.configure(ribConfiguration({ staticRoutes: [{ prefix: prefixAt(9), nextHops }] }));
    expect(rib.onlyThrough(external(3).address)).toEqual(new Set());
  });
});
