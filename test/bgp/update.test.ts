/**
 * UPDATE in both directions: each attribute with its bytes, messages that have to be split, any path there and back; then what of
 * received bytes is no mistake and has rules all the same. More than 300 lines, most of them bytes; mistakes are in
 * `rfc7606.test.ts`.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Framer } from "#src/bgp/framer.ts";
import { IPV4_UNICAST, IPV6_UNICAST } from "#src/bgp/nlri.ts";
import { ORIGIN, type PathAttributes, SEGMENT } from "#src/bgp/path.ts";
import { decodeUpdate, encodeUpdate, type UpdateMessage } from "#src/bgp/update.ts";
import { type Address, type Ipv4Address, parseAddress } from "#src/net/address.ts";
import { comparePrefixes, makePrefix, type Prefix, parsePrefix } from "#src/net/prefix.ts";
import { updateBody as body, hex } from "./hex.ts";

const prefix = (text: string) => parsePrefix(text) as Prefix;
const address = (text: string) => parseAddress(text) as Address;
const ip = (text: string) => address(text) as Ipv4Address;

const external = { asnSize: 4, peerType: "external", families: [IPV4_UNICAST, IPV6_UNICAST] } as const;
const internal = { ...external, peerType: "internal" } as const;

const sequence = (...asns: number[]) => ({ type: SEGMENT.sequence, asns });

const update = (parts: Partial<UpdateMessage>): UpdateMessage => ({ kind: "update", withdrawn: [], announcements: [], ...parts });

const path: PathAttributes = { origin: ORIGIN.igp, asPath: [sequence(65001)], nextHop: ip("10.0.0.1") };
const announce = (prefixes: string[], attributes: PathAttributes) =>
  update({ announcements: [{ prefixes: prefixes.map(prefix), attributes }] });

const ORIGIN_IGP = "40 01 01 00";
const PATH_65001 = "40 02 06 02 01 0000fde9";
const NEXT_HOP = "40 03 04 0a000001";
const LOCAL_PREF = "40 05 04 00000064";

/** The bodies of encoded messages, checked by the framer on the way. */
function bodies(messages: readonly Uint8Array[]): Uint8Array[] {
  return messages.map((message) => {
    const framer = new Framer();
    framer.push(message);
    const framing = framer.next();
    if (framing.kind !== "message" || framer.next().kind !== "more") throw new Error("Not exactly one message");
    return framing.body;
  });
}

