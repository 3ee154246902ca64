import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeNeighborMessage, encodeSolicitation } from "#src/wire/neighbor-discovery.ts";
import { changeIcmp6, mendIcmp6 } from "./icmp6-frames.ts";

const TARGET = "20010db800000000000000000000000b";
const solicitation = () =>
  Buffer.from(encodeSolicitation({ sourceMac: 0x020000000001, source: "20010db8000000000000000000000001", target: TARGET }));

const changed = (changes: Record<number, number>): Buffer => changeIcmp6(solicitation(), changes);

describe("neighbor messages", () => {
  it("have the checksum that the slow twin computes, and are read back", () => {
    const frame = solicitation();
    expect(mendIcmp6(Buffer.from(frame)).equals(frame)).toBe(true);
    expect(decodeNeighborMessage(frame, 0, frame.length)).toMatchObject({ kind: "solicitation", target: TARGET });
  });

  it.each<[string, Buffer]>([
    ["one that came through a router", changed({ 21: 254 })],
    ["a code", changed({ 55: 1 })],
    ["a group as target", changed({ 62: 0xff })],
    ["an option without length", changed({ 79: 0 })],
    ["an option that leaves the packet", changed({ 79: 2 })],
    ["a sender without address that names a MAC", changed(Object.fromEntries(Array.from({ length: 16 }, (_, i) => [22 + i, 0])))],
    ["a solicited answer to a group", changed({ 54: 136, 58: 0x40 })],
    ["another type", changed({ 54: 133 })],
    ["a wrong checksum", solicitation().fill(1, 56, 57)],
    ["a packet longer than its frame", changed({ 19: 200 })],
  ])("are not believed: %s", (_, frame) => {
    expect(decodeNeighborMessage(frame, 0, frame.length)).toBeUndefined();
  });

  it("may be anything at all", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(85), fc.nat(255)), { maxLength: 4 }), fc.nat(86), (changes, length) => {
        const frame = changed(Object.fromEntries(changes));
        const message = decodeNeighborMessage(frame, 0, length);
        expect(message === undefined || length === 86).toBe(true);
      }),
    );
  });
});
