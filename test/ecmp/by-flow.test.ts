/**
 * Which decisions hold for a whole flow: what `isByFlow` says of every profile, selector, hash and field, against the core's own hash of
 * pairs of packets that are of one flow and differ in all that packets of a flow may differ in.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { classify } from "#src/dataplane/classify.ts";
import { createExtractor } from "#src/dataplane/extract.ts";
import { isByFlow } from "#src/ecmp/by-flow.ts";
import { createFields, FIELD } from "#src/ecmp/fields.ts";
import { compileFlowHash, type HashOptions } from "#src/ecmp/flow-hash.ts";
import { HASHES } from "#src/ecmp/hash.ts";
import { expandFieldNames, FIELD_NAMES } from "#src/ecmp/key.ts";
import { PROFILES, type Profile } from "#src/ecmp/profile.ts";
import { SELECTORS } from "#src/ecmp/selector.ts";
import { createBatch, ROW } from "#src/port/batch.ts";
import { makePacket, makePacket6, ROUTER_MAC } from "../dataplane/packets.ts";
import { slowChecksum } from "../oracle/checksum.ts";

const RUNS = 200;
const FRAME = 32;
const INGRESS = 3;
const ICMP = 1;
const ICMP6 = 58;
const PORT = {
  macHigh: Number.parseInt(ROUTER_MAC.slice(0, 4), 16),
  macLow: Number.parseInt(ROUTER_MAC.slice(4), 16),
  vlans: 0,
  linkLocals: new Uint32Array(),
};

const VXLAN_PORT = 4789;
const VXLAN_HEADER = Buffer.from("0800000000002a00", "hex");
/** What a tunnel carries next is no packet of what it carried before. */
const inner = (n: number): Buffer => {
  const packet = { protocol: n % 3 === 0 ? 17 : 6, sourcePort: 1000 + n, destinationPort: 2000 + n, payloadBytes: 4 };
  const last = n.toString(16).padStart(2, "0");
  return n % 2 === 0
    ? makePacket({ ...packet, source: `10.200.0.${n}`, destination: `10.201.0.${n}` })
    : makePacket6({ ...packet, source: `fd${"0".repeat(28)}${last}`, destination: `fe${"0".repeat(28)}${last}`, flowLabel: n });
};
const TUNNELED_BYTES = VXLAN_HEADER.length + inner(1).length;