describe("UPDATE, in both directions", () => {
  test.each<[string, UpdateMessage, Uint8Array]>([
    ["withdrawal", update({ withdrawn: [prefix("10.0.0.0/8"), prefix("192.0.2.1/32")] }), body("08 0a 20 c0000201", "", "")],
    ["the default route", announce(["0.0.0.0/0"], path), body("", `${ORIGIN_IGP} ${PATH_65001} ${NEXT_HOP}`, "00")],
    [
      "prefixes of odd lengths",
      announce(["128.0.0.0/1", "10.128.0.0/9", "10.0.0.254/31"], path),
      body("", `${ORIGIN_IGP} ${PATH_65001} ${NEXT_HOP}`, "01 80 09 0a80 1f 0a0000fe"),
    ],
    [
      "every attribute that there is",
      announce(["198.51.100.10/32"], {
        origin: ORIGIN.incomplete,
        asPath: [sequence(4200000000, 65001), { type: SEGMENT.set, asns: [1, 2] }],
        nextHop: ip("10.0.0.1"),
        multiExitDiscriminator: 7,
        atomicAggregate: true,
        aggregator: { asn: 4200000000, address: ip("10.0.0.9") },
        communities: [0xffff0000, 0x04d20001],
        largeCommunities: [[64512, 1, 2]],
        extendedCommunities: hex("0002fde900000001"),
      }),
      body(
        "",
        `40 01 01 02  40 02 14 02 02 fa56ea00 0000fde9 01 02 00000001 00000002  ${NEXT_HOP}  80 04 04 00000007  40 06 00
         c0 07 08 fa56ea00 0a000009  c0 08 08 ffff0000 04d20001  c0 10 08 0002fde900000001  c0 20 0c 0000fc00 00000001 00000002`,
        "20 c633640a",
      ),
    ],
    ["End-of-RIB of IPv4", update({ endOfRib: IPV4_UNICAST }), body("", "", "")],
    ["End-of-RIB of IPv6", update({ endOfRib: IPV6_UNICAST }), body("", "80 0f 03 000201", "")],
    [
      "IPv6, announced",
      announce(["2001:db8::/32"], { ...path, nextHop: address("2001:db8::1") }),
      body("", `80 0e 1a 0002 01 10 20010db8000000000000000000000001 00 20 20010db8 ${ORIGIN_IGP} ${PATH_65001}`, ""),
    ],
    ["IPv6, withdrawn", update({ withdrawn: [prefix("2001:db8:1::/48")] }), body("", "80 0f 0a 0002 01 30 20010db80001", "")],
  ])("%s", (_, value, bytes) => {
    expect(bodies(encodeUpdate(value, 4))).toEqual([bytes]);
    expect(decodeUpdate(bytes, external)).toEqual({ update: value, consequence: "none", faults: [] });
  });

  test("iBGP", () => {
    const value = announce(["10.0.0.0/8"], {
      origin: ORIGIN.igp,
      asPath: [],
      nextHop: ip("10.0.0.1"),
      localPreference: 100,
      originatorId: ip("10.0.0.7"),
      clusterList: [ip("10.0.0.8"), ip("10.0.0.9")],
    });
    const bytes = body(
      "",
      `${ORIGIN_IGP} 40 02 00 ${NEXT_HOP} ${LOCAL_PREF} 80 09 04 0a000007 80 0a 08 0a000008 0a000009`,
      "08 0a",
    );
    expect(bodies(encodeUpdate(value, 4))).toEqual([bytes]);
    expect(decodeUpdate(bytes, internal)).toEqual({ update: value, consequence: "none", faults: [] });
  });

  test("a peer of two-octet AS numbers gets AS_TRANS, and the truth beside it", () => {
    const value = announce(["10.0.0.0/8"], {
      ...path,
      asPath: [sequence(65001, 4200000000)],
      aggregator: { asn: 4200000000, address: ip("10.0.0.9") },
    });
    const bytes = body(
      "",
      `${ORIGIN_IGP} 40 02 06 02 02 fde9 5ba0 ${NEXT_HOP} c0 07 06 5ba0 0a000009 c0 11 0a 02 02 0000fde9 fa56ea00 c0 12 08 fa56ea00 0a000009`,
      "08 0a",
    );
    expect(bodies(encodeUpdate(value, 2))).toEqual([bytes]);
    expect(decodeUpdate(bytes, { ...external, asnSize: 2 })).toEqual({ update: value, consequence: "none", faults: [] });
  });

  test("paths of any length, over segments of 255 and the extended length", () => {
    const asns = Array.from({ length: 300 }, (_, i) => i + 1);
    const [bytes] = bodies(encodeUpdate(announce(["10.0.0.0/8"], { ...path, asPath: [sequence(...asns)] }), 4));
    const { update: decoded } = decodeUpdate(bytes, external);
    expect(decoded.announcements[0].attributes.asPath).toEqual([sequence(...asns.slice(0, 255)), sequence(...asns.slice(255))]);
  });

  test("what does not fit into 4096 bytes is split, in order and without loss", () => {
    const many = (length: number) => Array.from({ length: 3000 }, (_, i) => makePrefix(0x0b000000 + i * 256, length));
    const value = update({ withdrawn: many(32), announcements: [{ prefixes: many(24), attributes: path }] });
    const messages = encodeUpdate(value, 4);
    expect(messages.map(({ length }) => length).every((length) => length <= 4096)).toBe(true);
    // 814 prefixes of five bytes fill a message: one more is what makes others too long.
    expect(messages.length).toBe(Math.ceil(3000 / 814) + Math.ceil(3000 / 1012));
    const decoded = bodies(messages).map((bytes) => decodeUpdate(bytes, external).update);
    expect(decoded.flatMap(({ withdrawn }) => withdrawn)).toEqual(value.withdrawn);
    expect(decoded.flatMap(({ announcements }) => announcements.flatMap(({ prefixes }) => prefixes))).toEqual(many(24));
  });

  test("IPv6 is split too", () => {
    const prefixes = Array.from({ length: 600 }, (_, i) => prefix(`2001:db8:${i.toString(16)}::/64`));
    const value = update({
      withdrawn: prefixes,
      announcements: [{ prefixes, attributes: { ...path, nextHop: address("fe80::1") } }],
    });
    const decoded = bodies(encodeUpdate(value, 4)).map((bytes) => decodeUpdate(bytes, external).update);
    expect(decoded.length).toBe(4);
    expect(decoded.flatMap(({ withdrawn }) => withdrawn)).toEqual(prefixes);
    expect(decoded.flatMap(({ announcements }) => announcements.flatMap((announcement) => announcement.prefixes))).toEqual(
      prefixes,
    );
  });

  test("a path that leaves no room for a prefix is the caller's mistake", () => {
    const communities = Array.from({ length: 1020 }, (_, i) => i);
    expect(() => encodeUpdate(announce(["10.0.0.0/8"], { ...path, communities }), 4)).toThrow("No room for a prefix");
  });

  test("any path and any prefixes come back as they were", () => {
    const asn = fc.integer({ min: 1, max: 0xffffffff });
    const word = fc.integer({ min: 0, max: 0xffffffff });
    const host = fc.integer({ min: 0x01000000, max: 0x7effffff });
    const segment = fc.record({
      type: fc.constantFrom(SEGMENT.set, SEGMENT.sequence),
      asns: fc.array(asn, { minLength: 1, maxLength: 6 }),
    });
    const attributes = fc.record(
      {
        origin: fc.constantFrom(...Object.values(ORIGIN)),
        asPath: fc.array(segment, { maxLength: 4 }),
        nextHop: host,
        multiExitDiscriminator: word,
        aggregator: fc.record({ asn, address: host }),
        communities: fc.array(word, { minLength: 1, maxLength: 70 }),
        largeCommunities: fc.array(fc.tuple(word, word, word), { minLength: 1, maxLength: 30 }),
      },
      { requiredKeys: ["origin", "asPath", "nextHop"] },
    );
    const prefixes = fc.uniqueArray(
      fc.tuple(host, fc.integer({ min: 0, max: 32 })).map(([at, length]) => makePrefix(at, length)),
      {
        minLength: 1,
        maxLength: 40,
        comparator: (a, b) => comparePrefixes(a, b) === 0,
      },
    );
    fc.assert(
      fc.property(attributes, prefixes, (some, all) => {
        const value = update({ announcements: [{ prefixes: all, attributes: some as PathAttributes }] });
        const [bytes, ...others] = bodies(encodeUpdate(value, 4));
        expect(others).toEqual([]);
        expect(decodeUpdate(bytes, external)).toEqual({ update: value, consequence: "none", faults: [] });
      }),
    );
  });
});

