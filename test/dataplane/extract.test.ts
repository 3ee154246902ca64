/** The fields beyond the 5-tuple: what they are of real headers, and that hashes can use them. */
import { describe, expect, it } from "vitest";
import { createExtractor } from "#src/dataplane/extract.ts";
import { createFields, FIELD, type Fields } from "#src/ecmp/fields.ts";
import { compileFlowHash, type HashOptions } from "#src/ecmp/flow-hash.ts";
import { createKey } from "#src/ecmp/key.ts";
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

function extract(packet: Buffer, options: Partial<HashOptions>): Fields {
  const fields = createFields().fill(0xdeadbeef, FIELD.dscp);
  const frame = Buffer.concat([ETHERNET, packet]);
  fields[FIELD.protocol] = packet[9];
  fields[FIELD.source] = packet.readUInt32BE(12);
  fields[FIELD.destination] = packet.readUInt32BE(16);
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
    ];
    for (const packet of whole) {
      for (let length = 20; length < packet.length; length++) {
        const cut = Buffer.from(packet.subarray(0, length));
        cut.writeUInt16BE(length, 2);
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

  it("costs nothing where nothing of it is asked for", () => {
    expect(createExtractor({ fields: ["5-tuple"], fragments: "address-only", icmpErrors: "outer" })).toBeUndefined();
  });

  it("gives the first fragment its ports only where that is the rule", () => {
    const first = ip(17, udp(53, Buffer.alloc(8)), { fragment: 0x2000 });
    const later = ip(17, udp(53, Buffer.alloc(8)), { fragment: 0x0001 });
    const ports = (packet: Buffer): number[] => {
      const fields = extract(packet, { fragments: "first-with-ports" });
      return [fields[FIELD.sourcePort], fields[FIELD.destinationPort]];
    };
    expect(ports(first)).toEqual([0xc000, 53]);
    expect(ports(later)).toEqual([0, 0]);
  });

  it("lets an ICMP error go the way of the flow that it quotes, seen from its sender", () => {
    const quoted = ip(6, hex("0050 04d2 00000000"), { source: "c6336410", destination: "0a000102" });
    const error = ip(1, Buffer.concat([hex("0304 0000 00000578"), quoted]), { source: "0a090909", destination: "c6336410" });
    const fields = extract(error, { icmpErrors: "quoted" });
    expect([fields[FIELD.protocol], fields[FIELD.source], fields[FIELD.destination]]).toEqual([6, 0x0a000102, 0xc6336410]);
    expect([fields[FIELD.sourcePort], fields[FIELD.destinationPort]]).toEqual([1234, 80]);
    const echo = ip(1, Buffer.concat([hex("0800 0000 00000578"), quoted]));
    expect(extract(echo, { icmpErrors: "quoted" })[FIELD.protocol]).toBe(1);
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
    const { writeKey, hash: hashKey } = compileFlowHash({ ...base, ...options }, bits);
    const key = createKey();
    return hashKey(key, writeKey(fields, key));
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
    expect(hash(there, { masks: { "source-address": 24 } })).toBe(hash(other, { masks: { "source-address": 24 } }));
    expect(hash(there, { masks: { "source-address": 25 } })).not.toBe(hash(other, { masks: { "source-address": 25 } }));
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
