/** The short way of plain packets beside the general one: which packets take it, and that nobody can tell which they took. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createForwarder, type ForwarderOptions } from "#src/dataplane/forward.ts";
import { createOwnSources, setOwnSources } from "#src/dataplane/own-sources.ts";
import { createPlain, forwardPlain, lookUpAll } from "#src/dataplane/plain.ts";
import { vlanStack } from "#src/dataplane/vlan.ts";
import { compileFlowHash } from "#src/ecmp/flow-hash.ts";
import { createFib } from "#src/fib/fib.ts";
import { createImage } from "#src/fib/image.ts";
import { parseAddress } from "#src/net/address.ts";
import { parsePrefix } from "#src/net/prefix.ts";
import { type Batch, createBatch, ROW, ROW_WORDS, VERDICT } from "#src/port/batch.ts";
import { makePacket, makePacket6, tagFrame } from "./packets.ts";

const address = (text: string) => parseAddress(text) as number;
const prefix = (text: string) => parsePrefix(text) as NonNullable<ReturnType<typeof parsePrefix>>;
const HASH = { algorithm: "xxh32", fields: ["5-tuple"], seed: 42 };
/** Where a frame's IP header begins on a word, and where it does not. */
const [ALIGNED, ASKEW] = [18, 19];
const PORTS = [0, 1, 2].map((i) => ({ macHigh: 0x0200, macLow: i + 1, vlans: i === 2 ? vlanStack(100, 0) : 0 }));

function makeOptions(selector: string, offset = 0): ForwarderOptions & { ownSources: SharedArrayBuffer } {
  const hash = { ...HASH, offset };
  const fib = createFib({ buffers: createImage(1 << 18), selector, selectorOptions: {}, hash, workers: 0 });
  fib.attach({ prefix: prefix("10.0.0.0/24"), port: 1 });
  fib.attach({ prefix: prefix("10.0.2.0/24"), port: 2 });
  const ownSources = createOwnSources();
  fib.own(address("10.0.1.1"));
  setOwnSources(ownSources, [address("10.0.1.1")]);
  const nextHops = [11, 12, 13].map((last) => ({ address: address(`10.0.0.${last}`), weight: last - 10 }));
  fib.apply([
    { prefixes: [prefix("198.51.100.0/24")], protocol: "bgp", nextHops },
    { prefixes: [prefix("198.51.100.1/32")], protocol: "bgp", nextHops: nextHops.slice(1, 2) },
    { prefixes: [prefix("198.51.100.2/32")], protocol: "bgp", nextHops: [{ address: address("10.0.2.21"), weight: 1 }] },
    { prefixes: [prefix("198.51.100.3/32")], protocol: "bgp", nextHops: [{ address: address("10.0.0.99"), weight: 1 }] },
  ]);
  for (const last of [11, 12, 13])
    fib.setNeighbor(address(`10.0.0.${last}`), 1, { mac: 0xfedcba980a00 + last, source: 0xfedcba980002, mtu: 1500 });
  fib.setNeighbor(address("10.0.2.21"), 2, { mac: 0x020000000b21, source: 0x020000000003, mtu: 1500 });
  fib.publish();
  return { image: fib.image, hash, selector, ports: PORTS, ownSources };
}

interface Extra {
  readonly vlanTci?: number;
  readonly wireLength?: number;
  readonly gsoType?: number;
}

function place(frame: Uint8Array, at: number, { vlanTci = 0, wireLength = frame.length, gsoType = 0 }: Extra = {}): Batch {
  const batch = createBatch(new Uint8Array(at + frame.length + 8), 1);
  batch.bytes.set(frame, at);
  batch.bytes[at - 9] = gsoType;
  batch.rows[ROW.offset] = at;
  batch.rows[ROW.length] = frame.length;
  batch.rows[ROW.wireLength] = wireLength;
  batch.rows[ROW.vlanTci] = vlanTci;
  batch.count = 1;
  return batch;
}

const options = makeOptions("modulo");
const { hashTuple } = compileFlowHash(options.hash, undefined);
if (hashTuple === undefined) throw new Error("xxh32 takes no words of a tuple");
const plain = createPlain({ ...options, hashTuple, ownSources: new Uint8Array(options.ownSources) });
const MAC = [0x0002, 0x01000000] as const;

const takesShortWay = (frame: Uint8Array, extra?: Extra, at = ALIGNED): boolean => {
  const { bytes, rows } = place(frame, at, extra);
  const frames = new Int32Array(bytes.buffer, 0, bytes.length >>> 2);
  lookUpAll(plain, frames, rows, 1);
  const before = [bytes.slice(), rows.slice()];
  const taken = forwardPlain(plain, frames, rows, 0, ...MAC);
  if (!taken) expect([bytes, rows]).toEqual(before);
  return taken;
};