describe("UPDATE, decoded", () => {
  test("bits beyond a prefix's length are cleared", () => {
    expect(decodeUpdate(body("09 0aff", "", ""), external).update.withdrawn).toEqual([prefix("10.128.0.0/9")]);
  });

  test("NEXT_HOP with its prefixes beside MP_REACH_NLRI with its own: two announcements", () => {
    const reach = "80 0e 0b 0001 01 04 0a000002 00 08 0b";
    const { update: decoded } = decodeUpdate(
      body("08 0c", `${reach} ${ORIGIN_IGP} ${PATH_65001} ${NEXT_HOP}`, "08 0a"),
      external,
    );
    expect(decoded).toEqual(
      update({
        withdrawn: [prefix("12.0.0.0/8")],
        announcements: [
          { prefixes: [prefix("10.0.0.0/8")], attributes: path },
          { prefixes: [prefix("11.0.0.0/8")], attributes: { ...path, nextHop: ip("10.0.0.2") } },
        ],
      }),
    );
  });

  test.each([
    ["a pair: the global one", "20010db8000000000000000000000001 fe800000000000000000000000000001", "2001:db8::1", "fe80::1"],
    [
      "zeros in place of the global one",
      "00000000000000000000000000000000 fe800000000000000000000000000001",
      "fe80::1",
      "fe80::1",
    ],
    ["a pair of link-local ones", "fe800000000000000000000000000001 fe800000000000000000000000000001", "fe80::1", "fe80::1"],
    ["one alone, global", "20010db8000000000000000000000001", "2001:db8::1", "2001:db8::1"],
    ["one alone, link-local", "fe800000000000000000000000000001", "fe80::1", "fe80::1"],
    ["a pair of global ones", "20010db8000000000000000000000001 20010db8000000000000000000000002", "2001:db8::1", "2001:db8::1"],
  ])("a next hop of IPv6, %s; the link-local one where it is preferred", (_, nextHops, global, linkLocal) => {
    const value = `0002 01 ${hex(nextHops).length.toString(16)} ${nextHops} 00 20 20010db8`;
    const reach = `80 0e ${hex(value).length.toString(16)} ${value}`;
    const nextHop = (ipv6NextHop: "global" | "link-local") =>
      decodeUpdate(body("", `${reach} ${ORIGIN_IGP} ${PATH_65001}`, ""), { ...external, ipv6NextHop }).update.announcements[0]
        .attributes.nextHop;
    expect([nextHop("global"), nextHop("link-local")]).toEqual([address(global), address(linkLocal)]);
  });

  test("IPv4 prefixes behind a next hop of IPv6 where that was agreed on (RFC 8950), and not elsewhere", () => {
    const attributes: PathAttributes = { ...path, nextHop: address("2001:db8::1") };
    const message = announce(["10.0.0.0/8"], attributes);
    const [bytes] = bodies(encodeUpdate(message, 4));
    expect(decodeUpdate(bytes, { ...external, extendedNextHop: [IPV4_UNICAST] }).update).toEqual(message);
    expect(decodeUpdate(bytes, external).faults[0].what).toBe("has a next hop of 16 bytes");
  });

  test("several paths to a prefix where that was agreed on (RFC 7911): each with its identifier", () => {
    const pathIds = [IPV4_UNICAST, IPV6_UNICAST];
    const withIds = (text: string, ...ids: number[]) => ids.map((pathId) => ({ ...prefix(text), pathId }));
    const message = update({
      withdrawn: [...withIds("10.1.0.0/16", 0, 4294967295), ...withIds("2001:db8:1::/48", 7)],
      announcements: [
        { prefixes: withIds("10.0.0.0/8", 1, 2), attributes: path },
        { prefixes: withIds("2001:db8::/32", 3), attributes: { ...path, nextHop: address("2001:db8::1") } },
      ],
    });
    const decoded = bodies(encodeUpdate(message, 4)).map((bytes) => decodeUpdate(bytes, { ...external, pathIds }).update);
    expect(decoded.flatMap(({ withdrawn }) => withdrawn)).toEqual(message.withdrawn);
    expect(decoded.flatMap(({ announcements }) => announcements)).toEqual(message.announcements);
    const cut = decodeUpdate(body("000000", "", ""), { ...external, pathIds });
    expect(cut).toMatchObject({ consequence: "reset", faults: [{ what: "ends inside a path identifier" }] });
  });

  test("families that were not negotiated are ignored, without a fault", () => {
    const context = { ...external, families: [IPV4_UNICAST] };
    const reach = "80 0e 0a 0019 46 04 0a000002 00 ff";
    expect(decodeUpdate(body("", `${reach} ${ORIGIN_IGP} ${PATH_65001}`, ""), context)).toEqual({
      update: update({}),
      consequence: "none",
      faults: [],
    });
    expect(decodeUpdate(body("", "80 0f 03 0002 01", ""), context).update).toEqual(update({}));
  });

  test("what is kept of the bytes is a copy: the socket's buffer is used again", () => {
    const bytes = Buffer.from(
      body("", `${ORIGIN_IGP} ${PATH_65001} ${NEXT_HOP} c0 10 08 0002fde900000001 e0 63 02 0102`, "08 0a"),
    );
    const { update: decoded } = decodeUpdate(bytes, external);
    bytes.fill(0);
    const { extendedCommunities, unrecognized } = decoded.announcements[0].attributes;
    expect(extendedCommunities).toEqual(hex("0002fde900000001"));
    expect(unrecognized).toEqual([{ type: 0x63, flags: 0xe0, value: hex("0102") }]);
  });

  test("an AGGREGATOR that is not AS_TRANS makes the AS4 attributes stale (RFC 6793 4.2.3)", () => {
    const as4 = "c0 11 06 02 01 fa56ea00 c0 12 08 fa56ea00 0a000009";
    const old = { ...external, asnSize: 2 } as const;
    const pathOf = (aggregator: string) => {
      const bytes = body("", `${ORIGIN_IGP} 40 02 04 02 01 5ba0 ${NEXT_HOP} c0 07 06 ${aggregator} 0a000008 ${as4}`, "08 0a");
      return decodeUpdate(bytes, old).update.announcements[0].attributes;
    };
    expect(pathOf("0064")).toMatchObject({ asPath: [sequence(23456)], aggregator: { asn: 100, address: ip("10.0.0.8") } });
    expect(pathOf("5ba0")).toMatchObject({
      asPath: [sequence(4200000000)],
      aggregator: { asn: 4200000000, address: ip("10.0.0.9") },
    });
  });

  test("an unknown optional transitive attribute is kept and marked partial, an unknown optional one is dropped", () => {
    const { update: decoded, faults } = decodeUpdate(
      body("", `${ORIGIN_IGP} ${PATH_65001} ${NEXT_HOP} d0 63 0002 0102 80 64 01 ff`, "08 0a"),
      external,
    );
    expect(faults).toEqual([]);
    expect(decoded.announcements[0].attributes.unrecognized).toEqual([{ type: 0x63, flags: 0xe0, value: hex("0102") }]);
  });
});
