/** The fields beyond the 5-tuple: what they are of real headers, and that hashes can use them. */
import { describe, expect, it } from "vitest";
import { createExtractor } from "#src/dataplane/extract.ts";
import { createFields, FIELD, type Fields } from "#src/ecmp/fields.ts";
import { compileFlowHash, type HashOptions } from "#src/ecmp/flow-hash.ts";
import { slowChecksum } from "../oracle/checksum.ts";
import { CLIENT_MAC, makePacket, ROUTER_MAC } from "./packets.ts";

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ""), "hex");
const ETHERNET = hex(`${ROUTER_MAC}${CLIENT_MAC}0800`);

/** An IPv4 header in front of a payload. */
function ip(protocol: number, payload: Buffer, { source = "0a000102", destination = "c6336410", fragment = 0 } = {}): Buffer {
  const header = hex(
    `450000000000${fragment.toString(16).padStart(4, "0")}40${protocol.toString(16).padStart(2, "0")}0000${source}${destination}`,
  );
  header.writeUInt16BE(20 + payload.length, 2);
  header.writeUInt16BE(slowChecksum(header), 10);
  return Buffer.concat([header, payload]);
}
const udp = (port: number, payload: Buffer): Buffer =>
  Buffer.concat([hex(`c000${port.toString(16).padStart(4, "0")}00000000`), payload]);
const INNER = ip(6, hex("04d20050 0000000000000000"), { source: "0a010101", destination: "0a020202" });
const INNER6 = hex("60000000 0008 11 40 20010db8000000000000000000000001 20010db8000000000000000000000002 1111 2222 00080000");
const INNER_ETHERNET = Buffer.concat([hex("020000000aaa 020000000bbb 0800"), INNER]);
const TAGGED_ETHERNET = Buffer.concat([hex("020000000aaa 020000000bbb 88a80007 81000064 0800"), INNER]);
const OVERTAGGED = Buffer.concat([hex("020000000aaa 020000000bbb 88a80007 81000064 81000065 0800"), INNER]);

/** An IPv6 header, the extension headers given in hex (each names its successor), and a payload. */
function ip6(
  next: number,
  payload: Buffer,
  { extensions = "", first = next, ends = "aa bb", trafficClass = 0, label = 0 } = {},
): Buffer {
  const chain = hex(extensions);
  const header = Buffer.alloc(40);
  header.writeUInt32BE(((6 << 28) | (trafficClass << 20) | label) >>> 0, 0);
  header.writeUInt16BE(chain.length + payload.length, 4);
  header.set([first, 64], 6);
  for (const [i, last] of hex(ends).entries())
    header.set([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last], 8 + 16 * i);
  return Buffer.concat([header, chain, payload]);
}

interface Received {
  /** Between the MACs and the ethertype of what is inside. */
  readonly tags?: string;
  /** Of IPv6 with extension headers: where the classifier found the transport header in the packet, and which. */
  readonly transport?: number;
  readonly protocol?: number;
}

/** The fields of a packet as the classifier leaves them, and what the extractor makes of them. */
function extract(packet: Buffer, options: Partial<HashOptions>, { tags = "", transport, protocol }: Received = {}): Fields {
  const isIpv4 = packet[0] >>> 4 === 4;
  const link = Buffer.concat([ETHERNET.subarray(0, 12), hex(tags), hex(isIpv4 ? "0800" : "86dd")]);
  const frame = Buffer.concat([link, packet, Buffer.alloc(20, 0xee)]);
  const fields = createFields().fill(0xdeadbeef, FIELD.dscp, FIELD.vlanId);
  const isLater = isIpv4 && (packet.readUInt16BE(6) & 0x1fff) !== 0;
  const within = transport ?? (isIpv4 ? (packet[0] & 15) * 4 : 40);
  fields[FIELD.family] = isIpv4 ? 4 : 6;
  fields[FIELD.protocol] = protocol ?? packet[isIpv4 ? 9 : 6];
  for (let i = 0; i < (isIpv4 ? 1 : 4); i++) {
    fields[FIELD.source + i] = packet.readUInt32BE((isIpv4 ? 12 : 8) + 4 * i);
    fields[FIELD.destination + i] = packet.readUInt32BE((isIpv4 ? 16 : 24) + 4 * i);
  }
  fields[FIELD.networkOffset] = link.length;
  fields[FIELD.transportOffset] = isLater || transport === 0 ? 0 : link.length + within;
  createExtractor({ fields: ["5-tuple"], ...options })?.(frame, 0, 3, fields);
  return fields;
}
const inner = (packet: Buffer): string => {
  const fields = extract(packet, { fields: ["inner-source-address"] });
  const words = (at: number, count: number) =>
    [...fields.subarray(at, at + count)].map((word) => word.toString(16).padStart(8, "0")).join("");
  const count = fields[FIELD.innerFamily] === 6 ? 4 : 1;
  const ends = `${words(FIELD.innerSource, count)} ${words(FIELD.innerDestination, count)}`;
  return `${fields[FIELD.innerFamily]} ${fields[FIELD.innerProtocol]} ${ends} ${fields[FIELD.innerSourcePort]} ${fields[FIELD.innerDestinationPort]}`;
};

