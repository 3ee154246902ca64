/**
 * RFC 7606, row by row: what is wrong, and the mildest consequence that keeps the session honest. Each row is put into an
 * UPDATE that would otherwise announce 10.0.0.0/8; that prefix tells what has happened. More than 300 lines, because it is one
 * table.
 */
import { describe, expect, test } from "vitest";
import { ATTRIBUTES } from "#src/bgp/attributes.ts";
import { CARRIED_ATTRIBUTES } from "#src/bgp/carried-attributes.ts";
import type { Consequence } from "#src/bgp/error.ts";
import { formatFault } from "#src/bgp/error.ts";
import { IPV4_UNICAST, IPV6_UNICAST } from "#src/bgp/nlri.ts";
import { decodeUpdate } from "#src/bgp/update.ts";
import { formatPrefix } from "#src/net/prefix.ts";
import { updateBody as body, hex } from "./hex.ts";

const GOOD = {
  origin: "400101 00",
  path: "400206 0201 0000fde9",
  nextHop: "400304 0a000001",
  localPreference: "400504 00000064",
};

const families = [IPV4_UNICAST, IPV6_UNICAST];
const contexts = {
  external: { asnSize: 4, peerType: "external", families },
  internal: { asnSize: 4, peerType: "internal", families },
  single: { asnSize: 4, peerType: "external", families: [IPV4_UNICAST] },
  old: { asnSize: 2, peerType: "external", families },
} as const;

interface Row {
  /** In place of, or beside, the good ones. */
  readonly attributes: Partial<typeof GOOD> & { readonly more?: string };
  readonly consequence: Consequence | "none";
  readonly fault: string | undefined;
  readonly from?: keyof typeof contexts;
  readonly subcode?: number;
  /** Whose prefixes are no longer believed. */
  readonly disabled?: typeof IPV4_UNICAST;
}

const row = (attributes: Row["attributes"], consequence: Row["consequence"], fault?: string, more: Partial<Row> = {}): Row => ({
  attributes,
  consequence,
  fault,
  ...more,
});

const withdraw = (attributes: Row["attributes"], fault: string, more?: Partial<Row>) =>
  row(attributes, "treat-as-withdraw", fault, more);
const discard = (more: string, fault: string, rest?: Partial<Row>) => row({ more }, "discard", fault, rest);
const reset = (more: string, fault: string, subcode: number, rest?: Partial<Row>) =>
  row({ more }, "reset", fault, { subcode, ...rest });
/** With two families the one is disabled; where there is only one, or it cannot be told which it is, the session ends. */
const disable = (family: typeof IPV4_UNICAST, more: string, fault: string): Row[] => [
  row({ more }, "disable-family", fault, { disabled: family }),
  ...(family === IPV4_UNICAST ? [reset(more, fault, 9, { from: "single" })] : []),
];

