/**
 * Messages that ended sessions, or whole daemons, elsewhere: one row for each published case, grown from its description.
 * Framed and decoded as from a peer; what has to come of it is the mildest that the RFCs allow. Two cases are no messages: a
 * recording whose lengths are wrong, and a path that is too long to be written.
 */
import { describe, expect, test } from "vitest";
import { errorName, strongest } from "#src/bgp/error.ts";
import { Framer } from "#src/bgp/framer.ts";
import { decodeMessage } from "#src/bgp/message.ts";
import { IPV4_UNICAST, IPV6_UNICAST } from "#src/bgp/nlri.ts";
import { SEGMENT } from "#src/bgp/path.ts";
import { withinMessages } from "#src/bgp/update.ts";
import { encodeRecord } from "#src/mrt/encode.ts";
import { MRT, Splitter } from "#src/mrt/splitter.ts";
import { formatPrefix, makePrefix } from "#src/net/prefix.ts";
import { hex, MARKER, updateBody } from "./hex.ts";

function message(type: number, body: Uint8Array): Uint8Array {
  const length = 19 + body.length;
  return Uint8Array.of(...hex(MARKER), length >> 8, length & 255, type, ...body);
}

/** What a session would make of it, in words. */
function outcome(bytes: Uint8Array): string {
  const framer = new Framer();
  framer.push(bytes);
  const framing = framer.next();
  if (framing.kind === "more") return "waits";
  if (framing.kind === "error") return errorName(framing.error);
  const decoded = decodeMessage(framing.type, framing.body, {
    asnSize: 4,
    peerType: "external",
    families: [IPV4_UNICAST, IPV6_UNICAST],
  });
  if ("error" in decoded) return errorName(decoded.error);
  const { message, faults } = decoded;
  if (message.kind !== "update") return message.kind;
  const { endOfRib, disabled, withdrawn, announcements } = message;
  const prefixes = announcements.flatMap((announcement) => announcement.prefixes);
  return [
    strongest(faults),
    ...(endOfRib ? ["end of RIB"] : []),
    ...(disabled ? [`without AFI ${disabled.map(({ afi }) => afi)}`] : []),
    ...prefixes.map((prefix) => `+${formatPrefix(prefix)}`),
    ...withdrawn.map((prefix) => `-${formatPrefix(prefix)}`),
  ].join(" ");
}

const PATH = "400101 00 400206 0201 0000fde9 400304 0a000001";
/** An announcement of 10.0.0.0/8 with one attribute more. */
const update = (more: string, path = PATH) => message(2, updateBody("", `${path} ${more}`, "08 0a"));
/** OPEN of AS 65001, hold time 180, 10.9.0.2, with these parameters and the length that they claim. */
const open = (length: string, parameters: string) => message(1, hex(`04 fde9 00b4 0a090002 ${length} ${parameters}`));