const TCP_INSIDE = "4 6 0a010101 0a020202 1234 80";
const UDP6_INSIDE = "6 17 20010db8000000000000000000000001 20010db8000000000000000000000002 4369 8738";
const NOTHING = "0 0 00000000 00000000 0 0";

describe("the packet inside a tunnel", () => {
  it.each<[string, Buffer, string]>([
    ["IP in IP", ip(4, INNER), TCP_INSIDE],
    ["6in4", ip(41, INNER6), UDP6_INSIDE],
    ["GRE", ip(47, Buffer.concat([hex("00000800"), INNER])), TCP_INSIDE],
    [
      "GRE with checksum, key and sequence",
      ip(47, Buffer.concat([hex("b0000800 00000000 00000001 00000002"), INNER])),
      TCP_INSIDE,
    ],
    ["GRE with Ethernet", ip(47, Buffer.concat([hex("20006558 00000001"), INNER_ETHERNET])), TCP_INSIDE],
    ["GRE with IPv6", ip(47, Buffer.concat([hex("000086dd"), INNER6])), UDP6_INSIDE],
    ["GRE of version 1", ip(47, Buffer.concat([hex("0001880b"), INNER])), NOTHING],
    ["VXLAN", ip(17, udp(4789, Buffer.concat([hex("0800000000002a00"), INNER_ETHERNET]))), TCP_INSIDE],
    [
      "Geneve with two option words",
      ip(17, udp(6081, Buffer.concat([hex("0200655800002a00 0000000100000002"), INNER_ETHERNET]))),
      TCP_INSIDE,
    ],
    ["Geneve with IPv4", ip(17, udp(6081, Buffer.concat([hex("0000080000002a00"), INNER]))), TCP_INSIDE],
    ["GTP-U", ip(17, udp(2152, Buffer.concat([hex("30ff002800000001"), INNER]))), TCP_INSIDE],
    ["GTP-U with an extension", ip(17, udp(2152, Buffer.concat([hex("34ff003000000001 00000085 01001000"), INNER]))), TCP_INSIDE],
    ["GTP-U echo", ip(17, udp(2152, Buffer.concat([hex("3001002800000001"), INNER]))), NOTHING],
    ["plain UDP", ip(17, udp(53, INNER)), NOTHING],
    ["plain TCP", INNER, NOTHING],
    ["a fragment of a tunnel", ip(4, INNER, { fragment: 0x2000 }), NOTHING],
    ["MPLS in IP, two labels", ip(137, Buffer.concat([hex("00010040 00011140"), INNER])), TCP_INSIDE],
    ["MPLS in GRE", ip(47, Buffer.concat([hex("00008847 00011140"), INNER6])), UDP6_INSIDE],
    ["MPLS in UDP", ip(17, udp(6635, Buffer.concat([hex("00010040 00011140"), INNER]))), TCP_INSIDE],
    ["MPLS without an end", ip(137, Buffer.concat([hex("00010040".repeat(16)), hex("00011140"), INNER])), NOTHING],
    ["MPLS with something else below", ip(137, Buffer.concat([hex("00011140 00000000"), INNER])), NOTHING],
    ["VXLAN with a VLAN tag", ip(17, udp(4789, Buffer.concat([hex("0800000000002a00"), TAGGED_ETHERNET]))), TCP_INSIDE],
    ["VXLAN with three VLAN tags", ip(17, udp(4789, Buffer.concat([hex("0800000000002a00"), OVERTAGGED]))), NOTHING],
    ["IPv4 in IPv6", ip6(4, INNER), TCP_INSIDE],
    ["IPv6 in IPv6", ip6(41, INNER6), UDP6_INSIDE],
    ["GRE over IPv6", ip6(47, Buffer.concat([hex("00000800"), INNER])), TCP_INSIDE],
    ["VXLAN over IPv6", ip6(17, udp(4789, Buffer.concat([hex("0800000000002a00"), INNER_ETHERNET]))), TCP_INSIDE],
    [
      "IPv4 in IPv6 behind a limit of encapsulation",
      ip6(4, INNER, { first: 60, extensions: "04 00 04 01 04 01 00 00" }),
      TCP_INSIDE,
    ],
    ["a fragment of a tunnel over IPv6", ip6(4, INNER, { first: 44, extensions: "04 00 0001 00000007" }), NOTHING],
    ["an atomic fragment of one", ip6(4, INNER, { first: 44, extensions: "04 00 0000 00000007" }), TCP_INSIDE],
    [
      "an inner IPv6 packet with extension headers",
      ip(41, ip6(6, hex("04d20050"), { first: 0, extensions: "2b 00 01 04 00 00 00 00  06 00 00 00 00 00 00 00" })),
      "6 6 20010db80000000000000000000000aa 20010db80000000000000000000000bb 1234 80",
    ],
    [
      "an inner IPv6 fragment",
      ip(41, ip6(6, hex("04d20050"), { first: 44, extensions: "06 00 0001 00000007" })),
      "6 6 20010db80000000000000000000000aa 20010db80000000000000000000000bb 0 0",
    ],
    [
      "an inner fragment",
      ip(4, ip(6, hex("04d20050"), { source: "0a010101", destination: "0a020202", fragment: 0x2000 })),
      "4 6 0a010101 0a020202 0 0",
    ],
  ])("%s", (_, packet, wanted) => {
    expect(inner(packet)).toBe(wanted);
  });

  it("is nothing, and harmless, wherever a tunnel is cut", () => {
    const whole = [
      ip(4, INNER),
      ip(47, Buffer.concat([hex("b0000800 00000000 00000001 00000002"), INNER])),
      ip(17, udp(6081, Buffer.concat([hex("3f00655800002a00"), INNER_ETHERNET]))),
      ip(17, udp(2152, Buffer.concat([hex("34ff003000000001 00000085 00001000"), INNER]))),
      ip(47, Buffer.concat([hex("00008847 00010040 00011140"), INNER])),
      ip6(17, udp(4789, Buffer.concat([hex("0800000000002a00"), TAGGED_ETHERNET])), {
        first: 60,
        extensions: "11 00 04 01 04 01 00 00",
      }),
    ];
    for (const packet of whole) {
      const isIpv4 = packet[0] === 0x45;
      for (let length = isIpv4 ? 20 : 40; length < packet.length; length++) {
        const cut = Buffer.from(packet.subarray(0, length));
        if (isIpv4) cut.writeUInt16BE(length, 2);
        else cut.writeUInt16BE(length - 40, 4);
        const found = inner(cut);
        expect(found === NOTHING || found.startsWith("4 6 0a010101 0a020202 ")).toBe(true);
      }
    }
  });
});

