import { describe, expect, it } from "vitest";
import { createFib } from "#src/fib/fib.ts";
import { acknowledge, createImage, lookup } from "#src/fib/image.ts";
import { GROUP_RECORD, GROUPS, MAXIMUM_BLOCKS, NEXT_HOP_KIND, NEXT_HOP_RECORD, NEXT_HOPS } from "#src/fib/layout.ts";
import type { NextHopName } from "#src/fib/next-hops.ts";
import { parseAddress } from "#src/net/address.ts";
import { parsePrefix } from "#src/net/prefix.ts";

const address = (text: string) => parseAddress(text) as number;
const prefix = (text: string) => parsePrefix(text) as NonNullable<ReturnType<typeof parsePrefix>>;
const nextHops = (...last: number[]) => last.map((one) => ({ address: address(`10.0.0.${one}`), weight: 1 }));
const route = (text: string, ...last: number[]) => ({
  prefixes: [prefix(text)],
  protocol: "bgp" as const,
  nextHops: nextHops(...last),
});
const HASH = { algorithm: "xxh32", fields: ["5-tuple"], seed: 1 };

// One set of buffers after the other would cost 48 MiB each: tests share an image and leave it empty.
function makeFib(selector = "modulo", workers = 0, options = {}) {
  const fib = createFib({ buffers: createImage(1 << 16), selector, selectorOptions: options, hash: HASH, workers });
  fib.attach({ prefix: prefix("10.0.0.0/24"), port: 3 });
  return fib;
}
type TestFib = ReturnType<typeof makeFib>;

/** What a worker finds for a destination: kind and address of each bucket's next hop. */
function follow({ image }: TestFib, destination: string): string[] {
  const kinds = Object.fromEntries(Object.entries(NEXT_HOP_KIND).map(([name, number]) => [number, name]));
  const record = image.words[GROUPS + lookup(image, address(destination))];
  if (record === 0) return [];
  const owners = image.words.subarray(
    record + GROUP_RECORD.owners,
    record + GROUP_RECORD.owners + image.words[record + GROUP_RECORD.count],
  );
  return [...owners].map((index) => {
    const at = image.words[NEXT_HOPS + index];
    return `${kinds[image.words[at]]} ${image.words[at + NEXT_HOP_RECORD.address] & 0xff}`;
  });
}

