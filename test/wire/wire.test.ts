import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ARP_OPERATION, decodeArp, encodeArp } from "#src/wire/arp.ts";
import { checksum, sum16, updateChecksum } from "#src/wire/checksum.ts";
import { readMac, readMacHigh, readMacLow, writeMac } from "#src/wire/ethernet.ts";
import { decrementTtl, readChecksum, readTtl } from "#src/wire/ipv4.ts";
import { slowChecksum } from "../oracle/checksum.ts";

/** RFC 1071 section 3's own example. */
const RFC_1071 = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);

describe("the Internet checksum", () => {
  it("sums as RFC 1071 does", () => {
    expect(sum16(RFC_1071, 0, 8)).toBe(0xddf2);
    expect(checksum(RFC_1071, 0, 8)).toBe(0x220d);
  });

  it("agrees with the slow twin at any offset and length", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(20), (bytes, skip) => {
        const offset = Math.min(skip, bytes.length);
        expect(checksum(bytes, offset, bytes.length - offset)).toBe(slowChecksum(bytes.subarray(offset)));
      }),
    );
  });

  it("is mended by one word as if it were made anew (RFC 1624)", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), fc.nat(9), fc.nat(0xffff), (bytes, word, value) => {
        if (word === 5) return;
        const view = new DataView(bytes.buffer, bytes.byteOffset);
        view.setUint16(10, 0);
        view.setUint16(10, checksum(bytes, 0, 20));
        const before = view.getUint16(word * 2);
        const mended = updateChecksum(view.getUint16(10), before, value);
        view.setUint16(word * 2, value);
        view.setUint16(10, 0);
        // 0x0000 and 0xffff are the same sum; headers are never all zero, so only the latter's twin can differ.
        expect([checksum(bytes, 0, 20), checksum(bytes, 0, 20) ^ 0xffff ? -1 : 0]).toContain(mended);
      }),
    );
  });
});

describe("IPv4 headers", () => {
  it("stay sound when the TTL goes down, for every TTL and checksum", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), fc.integer({ min: 2, max: 255 }), (bytes, ttl) => {
        bytes[0] = 0x45;
        bytes[8] = ttl;
        bytes[10] = bytes[11] = 0;
        const sum = checksum(bytes, 0, 20);
        bytes[10] = sum >>> 8;
        bytes[11] = sum;
        decrementTtl(bytes, 0);
        expect(readTtl(bytes, 0)).toBe(ttl - 1);
        expect(sum16(bytes, 0, 20)).toBe(0xffff);
        expect(readChecksum(bytes, 0)).not.toBe(0xffff);
      }),
    );
  });
});

describe("the TTL's edge", () => {
  it("never leaves 0xffff where a sum made anew is 0x0000", () => {
    const bytes = new Uint8Array(20);
    bytes[8] = 64;
    bytes[10] = 0xfe;
    bytes[11] = 0xff;
    decrementTtl(bytes, 0);
    expect(readChecksum(bytes, 0)).toBe(0);
  });
});

describe("Ethernet and ARP", () => {
  it("writes the MAC it is given and reads it back", () => {
    const bytes = new Uint8Array(8).fill(0xa5);
    writeMac(bytes, 1, 0xfeab, 0xcdef0123);
    expect([...bytes]).toEqual([0xa5, 0xfe, 0xab, 0xcd, 0xef, 0x01, 0x23, 0xa5]);
    expect([readMacHigh(bytes, 1), readMacLow(bytes, 1), readMac(bytes, 1)]).toEqual([0xfeab, 0xcdef0123, 0xfeabcdef0123]);
  });

  const request = {
    operation: ARP_OPERATION.request,
    senderMac: 0x020000000001,
    senderAddress: 0x0a000001,
    targetMac: 0,
    targetAddress: 0x0a00000b,
  };

  it("encodes a request to everyone, and decodes it", () => {
    const frame = encodeArp(request);
    expect(Buffer.from(frame).toString("hex")).toBe(
      "ffffffffffff0200000000010806" + "00010800060400010200000000010a0000010000000000000a00000b",
    );
    expect(decodeArp(frame, 0, frame.length)).toEqual(request);
  });

  it("refuses what is short or of another kind, whatever the bytes", () => {
    const frame = encodeArp({ ...request, targetMac: 0x02000000000b });
    for (let length = 0; length < frame.length; length++) expect(decodeArp(frame, 0, length)).toBeUndefined();
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => void decodeArp(bytes, 0, bytes.length)));
  });
});