interface Flow {
  readonly protocol: "TCP" | "UDP" | "VXLAN" | "echo";
  readonly source: readonly number[];
  readonly destination: readonly number[];
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** What packets of one flow may differ in. */
interface Packet {
  readonly trafficClass: number;
  readonly flowLabel: number;
  readonly ttl: number;
  readonly id: number;
  readonly isAlone: boolean;
  readonly length: number;
  readonly payload: number;
  readonly from: number;
  /** Of TCP, of echo. */
  readonly words: readonly number[];
}

const flows = fc.record<Flow>({
  protocol: fc.constantFrom("TCP", "UDP", "VXLAN", "echo"),
  source: fc.array(fc.nat(255), { minLength: 4, maxLength: 4 }),
  destination: fc.array(fc.nat(255), { minLength: 4, maxLength: 4 }),
  sourcePort: fc.nat(0xffff),
  destinationPort: fc.nat(0xffff),
});
const packets = fc.record<Packet>({
  trafficClass: fc.nat(255),
  flowLabel: fc.nat(0xfffff),
  ttl: fc.integer({ min: 2, max: 255 }),
  id: fc.nat(0xffff),
  isAlone: fc.boolean(),
  length: fc.integer({ min: TUNNELED_BYTES, max: 300 }),
  payload: fc.nat(255),
  from: fc.nat(255),
  words: fc.array(fc.nat(0xffff), { minLength: 2, maxLength: 2 }),
});

const PROTOCOL = { TCP: 6, UDP: 17, VXLAN: 17, echo: ICMP } as const;

/** Behind the IP header. */
function writeUpper(frame: Buffer, at: number, { protocol }: Flow, packet: Packet, echoType: number): Buffer {
  frame.fill(packet.payload, at + 8);
  if (protocol === "TCP") {
    frame.writeUInt16BE(packet.words[0], at + 4);
    frame.writeUInt16BE(packet.words[1], at + 6);
  }
  if (protocol !== "echo") frame.writeUInt16BE(frame.length - at, protocol === "TCP" ? at + 8 : at + 4);
  else {
    // Its numbers are no ports.
    frame.set([echoType, 0], at);
    frame.writeUInt16BE(packet.words[0], at + 4);
    frame.writeUInt16BE(packet.words[1], at + 6);
  }
  if (protocol === "VXLAN") Buffer.concat([VXLAN_HEADER, inner(packet.payload)]).copy(frame, at + 8);
  return frame;
}

const macOf = (last: number): string => `0200000000${last.toString(16).padStart(2, "0")}`;

function makeFrame4(flow: Flow, packet: Packet): Buffer {
  const frame = makePacket({
    from: macOf(packet.from),
    source: `10.${flow.source.slice(1).join(".")}`,
    destination: `198.${flow.destination.slice(1).join(".")}`,
    protocol: PROTOCOL[flow.protocol],
    ttl: packet.ttl,
    fragment: packet.isAlone ? 0x4000 : 0,
    sourcePort: flow.sourcePort,
    destinationPort: flow.protocol === "VXLAN" ? VXLAN_PORT : flow.destinationPort,
    payloadBytes: packet.length,
  });
  frame[15] = packet.trafficClass;
  frame.writeUInt16BE(packet.id, 18);
  frame.writeUInt16BE(0, 24);
  frame.writeUInt16BE(slowChecksum(frame.subarray(14, 34)), 24);
  return writeUpper(frame, 34, flow, packet, 8);
}

function makeFrame6(flow: Flow, packet: Packet): Buffer {
  const address = (bytes: readonly number[]) => `20010db8${Buffer.from([...bytes, ...bytes, ...bytes]).toString("hex")}`;
  const frame = makePacket6({
    from: macOf(packet.from),
    source: address(flow.source),
    destination: address(flow.destination),
    protocol: flow.protocol === "echo" ? ICMP6 : PROTOCOL[flow.protocol],
    hopLimit: packet.ttl,
    flowLabel: packet.flowLabel + packet.trafficClass * 2 ** 20,
    sourcePort: flow.sourcePort,
    destinationPort: flow.protocol === "VXLAN" ? VXLAN_PORT : flow.destinationPort,
    payloadBytes: packet.length,
  });
  return writeUpper(frame, 54, flow, packet, 128);
}

/** As the forwarding core hashes a frame. */
function coreHash(hash: HashOptions, selector: string): (frame: Uint8Array) => number {
  const { hashFields, hashPacket } = compileFlowHash(hash, SELECTORS[selector].hashBits);
  const extract = hashPacket ? undefined : createExtractor(hash);
  const fields = createFields();
  return (frame) => {
    const { bytes, rows } = createBatch(new Uint8Array(FRAME + frame.length + 8), 1);
    bytes.set(frame, FRAME);
    rows[ROW.offset] = FRAME;
    rows[ROW.length] = rows[ROW.wireLength] = frame.length;
    expect(classify(bytes, rows, 0, PORT, fields)).toBe(0);
    extract?.(bytes, FRAME, INGRESS, fields);
    return hashPacket ? hashPacket(bytes, fields[FIELD.networkOffset], bytes.length) : hashFields(fields);
  };
}

const FAMILIES = { ipv4: makeFrame4, ipv6: makeFrame6 } as const;
type FamilyName = keyof typeof FAMILIES;

/** Two packets of a flow that hash differently, if there are any among those that are tried. */
function findDifference(hash: HashOptions, selector: string, family: FamilyName): unknown {
  const compute = coreHash(hash, selector);
  const makeFrame = FAMILIES[family];
  const pairs = fc.sample(fc.tuple(flows, packets, packets), RUNS);
  return pairs.find(([flow, one, other]) => compute(makeFrame(flow, one)) !== compute(makeFrame(flow, other)));
}

function expectTrue(hash: HashOptions, selector: string): void {
  const said = isByFlow(hash, selector);
  for (const family of ["ipv4", "ipv6"] as const) {
    const difference = findDifference(hash, selector, family);
    if (said[family]) expect(difference, `${family} of one flow`).toBeUndefined();
    // With timers a flow goes elsewhere while it rests, whatever its hash.
    else if (!SELECTORS[selector].timed && !hash.fields.includes(ALWAYS_OURS))
      expect(difference, `${family}: refused for nothing`).toBeDefined();
  }
}

const HASH: HashOptions = { algorithm: "xxh32", fields: expandFieldNames(["5-tuple"]), seed: 42 };
/** The port's own: the same in all frames that are for us, and refused as what belongs to a link. */
const ALWAYS_OURS = "destination-mac";

/** As configurations make it of a profile. */
function hashOf({ hash, fragments, icmpErrors }: Profile): HashOptions {
  const { algorithm, fields, symmetric, offset, policy, mask } = hash;
  const linux = policy === undefined ? {} : { linux: { policy, fields: mask } };
  return { algorithm, fields, seed: hash.seed === "given" ? 42 : 0, symmetric, offset, fragments, icmpErrors, ...linux };
}

describe("a decision holds for all packets of a flow, or is said not to", () => {
  it.each([...PROFILES.values()])("profile $name", (profile) => {
    expectTrue(hashOf(profile), profile.selector.name);
  });

  it.each(Object.keys(SELECTORS))("selector %s", (selector) => {
    expectTrue(HASH, selector);
    const isCarried = !SELECTORS[selector].timed;
    expect(isByFlow(HASH, selector)).toEqual({ ipv4: isCarried, ipv6: isCarried });
  });

  it.each(Object.keys(HASHES))("hash %s", (algorithm) => {
    expectTrue({ ...HASH, algorithm }, "modulo");
    expect(isByFlow({ ...HASH, algorithm }, "modulo").ipv4).toBe(!HASHES[algorithm].perPacket);
  });

  it.each(FIELD_NAMES)("field %s", (name) => {
    expectTrue({ ...HASH, fields: [name] }, "modulo");
    // Constant where there is nothing of it, it says nothing against IPv4.
    expectTrue({ ...HASH, fields: ["source-address", name === "source-address" ? "protocol" : name] }, "modulo");
  });

  it.each(["address-only", "first-with-ports", "payload-as-ports", "dropped"] as const)("fragments %s", (fragments) => {
    expectTrue({ ...HASH, fragments }, "modulo");
  });

  it.each(["outer", "quoted", "quoted-addresses"] as const)("ICMP errors %s", (icmpErrors) => {
    expectTrue({ ...HASH, icmpErrors }, "modulo");
  });

  it.each([0, 1, 2, 3] as const)("Linux' policy %i, and each of its fields", (policy) => {
    const linux = { ...HASH, algorithm: "linux" };
    for (let bit = 0; bit < (policy === 3 ? 12 : 1); bit++)
      expectTrue({ ...linux, linux: { policy, ...(policy === 3 && { fields: 1 << bit }) } }, "linux-threshold");
    expectTrue({ ...linux, linux: { policy } }, "linux-threshold");
  });

  it("Linux' policy 1 by the draws of sockets", () => {
    expectTrue({ ...HASH, algorithm: "linux", linux: { policy: 1, socketHash: 7 } }, "linux-threshold");
  });
});
