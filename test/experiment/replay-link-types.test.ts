/** Captures of other links than Ethernet: their packets become frames, and nothing else changes. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { makePcap, makePcapng, type TestRecord } from "../pcap/captures.ts";
import { directory, frame, mixture, replay } from "./replaying.ts";

/** The bytes behind the Ethernet header. */
const ipOf = (bytes: Buffer): Buffer => bytes.subarray(14);

describe("link types", () => {
  const packets = mixture(400, 3).filter(({ to }) => to !== "ffffffffffff");
  const cooked = (ip: Buffer, packetType: number): Buffer => {
    const header = Buffer.from("0000000100060200000000c100000800", "hex");
    header.writeUInt16BE(packetType);
    return Buffer.concat([header, ip]);
  };
  const cooked2 = (ip: Buffer, packetType: number): Buffer => {
    const header = Buffer.from("080000000000000500010006" + "0200000000c10000", "hex");
    header[10] = packetType;
    return Buffer.concat([header, ip]);
  };
  const forms: readonly [string, number, (ip: Buffer) => Buffer][] = [
    ["raw", 101, (ip) => ip],
    ["raw as Linux had it", 12, (ip) => ip],
    ["IPv4", 228, (ip) => ip],
    ["Linux cooked", 113, (ip) => cooked(ip, 0)],
    ["Linux cooked, version 2", 276, (ip) => cooked2(ip, 4)],
  ];

  it.each(forms)(
    "%s packets get an Ethernet header, and the same answer, and the same captures, as Ethernet frames",
    async (name, linkType, form) => {
      const frames = packets.map((packet): TestRecord => ({ bytes: frame(packet) }));
      const records = packets.map((packet): TestRecord => ({ bytes: form(ipOf(frame(packet))) }));
      const makers = [
        makePcap,
        (list: readonly TestRecord[], { linkType }: { linkType: number }) => makePcapng(list, { linkTypes: [linkType] }),
      ];
      for (const [i, make] of makers.entries()) {
        const ethernet = join(directory, `ethernet-${name}-${i}`);
        const other = join(directory, `other-${name}-${i}`);
        const { report } = await replay(make(frames, { linkType: 1 }), { directory: ethernet });
        expect(report.forwarded).toBeGreaterThan(100);
        expect((await replay(make(records, { linkType }), { directory: other })).report).toEqual(report);
        for (const file of readdirSync(ethernet))
          expect(readFileSync(join(other, file)).equals(readFileSync(join(ethernet, file)))).toBe(true);
      }
    },
  );

  it("puts a header before simple packets, too, though theirs is shorter than Ethernet's", async () => {
    // More than a window, so that one begins with such a packet.
    const many = Array.from({ length: 80 }, () => packets).flat();
    const records = many.map((packet): TestRecord => ({ bytes: ipOf(frame(packet)), block: "simple" }));
    const plain = makePcap(many.map((packet) => ({ bytes: frame(packet) })));
    expect((await replay(makePcapng(records, { linkTypes: [101] }))).report).toEqual((await replay(plain)).report);
  });

  it("keeps broadcasts apart in cooked captures, and takes no broken header for a packet", async () => {
    const ip = ipOf(frame());
    const file = makePcapng(
      [
        { bytes: cooked(ip, 1) },
        { bytes: cooked2(ip, 2), interface: 1 },
        { bytes: cooked(ip, 0).subarray(0, 9) },
        { bytes: cooked2(ip, 0).subarray(0, 19), interface: 1 },
        { bytes: Buffer.alloc(0), interface: 2 },
        { bytes: Buffer.alloc(40, 0x60), interface: 2 },
        { bytes: Buffer.alloc(40, 0x20), interface: 2 },
      ],
      { linkTypes: [113, 276, 101] },
    );
    const { report } = await replay(file);
    const dropped = { "group-mac": 2, truncated: 2, "unknown-ethertype": 2, "ip-header": 1 };
    expect(report).toMatchObject({ packets: 7, punted: 0, dropped });
  });
});
