import { expect, test } from "vitest";
import { createDecoder } from "#src/pcap/decoder.ts";
import { createPacketTime } from "#src/pcap/packet-time.ts";
import { openRecordTable, RECORD, RECORD_FLAG, RECORD_WORDS } from "#src/pcap/record.ts";
import { makePcap, makePcapng } from "./captures.ts";

/** The seconds of each packet of a file. */
function timesOf(file: Buffer): (number | undefined)[] {
  const decoder = createDecoder(file);
  if (!decoder) throw new Error("no capture");
  const table = openRecordTable(new Uint32Array(64 * RECORD_WORDS));
  const bytes = new Uint8Array(file);
  decoder.decode(bytes, 0, bytes.length, table);
  const timeOf = createPacketTime(decoder.format);
  const seconds = Array.from({ length: table.count }, (_, i) => timeOf(bytes, table.words, i * RECORD_WORDS));
  return seconds.filter((_, i) => (table.words[i * RECORD_WORDS + RECORD.flags] & RECORD_FLAG.header) === 0);
}

const bytes = Buffer.alloc(20);
const units = (count: number) => ({ bytes, timeHigh: Math.floor(count / 2 ** 32), timeLow: count % 2 ** 32 });
/** if_tsresol behind another option, and the end of options. */
const resolution = (value: number): Buffer =>
  Buffer.from([2, 0, 5, 0, ...Buffer.from("eth00\0\0\0"), 9, 0, 1, 0, value, 0, 0, 0, 0, 0, 0, 0]);
const resolutionBig = (value: number): Buffer => Buffer.from([0, 9, 0, 1, value, 0, 0, 0, 0, 0, 0, 0]);

test.each([
  ["pcap, microseconds", makePcap([{ bytes, timeHigh: 1_700_000_000, timeLow: 250_000 }]), [1_700_000_000.25]],
  [
    "pcap, nanoseconds, big endian",
    makePcap([{ bytes, timeHigh: 5, timeLow: 500_000_000 }], { nanoseconds: true, bigEndian: true }),
    [5.5],
  ],
  ["pcapng, microseconds unless it says otherwise", makePcapng([units(1_700_000_000_500_000)]), [1_700_000_000.5]],
  ["pcapng, nanoseconds", makePcapng([units(1_500_000_000)], { interfaceOptions: resolution(9) }), [1.5]],
  ["pcapng, big endian", makePcapng([units(1500)], { interfaceOptions: resolutionBig(3), bigEndian: true }), [1.5]],
  ["pcapng, a power of two", makePcapng([units(3 * 512)], { interfaceOptions: resolution(0x80 | 10) }), [1.5]],
  ["pcapng, simple packets have none", makePcapng([{ bytes, block: "simple" }, units(2_000_000)]), [undefined, 2]],
  [
    "pcapng, by interface, and anew in each section",
    Buffer.concat([
      makePcapng([units(3000)], { interfaceOptions: resolution(3) }),
      makePcapng([{ ...units(2_000_000), interface: 1 }], { linkTypes: [1, 1] }),
    ]),
    [3, 2],
  ],
  [
    "pcapng, options that end before they say",
    makePcapng([units(1_000_000)], { interfaceOptions: Buffer.from([9, 0, 1, 0]) }),
    [1],
  ],
])("%s", (_, file, seconds) => {
  expect(timesOf(file)).toEqual(seconds);
});