describe("other fields and rules", () => {
  it("reads the link layer, the DSCP and the port", () => {
    const fields = extract(makePacket().subarray(14), { fields: ["ingress-port"] });
    expect([fields[FIELD.ingressPort], fields[FIELD.ethertype], fields[FIELD.dscp]]).toEqual([3, 0x0800, 0]);
    expect([fields[FIELD.destinationMac], fields[FIELD.destinationMac + 1]]).toEqual([0x0200, 1]);
    expect([fields[FIELD.sourceMac], fields[FIELD.sourceMac + 1]]).toEqual([0x0200, 0xc1]);
  });

  it("reads the DSCP of IPv6 from its traffic class, and the ethertype behind the tags", () => {
    const packet = ip6(17, udp(53, Buffer.alloc(4)), { trafficClass: 0xb9, label: 0xfffff });
    const fields = extract(packet, { fields: ["dscp"] }, { tags: "88a80007 81000064" });
    expect([fields[FIELD.dscp], fields[FIELD.ethertype]]).toEqual([46, 0x86dd]);
    const tos = Buffer.from(INNER);
    tos[1] = 0xb9;
    expect(extract(tos, { fields: ["dscp"] }, { tags: "81000064" })[FIELD.dscp]).toBe(46);
  });

  it("reads the flow label inside a tunnel", () => {
    const label = (packet: Buffer) => extract(packet, { fields: ["inner-flow-label"] })[FIELD.innerFlowLabel];
    expect(label(ip(41, ip6(6, hex("04d20050"), { label: 0xabcde, trafficClass: 0xff })))).toBe(0xabcde);
    expect(label(ip(4, INNER))).toBe(0);
  });

  it("costs nothing where nothing of it is asked for", () => {
    const fields = ["5-tuple", "flow-label", "vlan-id"];
    expect(createExtractor({ fields, fragments: "address-only", icmpErrors: "outer" })).toBeUndefined();
    expect(createExtractor({ fields, fragments: "dropped" })).toBeUndefined();
  });
});

