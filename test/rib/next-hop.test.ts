import { describe, expect, it } from "vitest";
import { type Address, parseAddress } from "#src/net/address.ts";
import { formatPrefix, type Prefix, parseInterfaceAddress, parsePrefix } from "#src/net/prefix.ts";
import { createResolver, type Resolution } from "#src/rib/next-hop.ts";

const address = (text: string): Address => parseAddress(text) as Address;
const gateway = (text: string, weight = 1) => ({ address: address(text), weight });

const { resolve } = createResolver({
  interfaces: ["10.0.0.1/24", "2001:db8:1::1/64", "10.3.0.1/16"].map((text) => parseInterfaceAddress(text) as Prefix),
  staticRoutes: [
    { prefix: parsePrefix("0.0.0.0/0") as Prefix, nextHops: [gateway("10.0.0.254")] },
    { prefix: parsePrefix("10.9.0.0/16") as Prefix, nextHops: [gateway("10.0.0.2", 3), gateway("10.0.0.3")] },
    { prefix: parsePrefix("10.9.9.0/24") as Prefix, nextHops: [gateway("10.0.0.4")] },
    { prefix: parsePrefix("10.0.0.128/25") as Prefix, nextHops: [gateway("10.0.0.5")] },
    { prefix: parsePrefix("10.3.0.0/16") as Prefix, nextHops: [gateway("10.0.0.6")] },
    { prefix: parsePrefix("2001:db8:9::/48") as Prefix, nextHops: [gateway("2001:db8:1::2")] },
  ],
  links: ["eth1"],
  bgpNextHops: () => undefined,
});

const resolveText = (text: string): Resolution => resolve(address(text));

const over = (through: string | undefined, ...gateways: ReturnType<typeof gateway>[]): Resolution => ({
  eligible: true,
  gateways,
  ...(through !== undefined && { through: parsePrefix(through) as Prefix }),
});

describe("a next hop", () => {
  it.each([
    ["in a connected subnet is its own gateway", "10.0.0.7", over(undefined, gateway("10.0.0.7"))],
    ["in a connected IPv6 subnet is its own gateway", "2001:db8:1::7", over(undefined, gateway("2001:db8:1::7"))],
    [
      "behind a static route goes to that route's next hops, with their weights",
      "10.9.1.1",
      over("10.9.0.0/16", gateway("10.0.0.2", 3), gateway("10.0.0.3")),
    ],
    ["behind two static routes goes the longer one's way", "10.9.9.1", over("10.9.9.0/24", gateway("10.0.0.4"))],
    [
      "in a static route within a connected subnet goes the longer one's way",
      "10.0.0.200",
      over("10.0.0.128/25", gateway("10.0.0.5")),
    ],
    ["in a static route as long as a connected subnet is its own gateway", "10.3.0.7", over(undefined, gateway("10.3.0.7"))],
    [
      "behind a static IPv6 route goes to that route's next hops",
      "2001:db8:9::1",
      over("2001:db8:9::/48", gateway("2001:db8:1::2")),
    ],
    ["on a link of ours is its own gateway there", "fe80::7%eth1", over(undefined, gateway("fe80::7%eth1"))],
  ])("%s", (_, nextHop, wanted) => {
    expect(resolveText(nextHop)).toEqual(wanted);
  });

  it.each([
    ["that only a default route covers", "192.0.2.1", "no route to next hop (a default does not count)"],
    ["of a subnet that we are not in", "2001:db8:2::1", "no route to next hop (a default does not count)"],
    ["on a link that is no port", "fe80::7%eth2", "next hop on no link in use"],
    ["on no link that is known", "fe80::7", "next hop on no link in use"],
    ["that is one of our addresses", "10.0.0.1", "next hop is our own address"],
    ["that is one of our IPv6 addresses", "2001:db8:1::1", "next hop is our own address"],
  ])("%s is refused", (_, nextHop, reason) => {
    expect(resolveText(nextHop)).toEqual({ eligible: false, reason });
    expect(resolveText(nextHop)).toEqual({ eligible: false, reason });
  });
});