const CASES: readonly (readonly [string, string, Uint8Array, string])[] = [
  ["CVE-2022-40302", "OPEN whose extended parameters are cut off", open("ff", "ff 0010 02"), "OPEN Message Error/Unspecific"],
  ["CVE-2022-40318", "OPEN, extended form, no room for a length", open("ff", "ff 0002 02 00"), "OPEN Message Error/Unspecific"],
  ["CVE-2022-43681", "OPEN whose parameter ends after its type", open("01", "02"), "OPEN Message Error/Unspecific"],
  ["CVE-2022-43681", "OPEN that says 255 and has none", open("ff", ""), "OPEN Message Error/Unspecific"],
  ["CVE-2022-36440", "OPEN whose capability overruns its parameter", open("04", "02 02 41 04"), "OPEN Message Error/Unspecific"],
  ["CVE-2023-38802", "a corrupted TUNNEL_ENCAP", update("c01704 0008ffff"), "treat-as-withdraw -10.0.0.0/8"],
  [
    "CVE-2023-38283",
    "an attribute of a length that its type forbids",
    update("800405 0000000000"),
    "treat-as-withdraw -10.0.0.0/8",
  ],
  ["CVE-2023-4481", "a corrupt attribute that others pass on (28, entropy label)", update("e01c00"), "none +10.0.0.0/8"],
  ["VU#347067", "an unknown transitive attribute, 255 bytes of it", update(`e0ffff ${"ff".repeat(255)}`), "none +10.0.0.0/8"],
  ["CVE-2023-40457", "the same with an extended length", update(`f0fe0100 ${"00".repeat(256)}`), "none +10.0.0.0/8"],
  [
    "CVE-2023-46752",
    "MP_REACH_NLRI that ends inside its next hop",
    message(2, updateBody("", `800e06 00020110 2001 ${PATH}`, "")),
    "disable-family without AFI 2",
  ],
  [
    "CVE-2023-46753",
    "prefixes without any mandatory attribute",
    message(2, updateBody("", "c06300", "08 0a")),
    "treat-as-withdraw -10.0.0.0/8",
  ],
  ["CVE-2023-46753", "nothing but an unknown attribute", message(2, updateBody("", "c06300", "")), "none"],
  [
    "CVE-2023-47234",
    "MP_UNREACH_NLRI beside prefixes without attributes",
    message(2, updateBody("", "800f03 000201", "08 0a")),
    "treat-as-withdraw -10.0.0.0/8",
  ],
  [
    "CVE-2023-47235",
    "an End-of-RIB with an attribute too many",
    message(2, updateBody("", "800f03 000201 400101 00", "")),
    "none",
  ],
  [
    "CVE-2023-47235",
    "an End-of-RIB that is cut off",
    message(2, updateBody("", "800f02 0002", "")),
    "UPDATE Message Error/Optional Attribute Error",
  ],
  [
    "CVE-2023-41358",
    "an End-of-RIB with prefixes behind no attributes",
    message(2, updateBody("", "", "08 0a")),
    "treat-as-withdraw -10.0.0.0/8",
  ],
  ["CVE-2023-41359", "AIGP that ends inside its TLV", update("801a02 0100"), "discard +10.0.0.0/8"],
  [
    "CVE-2023-41360",
    "ROUTE-REFRESH with a filter that was never agreed on",
    message(5, hex("00010001 01")),
    "Message Header Error/Bad Message Length",
  ],
  ["CVE-2024-31948", "PREFIX_SID with a TLV that overruns", update("c0280a 01ffff 00 0000 00000001"), "discard +10.0.0.0/8"],
  [
    "CVE-2024-31949",
    "CAPABILITY, a message that was never agreed on",
    message(6, hex("01 01 00")),
    "Message Header Error/Bad Message Type",
  ],
  ["CVE-2024-44070", "TUNNEL_ENCAP whose sub-TLV overruns", update("c01707 00080003 060500"), "treat-as-withdraw -10.0.0.0/8"],
  ["CVE-2025-43971", "a software version without a version", open("05", "02 03 4b 01 00"), "open"],
  [
    "CVE-2025-43972",
    "a flow specification, cut off, that was not agreed on",
    update("800e07 00018500 00 0301"),
    "none +10.0.0.0/8",
  ],
  ["CVE-2025-59688", "a NOTIFICATION whose words overrun it", message(3, hex("06 02 ff 68")), "notification"],
  ["CVE-2026-30405", "NEXT_HOP a thousand times", update("400304 0a000002".repeat(500)), "discard +10.0.0.0/8"],
  [
    "CVE-2026-37462",
    "lengths whose difference is negative",
    message(2, hex("ffff ffff 08 0a")),
    "UPDATE Message Error/Malformed Attribute List",
  ],
  [
    "CVE-2026-37462",
    "attributes that reach one byte too far",
    message(2, hex("0000 0003 4001")),
    "UPDATE Message Error/Malformed Attribute List",
  ],
  [
    "header",
    "a marker that is not all ones",
    Uint8Array.of(...hex("fe"), ...message(4, hex("")).subarray(1)),
    "Message Header Error/Connection Not Synchronized",
  ],
];

/** Published, and how it would look here; what is not spoken here cannot be wrong here. */
const PUBLISHED: Readonly<Record<string, "a message" | "a recording" | "a writer" | "not spoken: RPKI-to-Router">> = {
  "CVE-2022-36440": "a message",
  "CVE-2022-40302": "a message",
  "CVE-2022-40318": "a message",
  "CVE-2022-43681": "a message",
  "CVE-2023-4481": "a message",
  "CVE-2023-38283": "a message",
  "CVE-2023-38802": "a message",
  "CVE-2023-40457": "a message",
  "CVE-2023-41358": "a message",
  "CVE-2023-41359": "a message",
  "CVE-2023-41360": "a message",
  "CVE-2023-46752": "a message",
  "CVE-2023-46753": "a message",
  "CVE-2023-47234": "a message",
  "CVE-2023-47235": "a message",
  "CVE-2024-31948": "a message",
  "CVE-2024-31949": "a message",
  "CVE-2024-44070": "a message",
  "CVE-2025-43970": "a recording",
  "CVE-2025-43971": "a message",
  "CVE-2025-43972": "a message",
  "CVE-2025-43973": "not spoken: RPKI-to-Router",
  "CVE-2025-59688": "a message",
  "CVE-2026-30405": "a message",
  "CVE-2026-37462": "a message",
  "VU#347067": "a message",
  "FRR, 2026-05-28": "a writer",
};

