import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createFields, FIELD, flowToFields } from "#src/ecmp/fields.ts";
import { readHeaders } from "#src/ecmp/linux/dissect.ts";
import { createHeaders, fieldsToHeaders, flowToHeaders, HEADERS, READING } from "#src/ecmp/linux/headers.ts";
import { parseAddress } from "#src/net/address.ts";
import { parseFlow } from "#src/net/flow.ts";
import { seededRandom } from "#src/net/random.ts";
import { gre, ipv4, ipv6, KINDS } from "./packets.ts";

const source = parseAddress("192.0.2.1") as number;
const destination = parseAddress("198.51.100.2") as number;
const ports = (from: number, to: number, more = 16) =>
  Uint8Array.of(from >> 8, from & 255, to >> 8, to & 255, ...new Uint8Array(more));
const read = (packet: Uint8Array, end = packet.length) => {
  const headers = createHeaders();
  expect(readHeaders(packet, 0, end, headers)).toBe(true);
  return headers;
};
const portsOf = (headers: Uint32Array, base: number) => [
  headers[base + READING.sourcePort],
  headers[base + READING.destinationPort],
];

describe("reading headers as Linux does", () => {
  it("reads a plain packet as the flow that it is of, all three times", () => {
    const packet = ipv4({ protocol: 6, source, destination }, ports(40000, 80));
    const flow = parseFlow("tcp 192.0.2.1:40000 198.51.100.2:80");
    // Policy 0 never looks at ports.
    const wanted = flowToHeaders(flow!, createHeaders());
    wanted.set([0, 0], HEADERS.layer3 + READING.sourcePort);
    expect(read(packet)).toEqual(wanted);
  });

  it("takes no ports of a fragment, the first included", () => {
    for (const fragment of [0x2000, 0x0001, 0x2001]) {
      const headers = read(ipv4({ protocol: 17, source, destination, fragment }, ports(1, 2)));
      expect(portsOf(headers, HEADERS.outer)).toEqual([0, 0]);
      expect(headers[HEADERS.outer + READING.protocol]).toBe(17);
    }
    expect(portsOf(read(ipv4({ protocol: 17, source, destination, fragment: 0x4000 }, ports(1, 2))), HEADERS.outer)).toEqual([
      1, 2,
    ]);
  });

  it("stops at the first tunnel for the outer reading and goes through all for the innermost", () => {
    const inner = ipv4({ protocol: 6, source: 1, destination: 2 }, ports(3, 4));
    const headers = read(ipv4({ protocol: 47, source, destination }, gre(seededRandom(1), 0, 0x0800, inner)));
    expect(headers[HEADERS.outer + READING.source]).toBe(source);
    expect(portsOf(headers, HEADERS.outer)).toEqual([0, 0]);
    expect(headers[HEADERS.outer + READING.encapsulated]).toBe(1);
    expect(headers[HEADERS.innermost + READING.source]).toBe(1);
    expect(portsOf(headers, HEADERS.innermost)).toEqual([3, 4]);
  });

  it("agrees with the fields of a classifier, of a packet in a tunnel too", () => {
    const flow = { protocol: 4, source, destination, sourcePort: 0, destinationPort: 0 };
    const fields = flowToFields(flow, createFields());
    fields.set([4, 6, 3, 4], FIELD.innerFamily);
    fields[FIELD.innerSource] = 1;
    fields[FIELD.innerDestination] = 2;
    const packet = ipv4({ protocol: 4, source, destination }, ipv4({ protocol: 6, source: 1, destination: 2 }, ports(3, 4)));
    expect(fieldsToHeaders(fields, createHeaders())).toEqual(read(packet));
  });

  it("keeps an outer flow label where the inner header has none", () => {
    const address = "20010db8000000000000000000000001";
    const make = (nextHeader: number, flowLabel: number, payload: Uint8Array) =>
      ipv6({ nextHeader, source: address, destination: address, flowLabel }, payload);
    const label = (inner: number) => read(make(41, 0xabcde, make(17, inner, ports(1, 2))))[HEADERS.innermost + READING.flowLabel];
    expect(label(0x12345)).toBe(0x12345);
    expect(label(0)).toBe(0xabcde);
  });

  it("counts ports only where all four bytes are there, within the packet's own length", () => {
    const packet = ipv4({ protocol: 17, source, destination }, ports(1, 2, 0));
    const padded = Uint8Array.of(...packet.subarray(0, 23), 9, 9, 9, 9);
    expect(portsOf(read(packet), HEADERS.outer)).toEqual([1, 2]);
    expect(portsOf(read(packet, 23), HEADERS.outer)).toEqual([0, 0]);
    padded[3] = 23;
    expect(portsOf(read(padded), HEADERS.outer)).toEqual([0, 0]);
  });

  it("refuses what is no IP header", () => {
    const headers = createHeaders();
    expect(readHeaders(new Uint8Array(60), 0, 60, headers)).toBe(false);
    expect(readHeaders(Uint8Array.of(0x45, ...new Uint8Array(18)), 0, 19, headers)).toBe(false);
    expect(readHeaders(Uint8Array.of(0x60, ...new Uint8Array(38)), 0, 39, headers)).toBe(false);
  });

  it("does not look at what lies beyond the end, wherever a packet of any kind is cut or damaged", () => {
    const kinds = [...Object.values(KINDS[4]), ...Object.values(KINDS[6])];
    const damage = fc.record({ at: fc.nat(), value: fc.integer({ min: 0, max: 255 }) });
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.nat(), fc.array(damage, { maxLength: 4 }), (kind, seed, cut, faults) => {
        const packet = kinds[kind % kinds.length](seededRandom(seed));
        for (const { at, value } of faults) packet[at % packet.length] = value;
        const end = cut % (packet.length + 1);
        const [first, second] = [createHeaders(), createHeaders()];
        const answer = readHeaders(packet, 0, end, first);
        packet.fill(0xff, end);
        // Every reading is done before anything past the end could be told from what is there now.
        expect(readHeaders(packet, 0, end, second)).toBe(answer);
        expect(second).toEqual(first);
      }),
      { numRuns: 2000 },
    );
  });
});