const ROWS: Record<string, Row[]> = {
  "3.c flags": [
    withdraw({ origin: "c00101 00" }, "ORIGIN has flags 0xc0, 0x40 wanted"),
    withdraw({ path: "000206 0201 0000fde9" }, "AS_PATH has flags 0x00, 0x40 wanted"),
    withdraw({ more: "400404 00000001" }, "MULTI_EXIT_DISC has flags 0x40, 0x80 wanted"),
    withdraw({ more: "800804 00000001" }, "COMMUNITIES has flags 0x80, 0xc0 wanted"),
    row({ origin: "600101 00" }, "none"),
    row({ origin: "500100 01 00" }, "none"),
    row({ origin: "4f0101 00" }, "none"),
  ],
  "3.d missing": [
    withdraw({ origin: "" }, "ORIGIN is missing"),
    withdraw({ path: "" }, "AS_PATH is missing"),
    withdraw({ nextHop: "" }, "NEXT_HOP is missing"),
    withdraw({}, "LOCAL_PREF is missing", { from: "internal" }),
    row({ more: GOOD.localPreference }, "none", undefined, { from: "internal" }),
  ],
  "3.g twice": [
    discard("400101 02", "ORIGIN is there twice"),
    discard("c0630101 c0630102", "attribute 99 is there twice"),
    reset("800f03000101 800f03000101", "MP_UNREACH_NLRI is there twice", 1),
    reset("800e0b 00010104 0a000002 00 08 0b".repeat(2), "MP_REACH_NLRI is there twice", 1),
  ],
  "4 lengths": [
    withdraw({ more: "c00805 00000001" }, "COMMUNITIES overruns the attributes by 1 bytes"),
    withdraw({ more: "c0" }, "UPDATE ends inside the header of an attribute"),
    withdraw({ more: "c008" }, "UPDATE ends inside the header of an attribute"),
    withdraw({ more: "d00800" }, "UPDATE ends inside the header of an attribute"),
  ],
  // But for AS_PATH and ATOMIC_AGGREGATE nothing is empty; those of a section of their own have a row there.
  "5.3 empty": [
    withdraw({ nextHop: "400300" }, "NEXT_HOP has 0 bytes, 4 wanted"),
    withdraw({ more: "800400" }, "MULTI_EXIT_DISC has 0 bytes, 4 wanted"),
    withdraw({ more: "400500" }, "LOCAL_PREF has 0 bytes, 4 wanted", { from: "internal" }),
    withdraw({ more: `${GOOD.localPreference} 800900` }, "ORIGINATOR_ID has 0 bytes, 4 wanted", { from: "internal" }),
    withdraw({ more: "c01000" }, "EXTENDED_COMMUNITIES has 0 bytes, a multiple of 8 wanted"),
    withdraw({ more: "c02300" }, "ONLY_TO_CUSTOMER has 0 bytes, 4 wanted"),
    discard("c00700", "AGGREGATOR has 0 bytes, 8 wanted"),
    row({ more: "400600" }, "none"),
    row({ path: "400204 0201 5ba0", more: "c01100" }, "none", undefined, { from: "old" }),
    reset("800e00", "MP_REACH_NLRI has 0 bytes, at least 5 wanted", 9),
    reset("800f00", "MP_UNREACH_NLRI has 0 bytes, at least 3 wanted", 9),
  ],
  "7.1 ORIGIN": [
    withdraw({ origin: "400100" }, "ORIGIN has 0 bytes, 1 wanted"),
    withdraw({ origin: "400102 0000" }, "ORIGIN has 2 bytes, 1 wanted"),
    withdraw({ origin: "400101 03" }, "ORIGIN is 3, at most 2 wanted"),
  ],
  "7.2 AS_PATH": [
    withdraw({ path: "400206 0901 0000fde9" }, "AS_PATH has a segment of type 9"),
    withdraw({ path: "400206 0202 0000fde9" }, "AS_PATH ends inside a segment"),
    withdraw({ path: "400208 0201 0000fde9 0200" }, "AS_PATH has a segment without AS numbers"),
    withdraw({ path: "400207 0201 0000fde9 02" }, "AS_PATH ends inside a segment"),
    withdraw({ path: "400206 0301 0000fde9" }, "AS_PATH has a confederation's segment from outside"),
    withdraw({ path: "400206 0201 00000000" }, "AS_PATH holds AS 0"),
    row({ path: "400200" }, "none"),
  ],
  "7.3 NEXT_HOP": [
    withdraw({ nextHop: "400303 0a0000" }, "NEXT_HOP has 3 bytes, 4 wanted"),
    withdraw({ nextHop: "400310 20010db8000000000000000000000001" }, "NEXT_HOP has 16 bytes, 4 wanted"),
    withdraw({ nextHop: "400304 00000000" }, "NEXT_HOP is no address of a node"),
    withdraw({ nextHop: "400304 7f000001" }, "NEXT_HOP is no address of a node"),
    withdraw({ nextHop: "400304 e0000001" }, "NEXT_HOP is no address of a node"),
    withdraw({ nextHop: "400304 f0000001" }, "NEXT_HOP is no address of a node"),
    withdraw({ nextHop: "400304 ffffffff" }, "NEXT_HOP is no address of a node"),
  ],
  "7.4 MULTI_EXIT_DISC": [withdraw({ more: "800403 000001" }, "MULTI_EXIT_DISC has 3 bytes, 4 wanted")],
  "7.5 LOCAL_PREF": [
    discard(GOOD.localPreference, "LOCAL_PREF comes from an external peer"),
    discard("400501 64", "LOCAL_PREF comes from an external peer"),
    withdraw({ more: "400501 64" }, "LOCAL_PREF has 1 bytes, 4 wanted", { from: "internal" }),
  ],
  "7.6 ATOMIC_AGGREGATE": [discard("400601 00", "ATOMIC_AGGREGATE has 1 bytes, 0 wanted")],
  "7.7 AGGREGATOR": [
    discard("c00706 fde9 0a000009", "AGGREGATOR has 6 bytes, 8 wanted"),
    row({ path: "400204 0201 fde9", more: "c00708 0000fde9 0a000009" }, "discard", "AGGREGATOR has 8 bytes, 6 wanted", {
      from: "old",
    }),
    discard("c00708 00000000 0a000009", "AGGREGATOR holds AS 0"),
  ],
  "7.8 COMMUNITIES": [
    withdraw({ more: "c00800" }, "COMMUNITIES has 0 bytes, a multiple of 4 wanted"),
    withdraw({ more: "c00806 000000010002" }, "COMMUNITIES has 6 bytes, a multiple of 4 wanted"),
  ],
  "7.9 ORIGINATOR_ID": [
    discard("800904 0a000007", "ORIGINATOR_ID comes from an external peer"),
    withdraw({ more: `${GOOD.localPreference} 800903 0a0000` }, "ORIGINATOR_ID has 3 bytes, 4 wanted", { from: "internal" }),
  ],
  "7.10 CLUSTER_LIST": [
    discard("800a04 0a000007", "CLUSTER_LIST comes from an external peer"),
    withdraw({ more: `${GOOD.localPreference} 800a03 0a0000` }, "CLUSTER_LIST has 3 bytes, a multiple of 4 wanted", {
      from: "internal",
    }),
    withdraw({ more: `${GOOD.localPreference} 800a00` }, "CLUSTER_LIST has 0 bytes, a multiple of 4 wanted", {
      from: "internal",
    }),
  ],
  "7.11 MP_REACH_NLRI": [
    reset("800e02 0001", "MP_REACH_NLRI has 2 bytes, at least 5 wanted", 9),
    ...disable(IPV4_UNICAST, "800e04 00010104", "MP_REACH_NLRI has 4 bytes, at least 5 wanted"),
    ...disable(IPV4_UNICAST, "800e08 0001010f 0a000001", "MP_REACH_NLRI ends inside a next hop of 15 bytes"),
    ...disable(IPV4_UNICAST, "800e08 00010103 0a0000 00", "MP_REACH_NLRI has a next hop of 3 bytes"),
    ...disable(IPV6_UNICAST, "800e09 00020104 0a000001 00", "MP_REACH_NLRI has a next hop of 4 bytes"),
    ...disable(IPV4_UNICAST, "800e0a 00010104 0a000001 00 21", "MP_REACH_NLRI has a prefix of length 33, at most 32 wanted"),
    ...disable(IPV4_UNICAST, "800e0b 00010104 0a000001 00 18 0a", "MP_REACH_NLRI ends inside a prefix of length 24"),
    reset("800e04 00190104", "MP_REACH_NLRI has 4 bytes, at least 5 wanted", 9),
    withdraw({ more: "800e0b 00010104 e0000001 00 08 0b" }, "MP_REACH_NLRI is no address of a node"),
    withdraw({ more: "c00e0b 00010104 0a000002 00 08 0b" }, "MP_REACH_NLRI has flags 0xc0, 0x80 wanted"),
  ],
  "7.12 MP_UNREACH_NLRI": [
    reset("800f02 0001", "MP_UNREACH_NLRI has 2 bytes, at least 3 wanted", 9),
    ...disable(IPV6_UNICAST, "800f04 000201 81", "MP_UNREACH_NLRI has a prefix of length 129, at most 128 wanted"),
    ...disable(IPV4_UNICAST, "800f05 000101 10 0a", "MP_UNREACH_NLRI ends inside a prefix of length 16"),
  ],
  "7.14 EXTENDED_COMMUNITIES": [
    withdraw({ more: "c01004 00000001" }, "EXTENDED_COMMUNITIES has 4 bytes, a multiple of 8 wanted"),
  ],
  "7.15 IPV6_EXTENDED_COMMUNITIES": [
    withdraw({ more: "c01908 0000000100000002" }, "IPV6_EXTENDED_COMMUNITIES has 8 bytes, a multiple of 20 wanted"),
    withdraw({ more: "c01900" }, "IPV6_EXTENDED_COMMUNITIES has 0 bytes, a multiple of 20 wanted"),
    row({ more: `c01914 ${"00".repeat(20)}` }, "none"),
  ],
  "RFC 9234 4: ONLY_TO_CUSTOMER": [
    withdraw({ more: "c02303 00fde9" }, "ONLY_TO_CUSTOMER has 3 bytes, 4 wanted"),
    row({ more: "c02304 0000fde9" }, "none"),
    // RFC 7607 does not name it, and RFC 9234 gives 0 no meaning: a mark like any other.
    row({ more: "c02304 00000000" }, "none"),
  ],
  "RFC 9012 13: TUNNEL_ENCAP": [
    withdraw({ more: "c01700" }, "TUNNEL_ENCAP has 0 bytes"),
    withdraw({ more: "c01703 ffffff" }, "TUNNEL_ENCAP ends inside the header of a TLV"),
    withdraw({ more: "c01704 0008ffff" }, "TUNNEL_ENCAP has a TLV of type 8 and length 65535, 0 bytes left"),
    withdraw({ more: "c01706 00080002 06ff" }, "TUNNEL_ENCAP has a TLV of type 6 and length 255, 0 bytes left"),
    withdraw({ more: "c01706 00080002 80ff" }, "TUNNEL_ENCAP ends inside the header of a TLV"),
    row({ more: "c0170d 00080009 0601aa 80000101 0900" }, "none"),
  ],
  "RFC 7311 3: AIGP": [
    discard("801a00", "AIGP has 0 bytes"),
    discard("801a03 010002", "AIGP has a TLV of type 1 and length 2, 0 bytes left"),
    discard("801a04 01000400", "AIGP has a metric of 1 bytes, 8 wanted"),
    row({ more: "801a0b 01000b 0000000000000001" }, "none"),
  ],
  "RFC 9552 8.2.2: BGP_LS": [
    discard("801d04 04000001", "BGP_LS has a TLV of type 1024 and length 1, 0 bytes left"),
    row({ more: "801d05 04000001 00" }, "none"),
  ],
  "RFC 8669 6: PREFIX_SID": [
    discard("c02803 ffffff", "PREFIX_SID has a TLV of type 255 and length 65535, 0 bytes left"),
    discard("c02800", "PREFIX_SID has 0 bytes"),
    row({ more: "c0280a 010007 00 0000 00000001" }, "none"),
  ],
  "RFC 8092 LARGE_COMMUNITY": [
    withdraw({ more: "c02000" }, "LARGE_COMMUNITY has 0 bytes, a multiple of 12 wanted"),
    withdraw({ more: "c02008 0000000100000002" }, "LARGE_COMMUNITY has 8 bytes, a multiple of 12 wanted"),
  ],
  "RFC 6793 AS4 attributes": [
    discard("c01106 0201 fa56ea00", "AS4_PATH comes from a peer with four-octet AS numbers"),
    discard("c01208 fa56ea00 0a000009", "AS4_AGGREGATOR comes from a peer with four-octet AS numbers"),
    row({ path: "400204 0201 5ba0", more: "c01105 0201 fa56ea" }, "discard", "AS4_PATH ends inside a segment", { from: "old" }),
    row({ path: "400204 0201 5ba0", more: "c01204 fa56ea00" }, "discard", "AS4_AGGREGATOR has 4 bytes, 8 wanted", {
      from: "old",
    }),
    row({ path: "400204 0201 5ba0", more: "c01208 00000000 0a000009" }, "discard", "AS4_AGGREGATOR holds AS 0", { from: "old" }),
    row({ path: "400204 0201 5ba0", more: "c01106 0201 00000000" }, "discard", "AS4_PATH holds AS 0", { from: "old" }),
  ],
  "attributes that nobody knows": [
    withdraw({ more: "406300" }, "attribute 99 is marked as well-known"),
    row({ more: "c06300" }, "none"),
    row({ more: "806303 ffffff" }, "none"),
    row({ more: "c01c03 ffffff" }, "none"),
  ],
  "the strongest wins": [
    row({ origin: "400101 07", more: "400601 00" }, "treat-as-withdraw", "ORIGIN is 7, at most 2 wanted"),
    row({ origin: "400101 07", more: "800f04 000201 81" }, "disable-family", "ORIGIN is 7, at most 2 wanted", {
      disabled: IPV6_UNICAST,
    }),
    row({ more: "800f04 000201 81 800f00" }, "reset", "MP_UNREACH_NLRI is there twice", { subcode: 1 }),
    row({ origin: "400101 07", more: "800f02 0001" }, "reset", "ORIGIN is 7, at most 2 wanted", { subcode: 9 }),
    row({ more: "800e04 00010104 800f04 000201 81" }, "reset", "UPDATE leaves no address family to believe", { subcode: 9 }),
  ],
};