describe("the ports of a fragment", () => {
  const portsBy = (fragments: HashOptions["fragments"], packet: Buffer, received?: Received): number[] => {
    const fields = extract(packet, { fragments }, received);
    return [fields[FIELD.sourcePort], fields[FIELD.destinationPort]];
  };
  const datagram = udp(53, Buffer.alloc(8));
  const whole = ip(17, datagram);
  const first = ip(17, datagram, { fragment: 0x2000 });
  const later = ip(17, hex("1111 2222 00000000"), { fragment: 0x0001 });

  it("are those of the first fragment by the rule first-with-ports", () => {
    expect(portsBy("first-with-ports", whole)).toEqual([0xc000, 53]);
    expect(portsBy("first-with-ports", first)).toEqual([0xc000, 53]);
    expect(portsBy("first-with-ports", later)).toEqual([0, 0]);
    const first6 = ip6(17, datagram, { first: 44, extensions: "11 00 0001 00000007" });
    const later6 = ip6(17, datagram, { first: 44, extensions: "11 00 0008 00000007" });
    expect(portsBy("first-with-ports", first6, { transport: 48, protocol: 17 })).toEqual([0xc000, 53]);
    expect(portsBy("first-with-ports", later6, { transport: 0, protocol: 17 })).toEqual([0, 0]);
  });

  it("are whatever lies there by the rule payload-as-ports", () => {
    expect(portsBy("payload-as-ports", whole)).toEqual([0xc000, 53]);
    expect(portsBy("payload-as-ports", later)).toEqual([0x1111, 0x2222]);
    const options = makePacket({ protocol: 17, options: Uint8Array.of(7, 4, 5, 6) }).subarray(14);
    expect(portsBy("payload-as-ports", Buffer.from(options))).toEqual([0x0704, 0x0506]);
    expect(portsBy("payload-as-ports", ip(50, datagram))).toEqual([0, 0]);
    const later6 = ip6(17, datagram, { first: 44, extensions: "11 00 0008 00000007" });
    expect(portsBy("payload-as-ports", later6, { transport: 0, protocol: 17 })).toEqual([0, 0]);
  });

  it("are none where the packet ends before them, whatever pads the frame", () => {
    const short = ip(17, hex("1111 22"), { fragment: 0x0001 });
    expect(portsBy("payload-as-ports", short)).toEqual([0, 0]);
    expect(portsBy("first-with-ports", ip(17, hex("1111 22"), { fragment: 0x2000 }))).toEqual([0, 0]);
  });
});

