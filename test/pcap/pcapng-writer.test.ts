import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createPcapngDecoder } from "#src/pcap/pcapng.ts";
import { encodeCaptureHead, encodePacket } from "#src/pcap/pcapng-writer.ts";
import { openRecordTable, RECORD, RECORD_FLAG, RECORD_WORDS } from "#src/pcap/record.ts";

const at = { timeHigh: 0x00064000, timeLow: 0x12345678, direction: 1 };

describe("a capture of our own", () => {
  test("is read back as it was written", () => {
    const packets = fc.array(fc.record({ bytes: fc.uint8Array({ maxLength: 100 }), comment: fc.string({ maxLength: 20 }) }), {
      maxLength: 20,
    });
    fc.assert(
      fc.property(packets, (list) => {
        const written = list.map(({ bytes, comment }) => encodePacket({ ...at, bytes, comment, wireLength: bytes.length + 5 }));
        const file = Buffer.concat([...encodeCaptureHead("port0", "test", 100), ...written]);
        const table = openRecordTable(new Uint32Array(RECORD_WORDS * 32));
        expect(createPcapngDecoder().decode(file, 0, file.length, table)).toMatchObject({
          kind: "more",
          at: file.length,
          wanted: 0,
        });
        const rows = Array.from({ length: table.count }, (_, i) =>
          table.words.subarray(i * RECORD_WORDS, (i + 1) * RECORD_WORDS),
        );
        const read = rows.filter((row) => (row[RECORD.flags] & RECORD_FLAG.header) === 0);
        expect(
          read.map((row) => Uint8Array.from(file.subarray(row[RECORD.offset], row[RECORD.offset] + row[RECORD.length]))),
        ).toEqual(list.map(({ bytes }) => bytes));
        for (const [i, row] of read.entries())
          expect([row[RECORD.timeHigh], row[RECORD.timeLow], row[RECORD.wireLength], row[RECORD.linkType]]).toEqual([
            at.timeHigh,
            at.timeLow,
            list[i].bytes.length + 5,
            1,
          ]);
      }),
    );
  });

  test("is read by tcpdump", () => {
    const folder = mkdtempSync(join(tmpdir(), "ecmp-pcapng-"));
    try {
      const file = join(folder, "a.pcapng");
      const bytes = Uint8Array.from({ length: 61 }, (_, i) => (i === 12 ? 0x88 : i === 13 ? 0xb5 : i));
      writeFileSync(
        file,
        Buffer.concat([
          ...encodeCaptureHead("port0", "test", 100),
          encodePacket({ ...at, bytes, comment: "drop: no-route", wireLength: 61 }),
        ]),
      );
      const { stdout, status } = spawnSync("tcpdump", ["-n", "-tt", "-e", "-r", file], { encoding: "utf8" });
      expect(status).toBe(0);
      const seconds = (at.timeHigh * 2 ** 32 + at.timeLow) / 1e6;
      expect(stdout).toContain(
        `${seconds.toFixed(6)} 06:07:08:09:0a:0b > 00:01:02:03:04:05, ethertype Unknown (0x88b5), length 61`,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