describe("what broke others", () => {
  test.each(CASES)("%s: %s", (_, __, bytes, wanted) => expect(outcome(bytes)).toBe(wanted));

  test("none that was published is left out", () => {
    const messages = Object.keys(PUBLISHED).filter((name) => PUBLISHED[name] === "a message");
    expect(new Set(CASES.map(([name]) => name).filter((name) => name !== "header"))).toEqual(new Set(messages));
  });

  describe("CVE-2025-43970: lengths of a recording that are wrong", () => {
    /** BGP4MP_MESSAGE_AS4 of two addresses of IPv4, around these bytes. */
    const record = (length: string, rest: string) =>
      hex(`65000000 0010 0004 ${length} 0000fde9 0000fde8 0000 0001 0a000002 0a000001 ${rest}`);
    const KEEPALIVE = `${MARKER} 0013 04`;
    test.each([
      [
        "shorter than its addresses",
        hex("65000000 0010 0004 00000008 0000fde9 0000fde8"),
        ["a record that ends inside its addresses"],
      ],
      ["shorter than its microseconds", hex("65000000 0011 0004 00000002 0000"), ["a record that ends inside its addresses"]],
      ["of no length", hex("65000000 0010 0004 00000000"), ["a record that ends inside its addresses"]],
      ["longer than anything", record("ffffffff", KEEPALIVE), ["a record of 4294967307 bytes"]],
      ["longer than the file", record("00000100", KEEPALIVE), ["the end, 51 bytes into a record"]],
      [
        "a peer table that counts more peers than it has",
        hex("65000000 000d 0001 00000008 0a000001 0000 ffff"),
        ["a record that ends inside"],
      ],
      [
        "a table's entry without a length",
        hex("65000000 000d 0002 00000006 00000000 20 0a"),
        ["a record that ends inside its prefix"],
      ],
    ])("%s", (_, bytes, problems) => {
      const splitter = new Splitter(MRT);
      const records = [...splitter.push(bytes), ...splitter.end()];
      expect(records.map(({ record: { kind } }) => kind)).toEqual(["fault"]);
      for (const [i, { record }] of records.entries()) expect(record.kind === "fault" && record.problem).toContain(problems[i]);
    });
  });

  test("FRR, 2026-05-28: a path that no message has room for is not written for ever, but withdrawn, and the recording has it", () => {
    // As long as an extended message allows: 16,000 AS numbers in 63 segments.
    const asns = Array.from({ length: 16_000 }, (_, i) => i + 1);
    const attributes = { origin: 0, asPath: [{ type: SEGMENT.sequence, asns }], nextHop: 0x0a000001 } as const;
    const prefixes = [makePrefix(0x0a000000, 8)];
    const { announcements, withdrawn, tooLong } = withinMessages({ withdrawn: [], announcements: [{ prefixes, attributes }] }, 4);
    expect({ announcements, withdrawn, tooLong }).toEqual({ announcements: [], withdrawn: prefixes, tooLong: prefixes });

    const path = asns.map((asn) => asn.toString(16).padStart(8, "0"));
    const segments = Array.from({ length: Math.ceil(path.length / 255) }, (_, i) => path.slice(255 * i, 255 * (i + 1)));
    const value = segments.map((segment) => `02 ${segment.length.toString(16).padStart(2, "0")} ${segment.join("")}`).join("");
    const length = hex(value).length.toString(16).padStart(4, "0");
    const heard = message(2, updateBody("", `400101 00 5002 ${length} ${value} 400304 0a000001`, "08 0a"));
    expect(heard.length).toBeGreaterThan(64_000);
    const written = encodeRecord({
      kind: "message",
      atMicroseconds: 0,
      peer: 0x0a000002,
      peerAsn: 65001,
      local: 0x0a000001,
      localAsn: 65000,
      direction: "received",
      asnSize: 4,
      addPath: false,
      message: heard,
    });
    const [{ record }] = new Splitter(MRT).push(written);
    expect(record).toMatchObject({ kind: "message", message: heard });
    const decoded = decodeMessage(2, heard.subarray(19), { asnSize: 4, peerType: "external", families: [IPV4_UNICAST] });
    expect(decoded).toMatchObject({ message: { announcements: [{ prefixes }] }, faults: [] });
  });

  test("names from the wire are text and no more", () => {
    const name = Buffer.from("__proto__").toString("hex");
    const decoded = decodeMessage(1, open("0f", `02 0d 49 0b 09 ${name} 00`).subarray(19), {
      asnSize: 4,
      peerType: "external",
      families: [],
    });
    expect(decoded).toMatchObject({ message: { capabilities: [{ name: "fqdn", hostname: "__proto__" }] } });
    expect(Object.keys({}.constructor.prototype)).toEqual([]);
  });
});
