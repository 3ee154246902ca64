/** Where the transport header is, of packets as they should be and of any bytes at all. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findInner } from "#src/wire/tunnels.ts";
import { createUpper, isIpHeader, readUpperLayer } from "#src/wire/upper-layer.ts";

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ""), "hex");
const IPV6 = (next: string) => `60000000 0000 ${next} 40 ${"00".repeat(32)}`;
const HOP = (next: string, length = "00") => `${next} ${length} 01 04 00 00 00 00`;

/** Protocol, offset, fragment. */
const upperOf = (text: string): number[] => {
  const upper = createUpper();
  const bytes = hex(text);
  readUpperLayer(bytes, 0, bytes.length, upper);
  return [...upper];
};

describe("the header above IP", () => {
  it.each<[string, string, number[]]>([
    ["IPv4", `45000014 0000 0000 40 06 0000 ${"00".repeat(8)}`, [6, 20, 0]],
    ["IPv4 with options", `46000018 0000 0000 40 06 0000 ${"00".repeat(12)}`, [6, 24, 0]],
    ["IPv4, first fragment", `45000014 0000 2000 40 06 0000 ${"00".repeat(8)}`, [6, 20, 1]],
    ["IPv4, later fragment", `45000014 0000 2001 40 06 0000 ${"00".repeat(8)}`, [6, 0, 2]],
    ["IPv4, last fragment", `45000014 0000 0001 40 06 0000 ${"00".repeat(8)}`, [6, 0, 2]],
    ["IPv4, do not fragment", `45000014 0000 4000 40 06 0000 ${"00".repeat(8)}`, [6, 20, 0]],
    ["IPv4, header cut short", `4f00003c 0000 0000 40 06 0000 ${"00".repeat(8)}`, [6, 0, 0]],
    ["IPv6", IPV6("06"), [6, 40, 0]],
    ["IPv6 with nothing above", IPV6("3b"), [59, 40, 0]],
    [
      "IPv6, hop by hop, routing, options",
      `${IPV6("00")} ${HOP("2b")} ${HOP("3c")} ${HOP("11", "01")} ${"00".repeat(8)}`,
      [17, 72, 0],
    ],
    ["IPv6, first fragment", `${IPV6("2c")} 11 00 0001 00000007`, [17, 48, 1]],
    ["IPv6, later fragment", `${IPV6("2c")} 11 00 0009 00000007`, [17, 0, 2]],
    ["IPv6, last fragment", `${IPV6("2c")} 11 00 0008 00000007`, [17, 0, 2]],
    ["IPv6, atomic fragment", `${IPV6("2c")} 11 00 0000 00000007`, [17, 48, 0]],
    ["IPv6, options behind the fragment header", `${IPV6("2c")} 3c 00 0001 00000007 ${HOP("11")}`, [17, 56, 1]],
    ["IPv6, extension header cut short", `${IPV6("00")} 11 00 01 04`, [0, 0, 0]],
    ["IPv6, extension header longer than the packet", `${IPV6("00")} ${HOP("11", "02")}`, [17, 0, 0]],
    ["IPv6, eight extension headers", `${IPV6("3c")} ${HOP("3c").repeat(7)} ${HOP("11")}`, [17, 104, 0]],
    ["IPv6, nine extension headers", `${IPV6("3c")} ${HOP("3c").repeat(8)} ${HOP("11")}`, [60, 0, 0]],
  ])("of %s", (_, packet, wanted) => {
    expect(upperOf(packet)).toEqual(wanted);
  });

  it("lies within the packet, and so does what is in a tunnel, whatever the bytes", () => {
    const upper = createUpper();
    const likely = fc.constantFrom(0, 4, 6, 17, 41, 43, 44, 47, 60, 137, 0x45, 0x60, 0x81, 0x88, 0x12, 0xb5);
    const byte = fc.oneof(likely, fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(fc.array(byte, { minLength: 20, maxLength: 160 }), fc.constantFrom(0x45, 0x4f, 0x60), (rest, head) => {
        const bytes = Uint8Array.from([head, ...rest]);
        const end = bytes.length;
        if (!isIpHeader(bytes, 0, end)) return;
        readUpperLayer(bytes, 0, end, upper);
        const [protocol, offset] = upper;
        expect(offset === 0 || (offset >= 20 && offset <= end)).toBe(true);
        if (offset === 0) return;
        const inner = findInner(bytes, protocol, offset, end);
        expect(inner === -1 || (inner >= offset && isIpHeader(bytes, inner, end))).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});
