/** What the classifier says of a packet's fields, against how the packet was made. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { classify } from "#src/dataplane/classify.ts";
import { vlanStack } from "#src/dataplane/vlan.ts";
import { createFields, FIELD } from "#src/ecmp/fields.ts";
import { createBatch, ROW } from "#src/port/batch.ts";
import { makePacket, makePacket6, tagFrame } from "./packets.ts";

const FRAME = 18;
const PORT = { macHigh: 0x0200, macLow: 1, vlans: 0 };

/** The fields as they are after a frame of another packet was there before: nothing of that may be left. */
function fieldsOf(
  frame: Uint8Array,
  { vlans = 0, vlanTci = 0 } = {},
): { code: number; fields: Uint32Array; padded: Uint32Array } {
  const read = (padding: number): { code: number; fields: Uint32Array } => {
    const batch = createBatch(new Uint8Array(4096), 1);
    const fields = createFields().fill(0xffffffff);
    batch.bytes.set(frame, FRAME);
    batch.rows[ROW.offset] = FRAME;
    batch.rows[ROW.length] = batch.rows[ROW.wireLength] = frame.length + padding;
    batch.rows[ROW.vlanTci] = vlanTci;
    return { code: classify(batch.bytes, batch.rows, 0, { ...PORT, vlans }, fields), fields };
  };
  return { ...read(0), padded: read(9).fields };
}

const words = (digits: string): number[] => digits.match(/.{8}/g)?.map((word) => Number.parseInt(word, 16)) ?? [];
const hex = (length: number) =>
  fc
    .array(fc.nat(15), { minLength: length, maxLength: length })
    .map((digits) => digits.map((digit) => digit.toString(16)).join(""));
const unicast = hex(28).map((rest) => `2001${rest}`);

/** Hop-by-hop, routing, destination options: type, and the number of eight-byte units beyond the first. */
const option = fc.record({ type: fc.constantFrom(0, 43, 60), units: fc.nat(3) }).map(({ type, units }) => {
  const body = new Uint8Array(7 + units * 8);
  body[0] = units;
  return { type, body };
});
const fragmentHeader = (offset: number, more: number) => ({
  type: 44,
  body: Uint8Array.of(0, offset >> 5, ((offset & 31) << 3) | more, 1, 2, 3, 4),
});
const fragment = fc.option(fc.record({ offset: fc.constantFrom(0, 1, 185, 8191), more: fc.nat(1) }), { nil: undefined });

describe("the fields of an IPv6 packet", () => {
  it("are those it was made with, whatever extension headers stand in between", () => {
    fc.assert(
      fc.property(
        unicast,
        unicast,
        fc.nat(0xfffff),
        fc.constantFrom(6, 17, 58, 132, 47, 59),
        fc.nat(65535),
        fc.nat(65535),
        fc.array(option, { maxLength: 7 }),
        fragment,
        (source, destination, flowLabel, protocol, sourcePort, destinationPort, options, part) => {
          const extensions = part ? [...options, fragmentHeader(part.offset, part.more)] : options;
          const chain = extensions.reduce((sum, { body }) => sum + body.length + 1, 0);
          const packet = { source, destination, flowLabel, protocol, sourcePort, destinationPort, extensions };
          const { code, fields, padded } = fieldsOf(makePacket6(packet));
          const isLater = part !== undefined && part.offset > 0;
          const isWhole = part === undefined || (part.offset === 0 && part.more === 0);
          const withPorts = isWhole && [6, 17, 132].includes(protocol);
          expect(code).toBe(0);
          expect([...fields.subarray(FIELD.source, FIELD.source + 4)]).toEqual(words(source));
          expect([...fields.subarray(FIELD.destination, FIELD.destination + 4)]).toEqual(words(destination));
          expect({
            family: fields[FIELD.family],
            protocol: fields[FIELD.protocol],
            flowLabel: fields[FIELD.flowLabel],
            vlanId: fields[FIELD.vlanId],
            networkOffset: fields[FIELD.networkOffset],
            transportOffset: fields[FIELD.transportOffset],
            ports: [fields[FIELD.sourcePort], fields[FIELD.destinationPort]],
          }).toEqual({
            family: 6,
            protocol,
            flowLabel,
            vlanId: 0,
            networkOffset: FRAME + 14,
            transportOffset: isLater ? 0 : FRAME + 54 + chain,
            ports: withPorts ? [sourcePort, destinationPort] : [0, 0],
          });
          expect(padded).toEqual(fields);
        },
      ),
    );
  });

  it("end where the walk has to end: a ninth extension header, a chain that leaves the packet", () => {
    const many = Array.from({ length: 9 }, () => ({ type: 60, body: new Uint8Array(7) }));
    const long = [{ type: 60, body: Uint8Array.of(255, 0, 0, 0, 0, 0, 0) }];
    for (const extensions of [many, long]) {
      const { code, fields } = fieldsOf(makePacket6({ extensions, protocol: 17 }));
      expect([code, fields[FIELD.transportOffset], fields[FIELD.sourcePort], fields[FIELD.destinationPort]]).toEqual([
        0, 0, 0, 0,
      ]);
    }
  });
});

describe("the fields of an IPv4 packet", () => {
  it("have nothing left of an IPv6 packet before it", () => {
    const { fields } = fieldsOf(makePacket({ options: Uint8Array.of(1, 1, 1, 1) }));
    expect([FIELD.family, FIELD.flowLabel, FIELD.vlanId].map((field) => fields[field])).toEqual([4, 0, 0]);
    expect([fields[FIELD.networkOffset], fields[FIELD.transportOffset]]).toEqual([FRAME + 14, FRAME + 38]);
  });

  it("have no ports that lie in the padding behind the packet", () => {
    const frame = makePacket({ payloadBytes: 0, protocol: 17 });
    frame.writeUInt16BE(22, 16);
    frame.writeUInt16BE(0, 24);
    let sum = 0;
    for (let i = 14; i < 34; i += 2) sum += frame.readUInt16BE(i);
    frame.writeUInt16BE(~((sum & 0xffff) + (sum >> 16)) & 0xffff, 24);
    const { code, fields } = fieldsOf(frame);
    expect([code, fields[FIELD.sourcePort], fields[FIELD.destinationPort]]).toEqual([0, 0, 0]);
  });
});

describe("the VLAN of a packet", () => {
  it.each([
    [fieldsOf(tagFrame(makePacket(), { id: 100 }), { vlans: 100 }), 100, 22],
    [fieldsOf(makePacket6(), { vlans: 100, vlanTci: 0x8100e064 }), 100, 18],
    [fieldsOf(tagFrame(makePacket6(), { type: 0x88a8, id: 7 }, { id: 100 }), { vlans: vlanStack(7, 100) }), 7, 26],
  ])("is the outermost tag's, and the headers are where they were", ({ code, fields }, vlan, ethernet) => {
    expect([code, fields[FIELD.vlanId], fields[FIELD.networkOffset]]).toEqual([0, vlan, ethernet + 14]);
  });
});