const cases = Object.entries(ROWS).flatMap(([section, rows]) =>
  rows.map((entry) => [section, `${entry.fault ?? JSON.stringify(entry.attributes)} -> ${entry.consequence}`, entry] as const),
);

describe("RFC 7606", () => {
  test.each(cases)("%s: %s", (_, __, { attributes, consequence, fault, from = "external", subcode, disabled }) => {
    const { origin, path, nextHop, more = "" } = { ...GOOD, ...attributes };
    const decoded = decodeUpdate(body("", `${origin} ${path} ${nextHop} ${more}`, "08 0a"), contexts[from]);
    expect(decoded.consequence).toBe(consequence);
    if (fault === undefined) expect(decoded.faults).toEqual([]);
    else expect(decoded.faults.map(formatFault)).toContain(fault);

    const { withdrawn, announcements } = decoded.update;
    const announced = announcements.flatMap(({ prefixes }) => prefixes).map(formatPrefix);
    const survives = consequence === "none" || consequence === "discard";
    if (survives) expect(announced).toContain("10.0.0.0/8");
    else expect(announced).toEqual([]);
    expect(decoded.update.disabled).toEqual(disabled && [disabled]);
    if (consequence === "treat-as-withdraw" || consequence === "disable-family")
      expect(withdrawn.map(formatPrefix)).toContain("10.0.0.0/8");
    else expect(withdrawn).toEqual([]);
    const fatal = decoded.faults.find((some) => some.consequence === "reset");
    expect(fatal && "error" in fatal ? [fatal.error.code, fatal.error.subcode] : undefined).toEqual(
      subcode === undefined ? undefined : [3, subcode],
    );
  });

  test.each([...ATTRIBUTES, ...CARRIED_ATTRIBUTES])(
    "$name is malformed in some row, with its consequence",
    ({ name, malformed }) => {
      const consequences = cases.flatMap(([, , one]) => (one.fault?.startsWith(`${name} `) ? [one.consequence] : []));
      expect(consequences).toContain(malformed);
    },
  );

  test("what is discarded is not in the path, and the rest is", () => {
    const { update } = decodeUpdate(
      body("", `${GOOD.origin} ${GOOD.path} ${GOOD.nextHop} 400504 00000064 c00701 00 800404 00000005`, "08 0a"),
      contexts.external,
    );
    expect(Object.keys(update.announcements[0].attributes).sort()).toEqual([
      "asPath",
      "multiExitDiscriminator",
      "nextHop",
      "origin",
    ]);
  });

  test("3.g: of what is there twice the first counts", () => {
    const { update } = decodeUpdate(
      body("", `${GOOD.origin} ${GOOD.path} ${GOOD.nextHop} 400101 02 800404 00000005 800404 00000006`, "08 0a"),
      contexts.external,
    );
    expect(update.announcements[0].attributes).toMatchObject({ origin: 0, multiExitDiscriminator: 5 });
  });

  test("7.11: what MP_REACH_NLRI announces is withdrawn with the rest", () => {
    const { update } = decodeUpdate(
      body("08 0c", `800e0b 00010104 0a000002 00 08 0b 400101 07 ${GOOD.path}  ${GOOD.nextHop}`, "08 0a"),
      contexts.external,
    );
    expect(update.withdrawn.map(formatPrefix)).toEqual(["12.0.0.0/8", "10.0.0.0/8", "11.0.0.0/8"]);
  });

  test.each([
    ["3.b: the withdrawn prefixes overrun", hex("0005 08 0a 0000"), 1],
    ["3.b: the attributes overrun", hex("0000 0005 40 01 01 00"), 1],
    ["3.b: no room for the second length", hex("0001 08"), 1],
    ["3.b: nothing at all", hex(""), 1],
    ["3.b: withdrawn and attributes together overrun", hex("0002 0000 0001"), 1],
    ["3.i: a withdrawn prefix of length 33", hex("0006 21 0a00000000 0000"), 10],
    ["3.i: a withdrawn prefix is cut off", hex("0002 18 0a 0000"), 10],
    ["5.3: an announced prefix of length 33", body("", `${GOOD.origin} ${GOOD.path} ${GOOD.nextHop}`, "21 0a00000000"), 10],
    ["5.3: an announced prefix is cut off", body("", `${GOOD.origin} ${GOOD.path} ${GOOD.nextHop}`, "08 0a 20 0a"), 10],
    ["5.2: malformed attributes, and nothing to withdraw", body("", "400101 07", ""), 1],
    ["5.2: a list that is cut off, and nothing to withdraw", body("", "40", ""), 1],
  ])("%s -> reset", (_, bytes, subcode) => {
    const decoded = decodeUpdate(bytes, contexts.external);
    expect(decoded.consequence).toBe("reset");
    expect(decoded.update).toEqual({ kind: "update", withdrawn: [], announcements: [] });
    expect(decoded.faults.at(-1)).toMatchObject({ consequence: "reset", error: { code: 3, subcode } });
  });

  test("5.2: withdrawals alone need nothing else, so a fault in them costs no more than the routes", () => {
    const { update, consequence } = decodeUpdate(body("", "c00f05 000101 08 0a", ""), contexts.external);
    expect(consequence).toBe("treat-as-withdraw");
    expect(update).toEqual({ kind: "update", withdrawn: [{ address: 0x0a000000, length: 8 }], announcements: [] });
  });

  test("RFC 4271 6.3: prefixes that are not unicast are ignored, the others are not", () => {
    const { update, consequence } = decodeUpdate(
      body("", `${GOOD.origin} ${GOOD.path} ${GOOD.nextHop}`, "08 0a 04 e0 20 f0000001 03 e0 02 c0"),
      contexts.external,
    );
    expect(consequence).toBe("discard");
    expect(update.announcements[0].prefixes.map(formatPrefix)).toEqual(["10.0.0.0/8", "192.0.0.0/2"]);
  });

  test("attributes without prefixes are nothing: no fault, and no End-of-RIB", () => {
    expect(decodeUpdate(body("", GOOD.origin, ""), contexts.external)).toEqual({
      update: { kind: "update", withdrawn: [], announcements: [] },
      consequence: "none",
      faults: [],
    });
  });
});
