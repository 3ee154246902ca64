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

describe("a next hop", () => {
  it.each([
    ["in a connected subnet is its own gateway", "10.0.0.7", [gateway("10.0.0.7")]],
    ["in a connected IPv6 subnet is its own gateway", "2001:db8:1::7", [gateway("2001:db8:1::7")]],
    [
      "behind a static route goes to that route's next hops, with their weights",
      "10.9.1.1",
      [gateway("10.0.0.2", 3), gateway("10.0.0.3")],
    ],
    ["behind two static routes goes the longer one's way", "10.9.9.1", [gateway("10.0.0.4")]],
    ["in a static route within a connected subnet goes the longer one's way", "10.0.0.200", [gateway("10.0.0.5")]],
    ["in a static route as long as a connected subnet is its own gateway", "10.3.0.7", [gateway("10.3.0.7")]],
    ["behind a static IPv6 route goes to that route's next hops", "2001:db8:9::1", [gateway("2001:db8:1::2")]],
    ["on a link of ours is its own gateway there", "fe80::7%eth1", [gateway("fe80::7%eth1")]],
  ])("%s", (_, nextHop, gateways) => {
    expect(resolveText(nextHop)).toEqual({ eligible: true, gateways });
  });

  it.each([
    ["that only a default route covers", "192.0.2.1", "next hop unreachable"],
    ["of a subnet that we are not in", "2001:db8:2::1", "next hop unreachable"],
    ["on a link that is no port", "fe80::7%eth2", "next hop unreachable"],
    ["on no link that is known", "fe80::7", "next hop unreachable"],
    ["that is one of our addresses", "10.0.0.1", "next hop is our own address"],
    ["that is one of our IPv6 addresses", "2001:db8:1::1", "next hop is our own address"],
  ])("%s is refused", (_, nextHop, reason) => {
    expect(resolveText(nextHop)).toEqual({ eligible: false, reason });
    expect(resolveText(nextHop)).toEqual({ eligible: false, reason });
  });
});

describe("a next hop behind BGP routes", () => {
  const over = (routes: Record<string, string[]>) =>
    createResolver({
      interfaces: [parseInterfaceAddress("10.0.0.1/24") as Prefix],
      staticRoutes: [],
      bgpNextHops: (prefix) => routes[formatPrefix(prefix)]?.map(address),
    });

  it("goes to where theirs lie, step by step, over all of them", () => {
    const { resolve } = over({
      "10.1.0.0/16": ["10.2.0.1"],
      "10.2.0.0/24": ["10.0.0.7", "10.3.0.1"],
      "10.3.0.0/16": ["10.0.0.8"],
    });
    expect(resolve(address("10.1.1.1"))).toEqual({ eligible: true, gateways: [gateway("10.0.0.7"), gateway("10.0.0.8")] });
  });

  it("passes over a route that leads back to it", () => {
    const { resolve } = over({
      "10.1.1.0/24": ["10.1.1.1"],
      "10.2.2.0/24": ["10.3.3.3"],
      "10.3.3.0/24": ["10.2.2.2"],
      "10.0.0.0/8": ["10.0.0.9"],
    });
    expect(resolve(address("10.1.1.1"))).toEqual({ eligible: true, gateways: [gateway("10.0.0.9")] });
    expect(resolve(address("10.2.2.2"))).toEqual({ eligible: true, gateways: [gateway("10.0.0.9")] });
  });

  it("is given up after eight steps", () => {
    const steps = (count: number) =>
      over(
        Object.fromEntries(
          Array.from({ length: count }, (_, i) => [`10.1.${i}.0/24`, [i + 1 < count ? `10.1.${i + 1}.1` : "10.0.0.9"]]),
        ),
      ).resolve(address("10.1.0.1")).eligible;
    expect([steps(8), steps(9)]).toEqual([true, false]);
  });

  it("says which prefixes concern it, and notices where it lies now", () => {
    const routes: Record<string, string[]> = { "10.1.0.0/16": ["10.0.0.7"] };
    const resolver = over(routes);
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
    expect(resolver.resolve(far)).toEqual({ eligible: true, gateways: [gateway("10.0.0.8")] });
    resolver.retain(new Set([near]));
    expect(resolver.refresh()).toEqual(new Set());
    expect(resolver.size).toBe(1);
  });
});