const withByte = (frame: Buffer, at: number, value: number): Buffer => {
  frame[at] = value;
  return frame;
};

describe("the short way", () => {
  it.each([
    ["TCP", makePacket()],
    ["UDP", makePacket({ protocol: 17 })],
    ["to one next hop", makePacket({ destination: "198.51.100.1" })],
    ["that may not be cut", makePacket({ fragment: 0x4000 })],
    ["as large as fits", makePacket({ payloadBytes: 1472 })],
    ["with padding behind", Buffer.concat([makePacket({ payloadBytes: 0 }), Buffer.alloc(18)])],
  ])("is taken by a packet %s", (_, frame) => {
    expect(takesShortWay(frame)).toBe(true);
  });

  it.each<[string, Uint8Array, Extra?, number?]>([
    ["an IP header that begins on no word", makePacket(), {}, ASKEW],
    ["another protocol", makePacket({ protocol: 1 })],
    ["options", makePacket({ options: Uint8Array.of(1, 1, 1, 0) })],
    ["a fragment's offset", makePacket({ fragment: 1 })],
    ["more fragments behind it", makePacket({ fragment: 0x2000 })],
    ["one hop to live", makePacket({ ttl: 1 })],
    ["a wrong checksum", withByte(makePacket(), 25, 0)],
    ["a martian source", makePacket({ source: "127.0.0.1" })],
    ["a martian destination", makePacket({ destination: "240.0.0.1" })],
    ["a group of receivers", makePacket({ destination: "224.0.0.5" })],
    ["less than its header says", withByte(makePacket(), 17, 0xff)],
    ["bytes that were cut", makePacket(), { wireLength: 2000 }],
    ["a tag that the kernel took", makePacket(), { vlanTci: 0x81000064 }],
    ["a tag", tagFrame(makePacket(), { id: 100 })],
    ["segments to be made", makePacket(), { gsoType: 1 }],
    ["another station's address", makePacket({ to: "020000000009" })],
    ["IPv6", makePacket6()],
    ["no route", makePacket({ destination: "203.0.113.1" })],
    ["the router for its destination", makePacket({ destination: "10.0.1.1" })],
    ["one of our addresses for its source", makePacket({ source: "10.0.1.1" })],
    ["a source that ends like one of ours", makePacket({ source: "10.9.1.1" })],
    ["an egress with tags", makePacket({ destination: "198.51.100.2" })],
    ["a neighbor that is not known", makePacket({ destination: "198.51.100.3" })],
    ["more than fits", makePacket({ payloadBytes: 1473 })],
  ])("leaves untouched what has %s", (_, frame, extra, at) => {
    expect(takesShortWay(frame, extra, at)).toBe(false);
  });

  const packet = fc.record({
    destination: fc.constantFrom("198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.77", "10.0.1.1", "203.0.113.1"),
    source: fc.oneof(
      { weight: 9, arbitrary: fc.tuple(...Array.from({ length: 4 }, () => fc.nat(255))).map((bytes) => bytes.join(".")) },
      { weight: 1, arbitrary: fc.constantFrom("10.0.1.1", "10.9.1.1") },
    ),
    protocol: fc.constantFrom(6, 17, 1, 132),
    ttl: fc.nat(255),
    sourcePort: fc.nat(0xffff),
    destinationPort: fc.nat(0xffff),
    fragment: fc.constantFrom(0, 0, 0, 0x4000, 0x2000, 7),
    payloadBytes: fc.constantFrom(0, 20, 21, 1472, 1473),
  });
  const damage = fc.option(fc.tuple(fc.nat(41), fc.nat(255)));

  it.each([
    ["modulo", 0],
    ["threshold", 7],
    ["resilient", 0],
  ])("ends as the general one does, to the byte (%s, turned by %i)", (selector, offset) => {
    const forward = createForwarder(makeOptions(selector, offset));
    const judge = (frame: Uint8Array, at: number) => {
      const batch = place(frame, at);
      forward(batch, 0);
      const { bytes, rows } = batch;
      return { rows: [...rows.subarray(1, ROW_WORDS)], bytes: Buffer.from(bytes.subarray(rows[ROW.offset])).toString("hex") };
    };
    let forwarded = 0;
    fc.assert(
      fc.property(packet, damage, (fields, harm) => {
        const frame = makePacket(fields);
        if (harm) frame[harm[0]] = harm[1];
        const short = judge(frame, ALIGNED);
        const general = judge(frame, ASKEW);
        expect({ ...short, bytes: short.bytes.slice(0, frame.length * 2) }).toEqual({
          ...general,
          bytes: general.bytes.slice(0, frame.length * 2),
        });
        if (short.rows[ROW.verdict - 1] === VERDICT.forward) forwarded++;
      }),
      { numRuns: 2000 },
    );
    expect(forwarded).toBeGreaterThan(100);
  });
});
