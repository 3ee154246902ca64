/** The source of traffic itself, or tests and benchmarks would measure its mistakes. */

import { beforeAll, describe, expect, test } from "vitest";
import { loadNative } from "#native";
import { PacketRing } from "#src/port/packet-ring.ts";
import { createCable, inNamespace } from "../common/namespace.ts";
import { collect } from "../common/port.ts";
import { sumOfWords } from "../port/frames.ts";
import { udpTemplate } from "./workers.ts";

await inNamespace(import.meta.url, () => {
  beforeAll(() => createCable("near0", "far0"));

  const ipv6Template = () => {
    const frame = new Uint8Array(75);
    frame.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 21, 17, 64]);
    frame.set([0x20, 0x01, 0x0d, 0xb8], 22);
    frame.set([0x20, 0x01, 0x0d, 0xb8, 0xff], 38);
    frame.set([4, 0, 0, 9, 0, 21], 54);
    frame.fill(0xa5, 62);
    return frame;
  };

  const generate = (frame: Uint8Array, count: number, flows: number, checksum = true, packetsPerSecond = 0) => {
    const ring = new PacketRing({ interface: "far0" });
    const result = loadNative().generate("near0", frame, count, 10, packetsPerSecond, flows, checksum);
    const seen = collect(ring, count, () => {}).map(({ bytes }) => bytes);
    ring.close();
    return { result, seen };
  };

  describe.each([
    ["IPv4", udpTemplate, 34, 26],
    ["IPv6, odd length", ipv6Template, 54, 22],
  ] as const)("generate, %s", (_, template, udp, addresses) => {
    test("numbers the frames, and gives each flow its source port", () => {
      const { seen } = generate(template(), 150, 7);
      const views = seen.map((bytes) => new DataView(bytes.buffer));
      expect(views.map((view) => view.getUint32(udp + 8))).toEqual(Array.from({ length: 150 }, (_, n) => n));
      expect(views.map((view) => view.getUint16(udp))).toEqual(Array.from({ length: 150 }, (_, n) => 1024 + (n % 7)));
    });

    test("writes the right UDP checksum", () => {
      const { seen } = generate(template(), 70, 3);
      for (const bytes of seen) {
        const length = (bytes[udp + 4] << 8) | bytes[udp + 5];
        expect(bytes[udp + 6] | bytes[udp + 7]).not.toBe(0);
        // A sum that takes in the checksum is all ones (RFC 1071).
        expect(sumOfWords([0, 17, length >> 8, length & 255, ...bytes.subarray(addresses)])).toBe(0xffff);
      }
    });
  });

  test("leaves the checksum zero if asked to, and every other byte as it is in the template", () => {
    const { seen } = generate(udpTemplate(), 1, 1, false);
    expect(seen[0]).toEqual(udpTemplate());
  });

  test("keeps the pace", () => {
    const { result } = generate(udpTemplate(), 500, 1, false, 10_000);
    expect(result.sent).toBe(500);
    expect(result.seconds).toBeGreaterThan(0.045);
    expect(result.seconds).toBeLessThan(1);
  });

  test("ends when its time is over", () => {
    const { sent, seconds } = loadNative().generate("near0", udpTemplate(), 1e9, 0.1, 0, 1, false);
    expect(sent).toBeGreaterThan(0);
    expect(seconds).toBeLessThan(1);
  });
});
