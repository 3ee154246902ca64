import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fragmentIpv4 } from "#src/wire/fragment.ts";
import { makePacket } from "../dataplane/packets.ts";
import { slowChecksum } from "../oracle/checksum.ts";

const packetOf = (more: Parameters<typeof makePacket>[0]): Buffer => {
  const packet = makePacket(more).subarray(14);
  for (let i = (packet[0] & 15) * 4; i < packet.length; i++) packet[i] = (i * 7) & 255;
  return packet;
};
const headerLength = (packet: Uint8Array): number => (packet[0] & 15) * 4;
/** Record route (in the first only), router alert (copied), a no-operation, the end. */
const OPTIONS = Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 148, 4, 0, 0, 0);

describe("fragments", () => {
  it("put together by their offsets are the packet, each fits, and each has a right header", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 3000 }),
        fc.integer({ min: 68, max: 1500 }),
        fc.boolean(),
        fc.constantFrom(0, 0x2000, 0x20b9, 0x00b9),
        (payloadBytes, mtu, withOptions, fragment) => {
          const packet = packetOf({ payloadBytes, fragment, ...(withOptions ? { options: OPTIONS } : {}) });
          const pieces = fragmentIpv4(packet, mtu).map((piece) => Buffer.from(piece));
          const start = (fragment & 0x1fff) * 8;
          const whole = Buffer.alloc(packet.length - headerLength(packet));
          let next = start;
          for (const [i, piece] of pieces.entries()) {
            const bits = piece.readUInt16BE(6);
            expect(piece.length).toBeLessThanOrEqual(mtu);
            expect(piece.readUInt16BE(2)).toBe(piece.length);
            expect((bits & 0x1fff) * 8).toBe(next);
            expect(bits & 0xe000).toBe(i < pieces.length - 1 ? 0x2000 : fragment & 0x2000);
            const header = piece.subarray(0, headerLength(piece));
            expect(slowChecksum(header)).toBe(0);
            expect([piece[8], piece[9], piece.readUInt16BE(4)]).toEqual([packet[8], packet[9], packet.readUInt16BE(4)]);
            expect(header.subarray(12, 20).equals(packet.subarray(12, 20))).toBe(true);
            piece.copy(whole, next - start, headerLength(piece));
            next += piece.length - headerLength(piece);
          }
          expect(next - start).toBe(whole.length);
          expect(whole.equals(packet.subarray(headerLength(packet)))).toBe(true);
        },
      ),
    );
  });

  it("have the options that go into every one, and the first has them all", () => {
    const [first, second] = fragmentIpv4(packetOf({ payloadBytes: 1000, options: OPTIONS }), 576).map((piece) =>
      Buffer.from(piece),
    );
    expect(first.subarray(20, 32).equals(Buffer.from(OPTIONS))).toBe(true);
    expect(second.subarray(20, headerLength(second)).toString("hex")).toBe("94040000");
  });

  it("lose options that make no sense", () => {
    for (const bad of [
      Uint8Array.of(148, 0, 0, 0),
      Uint8Array.of(148, 9, 0, 0),
      Uint8Array.of(148, 1, 0, 0),
      Uint8Array.of(1, 1, 1, 148),
    ]) {
      const [, second] = fragmentIpv4(packetOf({ payloadBytes: 1000, options: bad }), 576);
      expect(headerLength(second)).toBe(20);
    }
  });

  it("are none where a link is too small for a header and eight bytes", () => {
    expect(fragmentIpv4(packetOf({ payloadBytes: 100 }), 27)).toEqual([]);
    expect(fragmentIpv4(packetOf({ payloadBytes: 100 }), 28).length).toBe(14);
  });
});