describe("the FIB", () => {
  it("leads a destination over prefix, group and bucket to a next hop", () => {
    const fib = makeFib();
    fib.apply([route("198.51.100.10/32", 11, 12)]);
    fib.setNeighbor(address("10.0.0.12"), 3, { mac: 0x020000000012, source: 0x020000000001, mtu: 1500 });
    expect(follow(fib, "198.51.100.10")).toEqual(["incomplete 11", "reachable 12"]);
    expect(follow(fib, "198.51.100.11")).toEqual([]);
    expect(follow(fib, "10.0.0.99")).toEqual(["attached 0"]);
    expect(follow(fib, "10.0.0.12")).toEqual(["reachable 12"]);
    fib.own(address("10.0.0.1"));
    expect(follow(fib, "10.0.0.1")).toEqual(["local 0"]);
  });

  it("does not let a host that is known be reached around a route to its part of the subnet, whichever came first", () => {
    const fib = makeFib();
    const part = { prefixes: [prefix("10.0.0.128/25")], protocol: "static" as const, nextHops: [] };
    const meet = (last: number) =>
      fib.setNeighbor(address(`10.0.0.${last}`), 3, { mac: 0x020000000000 + last, source: 1, mtu: 1500 });
    meet(200);
    fib.apply([{ ...part, action: "blackhole" }]);
    meet(201);
    meet(7);
    const seen = () => ["10.0.0.200", "10.0.0.201", "10.0.0.7"].map((host) => follow(fib, host).join());
    expect(seen()).toEqual(["blackhole 0", "blackhole 0", "reachable 7"]);
    fib.apply([route("10.0.0.128/25", 7)]);
    expect(seen()).toEqual(["reachable 7", "reachable 7", "reachable 7"]);
    fib.apply([part]);
    expect(seen()).toEqual(["reachable 200", "reachable 201", "reachable 7"]);
  });

  it.each([
    ["address", ["11 12 14", "11 12 13 14", "11 13", "11 12 13"]],
    ["configured", ["14 11 12", "13 14 11 12", "13 11", "12 13 11"]],
    ["announced", ["11 12 14", "11 12 14 13", "11 13", "11 12 13"]],
  ] as const)("has the members of a group in the order that was asked for: %s", (memberOrder, expected) => {
    const fib = createFib({
      buffers: createImage(1 << 16),
      selector: "modulo",
      selectorOptions: {},
      memberOrder,
      hash: HASH,
      workers: 0,
    });
    const seen = (
      [
        [14, 11, 12],
        [13, 14, 11, 12],
        [13, 11],
        [12, 13, 11],
      ] as const
    ).map((members) => {
      fib.apply([route("198.51.100.10/32", ...members)]);
      expect(follow(fib, "198.51.100.10").map((hop) => hop.split(" ")[1])).toEqual(
        fib.state().groups[0].members.map(({ address }) => address.split(".")[3]),
      );
      return follow(fib, "198.51.100.10")
        .map((hop) => hop.split(" ")[1])
        .join(" ");
    });
    expect(seen).toEqual(expected);
  });

  it("goes on by the hash's remainder where the selector cannot serve a group, says so, and comes back", () => {
    const refusals: [number, string][] = [];
    const fib = createFib({
      buffers: createImage(1 << 16),
      selector: "resilient",
      selectorOptions: { buckets: 2 },
      hash: HASH,
      workers: 0,
      onRefusal: (group, because) => void refusals.push([group, because]),
    });
    const seen = [
      [11, 12],
      [11, 12, 13],
      [11, 12, 13, 14],
      [12, 13],
    ].map((members) => {
      fib.apply([route("198.51.100.10/32", ...members)]);
      const [{ refusal }] = fib.state().groups;
      expect(fib.groupSizes()[0].isRefused).toBe(refusal !== undefined);
      return [follow(fib, "198.51.100.10").length, refusal !== undefined];
    });
    expect(seen).toEqual([
      [2, false],
      [3, true],
      [4, true],
      [2, false],
    ]);
    expect(refusals).toEqual([[expect.any(Number), expect.stringContaining("2 buckets for 3 members")]]);
  });

  it("throws away what a route throws away, and stops when it no longer does", () => {
    const fib = makeFib();
    const blackhole = (text: string) => ({ ...route(text), action: "blackhole" as const });
    fib.apply([route("198.51.100.0/24", 11), blackhole("198.51.100.10/32"), blackhole("203.0.113.0/24")]);
    const at = (...hosts: string[]) => hosts.map((host) => follow(fib, host).join(" "));
    expect(at("198.51.100.10", "198.51.100.11", "203.0.113.1")).toEqual(["blackhole 0", "incomplete 11", "blackhole 0"]);
    fib.apply([blackhole("198.51.100.0/24"), route("198.51.100.10/32", 12), route("203.0.113.0/24")]);
    expect(at("198.51.100.10", "198.51.100.11", "203.0.113.1")).toEqual(["incomplete 12", "blackhole 0", ""]);
    // A host that is resolved is still thrown away, and found again afterwards.
    fib.apply([blackhole("10.0.0.7/32")]);
    fib.setNeighbor(address("10.0.0.7"), 3, { mac: 0x020000000007, source: 0x020000000001, mtu: 1500 });
    expect(at("10.0.0.7")).toEqual(["blackhole 0"]);
    fib.apply([route("10.0.0.7/32")]);
    expect(at("10.0.0.7")).toEqual(["reachable 7"]);
  });

  it("gives the default route one word, and lets more specific ones win", () => {
    const fib = makeFib();
    const before = fib.writeCounts().trie;
    fib.apply([route("0.0.0.0/0", 11)]);
    expect(fib.writeCounts().trie).toBe(before);
    expect(follow(fib, "203.0.113.1")).toEqual(["incomplete 11"]);
    expect(follow(fib, "10.0.0.77")).toEqual(["attached 0"]);
    fib.apply([route("0.0.0.0/0")]);
    expect(follow(fib, "203.0.113.1")).toEqual([]);
  });

  it("shows the resolved host again when a route to its address goes", () => {
    const fib = makeFib();
    fib.setNeighbor(address("10.0.0.20"), 3, { mac: 1, source: 2, mtu: 1500 });
    fib.apply([route("10.0.0.20/32", 11)]);
    expect(follow(fib, "10.0.0.20")).toEqual(["incomplete 11"]);
    fib.apply([route("10.0.0.20/32")]);
    expect(follow(fib, "10.0.0.20")).toEqual(["reachable 20"]);
    fib.forgetNeighbor(address("10.0.0.20"));
    expect(follow(fib, "10.0.0.20")).toEqual(["attached 0"]);
  });

  it("knows a neighbor that was resolved before any route named it", () => {
    const fib = makeFib();
    fib.setNeighbor(address("10.0.0.11"), 3, { mac: 1, source: 2, mtu: 1500 });
    fib.apply([route("198.51.100.10/32", 11, 12)]);
    expect(follow(fib, "198.51.100.10")).toEqual(["reachable 11", "incomplete 12"]);
    fib.apply([route("198.51.100.10/32", 12)]);
    fib.apply([route("198.51.100.10/32", 11)]);
    expect(follow(fib, "198.51.100.10")).toEqual(["reachable 11"]);
  });

  it.each([1, 1000, 100_000])("writes as many words when a node leaves, with %i prefixes behind it", (count) => {
    const fib = makeFib("resilient", 0, { buckets: 128 });
    const prefixes = Array.from({ length: count }, (_, i) => ({ address: (0x14000000 + i * 256) >>> 0, length: 24 }));
    const to = (...last: number[]) => [{ prefixes, protocol: "bgp" as const, nextHops: nextHops(...last) }];
    fib.apply(to(11, 12, 13, 14));
    const before = fib.writeCounts();
    fib.apply(to(11, 13, 14));
    const after = fib.writeCounts();
    expect({ trie: after.trie - before.trie, records: after.records - before.records }).toEqual({
      trie: 0,
      records: 128 + 2 + 1,
    });
    expect(new Set(follow(fib, "20.0.0.1"))).toEqual(new Set(["incomplete 11", "incomplete 13", "incomplete 14"]));
    expect(fib.state().groups).toHaveLength(1);
  });

  it("moves only the buckets of the node that left, in the group that the prefixes share", () => {
    const fib = makeFib("resilient", 0, { buckets: 64 });
    fib.apply([route("198.51.100.10/32", 11, 12, 13, 14)]);
    const before = follow(fib, "198.51.100.10");
    fib.apply([route("198.51.100.10/32", 11, 13, 14)]);
    const after = follow(fib, "198.51.100.10");
    expect(before.filter((one, i) => one !== after[i]).every((one) => one === "incomplete 12")).toBe(true);
    expect(after).not.toContain("incomplete 12");
  });

  it("lets some prefixes of a group go their own way, from where the group was", () => {
    const fib = makeFib("resilient", 0, { buckets: 64 });
    fib.apply([route("198.51.100.10/32", 11, 12), route("198.51.100.20/32", 11, 12)]);
    const before = follow(fib, "198.51.100.20");
    fib.apply([route("198.51.100.20/32", 11, 12, 13)]);
    const after = follow(fib, "198.51.100.20");
    expect(follow(fib, "198.51.100.10")).toEqual(before);
    expect(after.every((one, i) => one === before[i] || one === "incomplete 13")).toBe(true);
    expect(fib.state().groups.map((group) => group.prefixes)).toEqual([["198.51.100.10/32"], ["198.51.100.20/32"]]);
  });

  it("takes the last word for a prefix that a batch names twice", () => {
    const fib = makeFib();
    fib.apply([route("198.51.100.10/32", 11), route("198.51.100.10/32", 12)]);
    expect(follow(fib, "198.51.100.10")).toEqual(["incomplete 12"]);
    fib.apply([route("198.51.100.10/32"), route("198.51.100.10/32", 12)]);
    expect(follow(fib, "198.51.100.10")).toEqual(["incomplete 12"]);
  });

  it("keeps what a worker may still read until all have acknowledged", () => {
    const fib = makeFib("modulo", 2);
    fib.apply([route("198.51.100.10/32", 11, 12)]);
    const record = () => fib.image.words[GROUPS + lookup(fib.image, address("198.51.100.10"))];
    const first = record();
    fib.apply([route("198.51.100.10/32", 11, 13)]);
    const generation = fib.publish();
    acknowledge(fib.image, 0, generation);
    expect(fib.reclaim()).toBe(0);
    fib.apply([route("198.51.100.10/32", 11, 14)]);
    expect(record()).not.toBe(first);
    acknowledge(fib.image, 1, generation);
    expect(fib.reclaim()).toBe(generation);
    fib.apply([route("198.51.100.10/32", 11, 15)]);
    expect(record()).toBe(first);
  });

  it("does not grow under churn", () => {
    const fib = makeFib("resilient", 0, { buckets: 1024 });
    for (let i = 0; i < 2000; i++) {
      fib.apply([route("198.51.100.10/32", 11, 12 + (i % 5)), route(`198.51.100.${20 + (i % 7)}/32`, ...(i % 2 ? [11] : []))]);
      fib.publish();
      fib.reclaim();
    }
    expect(follow(fib, "198.51.100.10")).toHaveLength(1024);
  });

  it("says what it believes, so that it can be restored", () => {
    const fib = makeFib("threshold");
    fib.apply([
      route("198.51.100.0/24", 11, 12),
      { ...route("192.0.2.0/24", 12), nextHops: [{ address: address("10.0.0.12"), weight: 3 }] },
    ]);
    fib.own(address("10.0.0.1"));
    fib.own(address("10.0.0.2"));
    fib.disown(address("10.0.0.1"));
    expect(fib.state()).toEqual({
      direct: { local: ["10.0.0.2"], attached: ["10.0.0.0/24"] },
      hash: HASH,
      selector: { name: "threshold" },
      memberOrder: "address",
      groups: [
        {
          id: expect.any(Number),
          prefixes: ["198.51.100.0/24"],
          members: [
            { address: "10.0.0.11", weight: 1, share: 2 ** 31 },
            { address: "10.0.0.12", weight: 1, share: 2 ** 31 },
          ],
          reduction: "bounds",
          owners: [0, 1],
          bounds: [2 ** 31 - 1, 2 ** 32 - 1],
        },
        {
          id: expect.any(Number),
          prefixes: ["192.0.2.0/24"],
          members: [{ address: "10.0.0.12", weight: 3, share: 2 ** 32 }],
          reduction: "bounds",
          owners: [0],
          bounds: [2 ** 32 - 1],
        },
      ],
    });
  });

  describe("when the image is full", () => {
    const small = (arenaWords: number) => {
      const options = {
        buffers: createImage(arenaWords),
        selector: "resilient",
        selectorOptions: { buckets: 32 },
        hash: HASH,
        workers: 0,
      };
      const fib = createFib(options);
      fib.attach({ prefix: prefix("10.0.0.0/24"), port: 3 });
      return fib;
    };
    /** What the state says and what a worker finds must be the same thing. */
    const agrees = (fib: TestFib, destination: string, prefixes: readonly string[]): void => {
      const stated = fib.state().groups.flatMap((group) => group.prefixes);
      expect(stated.sort()).toEqual([...prefixes].sort());
      expect(follow(fib, destination).length > 0).toBe(prefixes.includes(`${destination.replace(/\.1$/, ".0")}/24`));
    };

    it("refuses the routes that find no room, and says which", () => {
      const fib = small(128);
      expect(fib.apply([route("198.51.100.0/24", 11), route("192.0.2.0/24", 12), route("203.0.113.0/24", 13)])).toEqual([
        prefix("192.0.2.0/24"),
        prefix("203.0.113.0/24"),
      ]);
      agrees(fib, "198.51.100.1", ["198.51.100.0/24"]);
      agrees(fib, "192.0.2.1", ["198.51.100.0/24"]);
    });

    it("keeps a group as it was when its new members find no room", () => {
      const fib = small(104);
      fib.apply([route("198.51.100.0/24", 11, 12)]);
      const before = fib.state();
      expect(fib.apply([route("198.51.100.0/24", 11)])).toEqual([prefix("198.51.100.0/24")]);
      expect(fib.state()).toEqual(before);
      expect(new Set(follow(fib, "198.51.100.1"))).toEqual(new Set(["incomplete 11", "incomplete 12"]));
    });

    it("goes on with the rest of a batch when the trie has no block left", () => {
      const fib = makeFib();
      const hosts = Array.from({ length: MAXIMUM_BLOCKS + 10 }, (_, i) => ({
        address: (0x14000000 + i * 256) >>> 0,
        length: 32,
      }));
      const changes = [{ prefixes: hosts, protocol: "bgp" as const, nextHops: nextHops(11) }];
      const refused = fib.apply([...changes, route("198.51.100.0/24", 12)]);
      expect(refused).toEqual(hosts.slice(MAXIMUM_BLOCKS));
      expect(follow(fib, "198.51.100.1")).toEqual(["incomplete 12"]);
      expect(fib.state().groups.map((group) => group.prefixes.length)).toEqual([MAXIMUM_BLOCKS, 1]);
      expect(fib.apply([{ prefixes: hosts.slice(MAXIMUM_BLOCKS), protocol: "bgp", nextHops: [] }])).toEqual([]);
    });
  });

  it("tells of every next hop that takes an index, and again when another takes it over", () => {
    const taken = new Map<NextHopName, number>();
    const options = { buffers: createImage(1 << 12), selector: "modulo", selectorOptions: {}, hash: HASH, workers: 0 };
    const fib = createFib({ ...options, onNextHop: (index, name) => void taken.set(name, index) });
    fib.attach({ prefix: prefix("10.0.0.0/24"), port: 3 });
    fib.apply([route("198.51.100.0/24", 11)]);
    const first = fib.nextHopIndex(address("10.0.0.11"));
    fib.apply([route("198.51.100.0/24")]);
    fib.publish();
    fib.reclaim();
    fib.apply([route("198.51.100.0/24", 78)]);
    expect(fib.nextHopIndex(address("10.0.0.78"))).toBe(first);
    expect([11, 78].map((last) => taken.get(address(`10.0.0.${last}`)))).toEqual([first, first]);
  });
});