describe("a next hop behind static routes", () => {
  const behind = (routes: Record<string, readonly (readonly [string, number])[] | "blackhole" | "unreachable">, bgp = {}) =>
    createResolver({
      interfaces: ["10.0.0.1/24", "2001:db8:1::1/64"].map((text) => parseInterfaceAddress(text) as Prefix),
      staticRoutes: Object.entries(routes).map(([prefix, way]) => ({
        prefix: parsePrefix(prefix) as Prefix,
        ...(typeof way === "string" ? { nextHops: [], action: way } : { nextHops: way.map((one) => gateway(...one)) }),
      })),
      bgpNextHops: (prefix) => (bgp as Record<string, string[]>)[formatPrefix(prefix)]?.map(address),
    });

  it("goes to where theirs lie, step by step, with the product of the weights on each way and the sum of ways", () => {
    const { resolve } = behind({
      "10.1.0.0/16": [
        ["10.2.0.1", 2],
        ["10.2.0.2", 1],
        ["10.0.0.7", 5],
      ],
      "10.2.0.0/16": [
        ["10.0.0.7", 3],
        ["10.0.0.8", 1],
      ],
    });
    expect(resolve(address("10.1.1.1"))).toEqual(over("10.1.0.0/16", gateway("10.0.0.7", 14), gateway("10.0.0.8", 3)));
  });

  it("has weights of 256 at most, however many routes multiply theirs, and nobody's becomes nothing", () => {
    const { resolve } = behind({
      "10.1.0.0/16": [
        ["10.2.0.1", 256],
        ["10.0.0.9", 1],
      ],
      "10.2.0.0/16": [
        ["10.0.0.7", 256],
        ["10.0.0.8", 128],
      ],
    });
    const gateways = [gateway("10.0.0.7", 256), gateway("10.0.0.8", 128), gateway("10.0.0.9", 1)];
    expect(resolve(address("10.1.1.1"))).toEqual(over("10.1.0.0/16", ...gateways));
  });

  it("goes through static and BGP routes in turn, and past a static one whose next hops lie nowhere to BGP's", () => {
    const mixed = behind(
      { "10.1.0.0/16": [["10.2.0.1", 1]], "10.3.0.0/16": [["10.0.0.9", 1]], "10.4.0.0/16": [["192.0.2.1", 1]] },
      { "10.2.0.0/16": ["10.3.0.1"], "10.4.0.0/16": ["10.0.0.4"] },
    );
    expect(mixed.resolve(address("10.1.1.1"))).toEqual(over("10.1.0.0/16", gateway("10.0.0.9")));
    expect(mixed.resolve(address("10.4.0.1"))).toEqual(over("10.4.0.0/16", gateway("10.0.0.4")));
  });

  it("passes over a route that leads back to it, its own or through others", () => {
    const { resolve } = behind({
      "10.1.1.0/24": [["10.1.1.1", 1]],
      "10.2.2.0/24": [["10.3.3.3", 1]],
      "10.3.3.0/24": [["10.2.2.2", 1]],
      "2001:db8:2::/48": [["2001:db8:2::1", 1]],
    });
    for (const lost of ["10.1.1.1", "10.2.2.2", "10.3.3.3", "2001:db8:2::1"])
      expect(resolve(address(lost))).toEqual({ eligible: false, reason: "next hop behind a loop of routes" });
    const covered = behind({ "10.1.1.0/24": [["10.1.1.1", 1]], "10.0.0.0/8": [["10.0.0.9", 1]] });
    expect(covered.resolve(address("10.1.1.1"))).toEqual(over("10.0.0.0/8", gateway("10.0.0.9")));
  });

  it.each([
    ["IPv4 blackhole", "10.9.1.1", { "10.9.1.0/24": "blackhole", "10.9.0.0/16": [["10.0.0.9", 1]] }],
    ["IPv4 unreachable", "10.9.1.1", { "10.9.1.0/24": "unreachable", "10.9.0.0/16": [["10.0.0.9", 1]] }],
    ["IPv6 blackhole", "2001:db8:9::1", { "2001:db8:9::/64": "blackhole", "2001:db8::/32": [["2001:db8:1::9", 1]] }],
    ["IPv6 unreachable", "2001:db8:9::1", { "2001:db8:9::/64": "unreachable", "2001:db8::/32": [["2001:db8:1::9", 1]] }],
  ] as const)("is not reached behind an %s route, whatever is shorter", (_, nextHop, routes) => {
    const reason = "next hop behind a route that throws away";
    expect(behind(routes).resolve(address(nextHop))).toEqual({ eligible: false, reason });
  });

  it("is told from one whose route has a next hop that lies nowhere: that has a reason of its own", () => {
    const { resolve } = behind({
      "10.1.0.0/16": [["192.0.2.1", 1]],
      "10.2.0.0/16": [["10.0.0.1", 1]],
      "10.3.0.0/16": [["10.4.0.1", 1]],
      "10.4.0.0/16": "blackhole",
      "10.5.0.0/16": [
        ["10.1.0.1", 1],
        ["10.4.0.1", 1],
      ],
    });
    const reasonOf = (text: string) => {
      const found = resolve(address(text));
      return found.eligible ? undefined : found.reason;
    };
    expect(["192.0.2.1", "10.1.0.1", "10.2.0.1", "10.3.0.1", "10.4.0.1", "10.5.0.1"].map(reasonOf)).toEqual([
      "no route to next hop (a default does not count)",
      "next hop behind a route that leads nowhere",
      "next hop behind a route that leads nowhere",
      "next hop behind a route that throws away",
      "next hop behind a route that throws away",
      "next hop behind a route that leads nowhere",
    ]);
  });

  it("is not reached behind a BGP route that throws away, whatever is shorter", () => {
    const { resolve } = behind({ "10.9.0.0/16": [["10.0.0.9", 1]] }, { "10.9.1.0/24": [] });
    expect(resolve(address("10.9.1.1"))).toEqual({ eligible: false, reason: "next hop behind a route that throws away" });
    expect(resolve(address("10.9.2.1"))).toEqual(over("10.9.0.0/16", gateway("10.0.0.9")));
  });

  it("is answered for after a bounded number of questions, where routes of many next hops lie behind each other", () => {
    const many = (subnet: number) => Array.from({ length: 64 }, (_, i) => [`10.${subnet}.0.${i + 1}`, 1] as const);
    let questions = 0;
    const { resolve } = createResolver({
      interfaces: [parseInterfaceAddress("10.0.0.1/24") as Prefix],
      staticRoutes: [1, 2, 3, 4, 5].map((subnet) => ({
        prefix: parsePrefix(`10.${subnet}.0.0/16`) as Prefix,
        nextHops: many(subnet < 5 ? subnet + 1 : 0).map((one) => gateway(...one)),
      })),
      bgpNextHops: () => void questions++,
    });
    const found = resolve(address("10.1.1.1"));
    // All of the last subnet but ourselves.
    expect(found.eligible && found.gateways.length).toBe(63);
    // Of each of at most 1024 next hops, once for each length.
    expect(questions).toBeLessThan(1024 * 32);
  });
});