describe("an ICMP error", () => {
  const named = (fields: Fields): (string | number)[] => {
    const words = (at: number) =>
      [...fields.subarray(at, at + (fields[FIELD.family] === 4 ? 1 : 4))].map((word) => word.toString(16)).join(" ");
    const ends = [words(FIELD.source), words(FIELD.destination)];
    return [fields[FIELD.protocol], ...ends, fields[FIELD.sourcePort], fields[FIELD.destinationPort]];
  };
  const quoted = ip(6, hex("0050 04d2 00000000"), { source: "c6336410", destination: "0a000102" });
  const errorOf = (packet: Buffer): Buffer =>
    ip(1, Buffer.concat([hex("0304 0000 00000578"), packet]), { source: "0a090909", destination: "c6336410" });
  const quoted6 = ip6(6, hex("0050 04d2 00000000"), { ends: "01 02", label: 0x12345 });
  const tooBig6 = (packet: Buffer): Buffer => ip6(58, Buffer.concat([hex("0200 0000 00000500"), packet]), { ends: "99 01" });
  const END1 = "20010db8 0 0 1";
  const END2 = "20010db8 0 0 2";

  it("goes the way of the flow that it quotes, seen from its sender", () => {
    expect(named(extract(errorOf(quoted), { icmpErrors: "quoted" }))).toEqual([6, "a000102", "c6336410", 1234, 80]);
    const fields = extract(tooBig6(quoted6), { icmpErrors: "quoted" });
    expect(named(fields)).toEqual([6, END2, END1, 1234, 80]);
    expect(fields[FIELD.flowLabel]).toBe(0x12345);
  });

  it("goes by the quoted addresses alone where that is the rule", () => {
    expect(named(extract(errorOf(quoted), { icmpErrors: "quoted-addresses" }))).toEqual([6, "a000102", "c6336410", 0, 0]);
    expect(named(extract(tooBig6(quoted6), { icmpErrors: "quoted-addresses" }))).toEqual([6, END2, END1, 0, 0]);
  });

  it("has the quoted ports behind extension headers, and none of a quoted fragment", () => {
    const behind = ip6(17, hex("0035 1234 00000000"), { first: 60, extensions: "11 00 01 04 00 00 00 00", ends: "01 02" });
    expect(named(extract(tooBig6(behind), { icmpErrors: "quoted" }))).toEqual([17, END2, END1, 0x1234, 53]);
    const fragment = ip6(17, hex("0035 1234 00000000"), { first: 44, extensions: "11 00 0001 00000007", ends: "01 02" });
    expect(named(extract(tooBig6(fragment), { icmpErrors: "quoted" }))).toEqual([17, END2, END1, 0, 0]);
    const fragment4 = ip(17, hex("0035 1234"), { source: "c6336410", destination: "0a000102", fragment: 0x2000 });
    expect(named(extract(errorOf(fragment4), { icmpErrors: "quoted" }))).toEqual([17, "a000102", "c6336410", 0, 0]);
  });

  it("is what it is where it quotes nothing, or is none", () => {
    const own = [1, "a090909", "c6336410", 0, 0];
    const echo = ip(1, Buffer.concat([hex("0800 0000 00000578"), quoted]), { source: "0a090909", destination: "c6336410" });
    expect(named(extract(echo, { icmpErrors: "quoted" }))).toEqual(own);
    const outside = { source: "0a090909", destination: "c6336410" };
    expect(named(extract(ip(1, hex("0304 0000 00000578 45"), outside), { icmpErrors: "quoted" }))).toEqual(own);
    const inPieces = ip(1, Buffer.concat([hex("0304 0000 00000578"), quoted]), { ...outside, fragment: 0x2000 });
    expect(named(extract(inPieces, { icmpErrors: "quoted" }))).toEqual(own);
    const answer = ip6(58, Buffer.concat([hex("8100 0000 00000500"), quoted6]), { ends: "99 01" });
    expect(named(extract(answer, { icmpErrors: "quoted" }))[0]).toBe(58);
  });
});

describe("the flow hash", () => {
  const base = { algorithm: "crc32", fields: ["5-tuple"], seed: 0 };
  const row = (source: number, destination: number, sourcePort: number, destinationPort: number): Fields => {
    const fields = createFields();
    fields.set([4, 6, sourcePort, destinationPort, source]);
    fields[FIELD.destination] = destination;
    return fields;
  };
  const hash = (fields: Fields, options: Partial<HashOptions> = {}, bits?: number): number => {
    return compileFlowHash({ ...base, ...options }, bits).hashFields(fields) >>> 0;
  };
  const there = row(0x0a000001, 0x0a000002, 1000, 80);
  const back = row(0x0a000002, 0x0a000001, 80, 1000);

  it("is the same in both directions when symmetric, and leaves the caller's fields alone", () => {
    expect(hash(there)).not.toBe(hash(back));
    const before = [...back];
    expect(hash(there, { symmetric: true })).toBe(hash(back, { symmetric: true }));
    expect([...back]).toEqual(before);
  });

  it("does not see what is masked", () => {
    const other = row(0x0a0000ff, 0x0a000002, 1000, 80);
    expect(hash(there, { masks: { "source-address": { ipv4: 24 } } })).toBe(
      hash(other, { masks: { "source-address": { ipv4: 24 } } }),
    );
    expect(hash(there, { masks: { "source-address": { ipv4: 25 } } })).not.toBe(
      hash(other, { masks: { "source-address": { ipv4: 25 } } }),
    );
  });

  it("turns right by the offset within the hash's own bits", () => {
    const plain = hash(there);
    expect(hash(there, { offset: 8 })).toBe(((plain >>> 8) | (plain << 24)) >>> 0);
    const short = hash(there, { algorithm: "crc16-ccitt" });
    expect(hash(there, { algorithm: "crc16-ccitt", offset: 4 })).toBe(((short >>> 4) | (short << 12)) & 0xffff);
  });

  it("fills the bits that a table of bounds is drawn over", () => {
    const short = hash(there, { algorithm: "crc16-ccitt" });
    expect(hash(there, { algorithm: "crc16-ccitt" }, 32)).toBe((short << 16) >>> 0);
    expect(hash(there, {}, 31)).toBe(hash(there) >>> 1);
  });
});
