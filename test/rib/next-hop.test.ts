import { describe, expect, it } from "vitest";
import { SEGMENT } from "#src/bgp/path.ts";
import { type Address, parseAddress } from "#src/net/address.ts";
import { type Prefix, parseInterfaceAddress, parsePrefix } from "#src/net/prefix.ts";
import { createResolver, type Resolution } from "#src/rib/next-hop.ts";
import { external, LOCAL_ASN, sketch } from "./sketch.ts";

const address = (text: string): Address => parseAddress(text) as Address;
const gateway = (text: string, weight = 1) => ({ address: address(text), weight });

const resolve = createResolver({
  localAsn: LOCAL_ASN,
  interfaces: ["10.0.0.1/24", "2001:db8:1::1/64", "10.3.0.1/16"].map((text) => parseInterfaceAddress(text) as Prefix),
  staticRoutes: [
    { prefix: parsePrefix("0.0.0.0/0") as Prefix, nextHops: [gateway("10.0.0.254")] },
    { prefix: parsePrefix("10.9.0.0/16") as Prefix, nextHops: [gateway("10.0.0.2", 3), gateway("10.0.0.3")] },
    { prefix: parsePrefix("10.9.9.0/24") as Prefix, nextHops: [gateway("10.0.0.4")] },
    { prefix: parsePrefix("10.0.0.128/25") as Prefix, nextHops: [gateway("10.0.0.5")] },
    { prefix: parsePrefix("10.3.0.0/16") as Prefix, nextHops: [gateway("10.0.0.6")] },
    { prefix: parsePrefix("2001:db8:9::/48") as Prefix, nextHops: [gateway("2001:db8:1::2")] },
  ],
});

const resolveText = (text: string): Resolution => resolve(sketch({ peer: external(2), nextHop: address(text) }));

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
  ])("%s", (_, nextHop, gateways) => {
    expect(resolveText(nextHop)).toEqual({ eligible: true, gateways });
  });

  it.each([
    ["that only a default route covers", "192.0.2.1", "next hop unreachable"],
    ["of a subnet that we are not in", "2001:db8:2::1", "next hop unreachable"],
    ["that is one of our addresses", "10.0.0.1", "next hop is our own address"],
    ["that is one of our IPv6 addresses", "2001:db8:1::1", "next hop is our own address"],
  ])("%s is refused", (_, nextHop, reason) => {
    expect(resolveText(nextHop)).toEqual({ eligible: false, reason });
    expect(resolveText(nextHop)).toEqual({ eligible: false, reason });
  });
});

describe("a path", () => {
  it.each([SEGMENT.sequence, SEGMENT.set])("with our own AS in a segment of type %i is refused", (type) => {
    const asPath = [
      { type: SEGMENT.sequence, asns: [65002] },
      { type, asns: [3, LOCAL_ASN] },
    ];
    expect(resolve(sketch({ peer: external(2), asPath }))).toEqual({ eligible: false, reason: "AS loop" });
  });
});