describe("a next hop behind BGP routes", () => {
  const routedBy = (routes: Record<string, string[]>) =>
    createResolver({
      interfaces: [parseInterfaceAddress("10.0.0.1/24") as Prefix],
      staticRoutes: [],
      bgpNextHops: (prefix) => routes[formatPrefix(prefix)]?.map(address),
    });

  it("goes to where theirs lie, step by step, over all of them", () => {
    const { resolve } = routedBy({
      "10.1.0.0/16": ["10.2.0.1"],
      "10.2.0.0/24": ["10.0.0.7", "10.3.0.1"],
      "10.3.0.0/16": ["10.0.0.8"],
    });
    expect(resolve(address("10.1.1.1"))).toEqual(over("10.1.0.0/16", gateway("10.0.0.7"), gateway("10.0.0.8")));
  });

  it("passes over a route that leads back to it", () => {
    const { resolve } = routedBy({
      "10.1.1.0/24": ["10.1.1.1"],
      "10.2.2.0/24": ["10.3.3.3"],
      "10.3.3.0/24": ["10.2.2.2"],
      "10.0.0.0/8": ["10.0.0.9"],
    });
    expect(resolve(address("10.1.1.1"))).toEqual(over("10.0.0.0/8", gateway("10.0.0.9")));
    expect(resolve(address("10.2.2.2"))).toEqual(over("10.2.2.0/24", gateway("10.0.0.9")));
  });

  it("is given up after eight steps", () => {
    const steps = (count: number) =>
      routedBy(
        Object.fromEntries(
          Array.from({ length: count }, (_, i) => [`10.1.${i}.0/24`, [i + 1 < count ? `10.1.${i + 1}.1` : "10.0.0.9"]]),
        ),
      ).resolve(address("10.1.0.1"));
    expect([steps(8).eligible, steps(9)]).toEqual([true, { eligible: false, reason: "next hop behind too many routes" }]);
  });

  it("says which prefixes concern it, and notices where it lies now", () => {
    const routes: Record<string, string[]> = { "10.1.0.0/16": ["10.0.0.7"] };
    const resolver = routedBy(routes);
    const [near, far] = [address("10.0.0.9"), address("10.1.1.1")];
    for (const nextHop of [near, far]) resolver.resolve(nextHop);
    const concerns = (text: string) => resolver.concerns(parsePrefix(text) as Prefix);
    expect(["10.1.1.0/24", "10.0.0.0/8", "198.51.100.0/24", "0.0.0.0/0", "2001:db8::/32"].map(concerns)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
    routes["10.1.1.0/24"] = ["10.0.0.8"];
    expect(resolver.refresh()).toEqual(new Set([far]));
    expect(resolver.resolve(far)).toEqual(over("10.1.1.0/24", gateway("10.0.0.8")));
    resolver.retain(new Set([near]));
    expect(resolver.refresh()).toEqual(new Set());
    expect(resolver.size).toBe(1);
  });
});
