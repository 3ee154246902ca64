import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { RECORD, RECORD_FLAG, RECORD_WORDS } from "#src/pcap/record.ts";
import { CaptureReader, createWindow, WINDOW_BYTES, WINDOW_HEADROOM } from "#src/port/capture-reader.ts";
import { makeBlock, makePcap, makePcapng } from "../pcap/captures.ts";

const directory = mkdtempSync(join(tmpdir(), "ecmp-capture-"));
afterAll(() => rmSync(directory, { recursive: true }));

let files = 0;
function save(bytes: Uint8Array): string {
  const path = join(directory, `${++files}.cap`);
  writeFileSync(path, bytes);
  return path;
}

/** All packets, in hex, and how the file ended. */
function readAll(path: string, rows?: number) {
  const reader = new CaptureReader(path);
  const window = createWindow(WINDOW_BYTES, rows);
  const packets: string[] = [];
  let windows = 0;
  while (reader.read(window)) {
    windows++;
    const { words, count } = window.table;
    for (let row = 0; row < count * RECORD_WORDS; row += RECORD_WORDS) {
      const start = words[row + RECORD.offset];
      expect(start).toBeGreaterThanOrEqual(WINDOW_HEADROOM);
      if (words[row + RECORD.flags] & RECORD_FLAG.header) continue;
      packets.push(Buffer.from(window.bytes.subarray(start, start + words[row + RECORD.length])).toString("hex"));
    }
  }
  reader.close();
  return { packets, windows, fault: reader.fault, readBytes: reader.readBytes };
}

const numbered = (count: number, length: number) =>
  Array.from({ length: count }, (_, i) => {
    const bytes = Buffer.alloc(length, i);
    bytes.writeUInt32BE(i);
    return { bytes };
  });
const hexOf = (packets: readonly { bytes: Buffer }[]): string[] => packets.map(({ bytes }) => bytes.toString("hex"));

describe("a capture reader", () => {
  it("hands out every packet once, over windows that end in the middle of records", () => {
    const packets = numbered(4000, 1501);
    for (const file of [makePcap(packets), makePcapng(packets)]) {
      const { packets: found, windows, fault, readBytes } = readAll(save(file));
      expect(windows).toBeGreaterThan(2);
      expect(fault).toBeUndefined();
      expect(readBytes).toBe(file.length);
      expect(found).toEqual(hexOf(packets));
    }
  });

  it("hands out every packet once where the rows are what a window runs out of", () => {
    const packets = numbered(20, 30);
    expect(readAll(save(makePcapng(packets)), 7)).toMatchObject({ packets: hexOf(packets), windows: 4, fault: undefined });
  });

  it("steps over a block that is longer than a window", () => {
    const packets = numbered(2, 40);
    const long = makeBlock(0x0bad, Buffer.alloc(2 * WINDOW_BYTES + 12));
    expect(readAll(save(Buffer.concat([makePcapng(packets), long, makePcapng(packets)])))).toMatchObject({
      packets: [...hexOf(packets), ...hexOf(packets)],
      fault: undefined,
    });
  });

  it("names the offset where a file ends too early, wherever that is, and hands out what comes before", () => {
    const packets = numbered(3, 20);
    for (const { file, header, record } of [
      { file: makePcap(packets), header: 24, record: 36 },
      { file: makePcapng(packets), header: 48, record: 52 },
    ]) {
      for (let length = header + 1; length < file.length; length++) {
        const whole = Math.floor((length - header) / record);
        const { packets: found, fault } = readAll(save(file.subarray(0, length)));
        expect(found).toEqual(hexOf(packets.slice(0, whole)));
        const start = header + whole * record;
        expect(fault?.offset).toBe(length === start ? undefined : start);
        if (length > start) expect(fault?.problem).toMatch(new RegExp(`but the file ends after ${length - start}$`));
      }
    }
  });

  it("names damage by its offset in the file, not in the window", () => {
    const file = makePcap(numbered(4000, 1501));
    const damaged = 24 + 3000 * 1517;
    file.writeUInt32LE(0x7fffffff, damaged + 8);
    const { packets, fault } = readAll(save(file));
    expect(packets).toHaveLength(3000);
    expect(fault).toEqual({ offset: damaged + 8, problem: "packet of 2147483647 bytes, wanted at most 262144" });
  });

  it("refuses what is no capture", () => {
    expect(() => new CaptureReader(save(Buffer.from("routes: []")))).toThrow(
      "offset 0: the file begins with 726f7574, wanted the magic number of a pcap or pcapng file",
    );
    expect(() => new CaptureReader(save(Buffer.alloc(0)))).toThrow("wanted the magic number");
    expect(() => new CaptureReader(join(directory, "none"))).toThrow("ENOENT");
  });
});
