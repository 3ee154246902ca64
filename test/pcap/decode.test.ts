import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDecoder } from "#src/pcap/decoder.ts";
import { openRecordTable, RECORD, RECORD_FLAG, RECORD_WORDS, type RecordTable } from "#src/pcap/record.ts";
import type { Answer } from "#src/pcap/stretch.ts";
import { makeBlock, makePcap, makePcapng, type TestRecord } from "./captures.ts";

const ROWS = 64;
const newTable = (rows = ROWS): RecordTable => openRecordTable(new Uint32Array(rows * RECORD_WORDS));

/** The packets of a table as the writer was told them. */
function packetsOf(bytes: Uint8Array, { words, count }: RecordTable) {
  const rows = Array.from({ length: count }, (_, i) => words.subarray(i * RECORD_WORDS, (i + 1) * RECORD_WORDS));
  return rows
    .filter((row) => (row[RECORD.flags] & RECORD_FLAG.header) === 0)
    .map((row) => ({
      bytes: Buffer.from(bytes.subarray(row[RECORD.offset], row[RECORD.offset] + row[RECORD.length])).toString("hex"),
      wireLength: row[RECORD.wireLength],
      linkType: row[RECORD.linkType],
      interface: row[RECORD.interface],
      timeHigh: row[RECORD.timeHigh],
      timeLow: row[RECORD.timeLow],
    }));
}

function decodeAll(file: Uint8Array, table = newTable()): { answer: Answer; table: RecordTable } {
  const decoder = createDecoder(file.subarray(0, 4));
  if (!decoder) throw new Error("no decoder");
  return { answer: decoder.decode(file, 0, file.length, table), table };
}

const word = fc.nat(0xffffffff);
const record = fc.record({
  bytes: fc.uint8Array({ maxLength: 90 }),
  cut: fc.nat(2000),
  timeHigh: word,
  timeLow: word,
  interface: fc.nat(2),
});
const records = fc.array(record, { maxLength: 20 });
const LINK_TYPES = [1, 101, 276];

const wanted = (list: readonly { bytes: Uint8Array; cut: number; timeHigh: number; timeLow: number; interface: number }[]) =>
  list.map(({ bytes, cut, ...rest }) => ({ ...rest, bytes: Buffer.from(bytes).toString("hex"), wireLength: bytes.length + cut }));
const written = (list: readonly { bytes: Uint8Array; cut: number }[]): TestRecord[] =>
  list.map(({ cut, ...rest }) => ({ ...rest, wireLength: rest.bytes.length + cut }));

describe("the decoder", () => {
  it("reads back what a pcap file was written with, in both byte orders and resolutions", () => {
    fc.assert(
      fc.property(records, fc.boolean(), fc.boolean(), fc.constantFrom(1, 101, 113), (list, bigEndian, nanoseconds, linkType) => {
        const file = makePcap(written(list), { bigEndian, nanoseconds, linkType });
        const { answer, table } = decodeAll(file);
        expect(answer).toMatchObject({ kind: "more", at: file.length, wanted: 0 });
        expect(packetsOf(file, table)).toEqual(wanted(list).map((packet) => ({ ...packet, linkType, interface: 0 })));
      }),
    );
  });

  it("reads back what a pcapng file was written with, interface by interface, over sections of both byte orders", () => {
    fc.assert(
      fc.property(records, records, fc.boolean(), (first, second, bigEndian) => {
        const file = Buffer.concat([
          makePcapng(written(first), { bigEndian, linkTypes: LINK_TYPES }),
          makePcapng(written(second), { bigEndian: !bigEndian, linkTypes: [...LINK_TYPES].reverse() }),
        ]);
        const { answer, table } = decodeAll(file);
        expect(answer).toMatchObject({ kind: "more", at: file.length, wanted: 0 });
        expect(packetsOf(file, table)).toEqual([
          ...wanted(first).map((packet) => ({ ...packet, linkType: LINK_TYPES[packet.interface] })),
          ...wanted(second).map((packet) => ({ ...packet, linkType: LINK_TYPES[2 - packet.interface] })),
        ]);
      }),
    );
  });

  it("finds the same rows wherever the stretches end", () => {
    const packets = [1, 2, 3].map((length) => ({ bytes: Buffer.alloc(length * 7, length) }));
    const stepped = makeBlock(0x0bad, Buffer.alloc(50));
    for (const file of [
      makePcap(packets),
      Buffer.concat([makePcapng(packets), stepped, makePcapng(packets, { bigEndian: true })]),
    ]) {
      const whole = packetsOf(file, decodeAll(file).table);
      expect(whole.length).toBeGreaterThanOrEqual(3);
      for (let cut = 4; cut < file.length; cut++) {
        const decoder = createDecoder(file.subarray(0, 4));
        const table = newTable();
        const first = decoder?.decode(file, 0, cut, table) as Answer;
        expect(first.kind).toBe("more");
        const last = decoder?.decode(file, first.at, file.length, table) as Answer;
        expect(last).toMatchObject({ kind: "more", at: file.length, wanted: 0 });
        expect(packetsOf(file, table)).toEqual(whole);
      }
    }
  });

  it("stops when the table is full, and goes on from there", () => {
    const packets = Array.from({ length: 10 }, (_, i) => ({ bytes: Buffer.alloc(i, i) }));
    for (const file of [makePcap(packets), makePcapng(packets)]) {
      const decoder = createDecoder(file.subarray(0, 4));
      const found: unknown[] = [];
      let at = 0;
      for (let kind = ""; kind !== "more"; ) {
        const table = newTable(3);
        const answer = decoder?.decode(file, at, file.length, table) as Answer;
        ({ at, kind } = answer);
        found.push(...packetsOf(file, table));
      }
      expect(found).toEqual(packetsOf(file, decodeAll(file).table));
    }
  });

  it("reads simple and obsolete packet blocks", () => {
    const cut = { bytes: Buffer.alloc(20, 7), wireLength: 90, block: "simple" } as const;
    const old = { bytes: Buffer.from("abc"), interface: 1, timeLow: 9, block: "obsolete" } as const;
    const file = makePcapng([cut, old], { linkTypes: [1, 101], snapLength: 20 });
    expect(packetsOf(file, decodeAll(file).table)).toMatchObject([
      { bytes: "07".repeat(20), wireLength: 90, linkType: 1, timeHigh: 0, timeLow: 0 },
      { bytes: "616263", wireLength: 3, linkType: 101, interface: 1, timeLow: 9 },
    ]);
  });

  it("knows no file by another magic number", () => {
    for (const magic of ["00000000", "1f8b0808", "a1b2cd34", "a1b2"]) {
      expect(createDecoder(Buffer.from(magic, "hex"))).toBeUndefined();
    }
  });
});

describe("damage is named by its place", () => {
  const packet = { bytes: Buffer.alloc(60) };
  const withWord = (file: Buffer, at: number, value: number): Buffer => {
    const copy = Buffer.from(file);
    copy.writeUInt32LE(value, at);
    return copy;
  };
  const pcap = makePcap([packet, packet]);
  const pcapng = makePcapng([packet, packet]);
  /** Where the second packet's record begins. */
  const second = { pcap: 24 + 76, pcapng: 28 + 20 + 92 };
  const rows: readonly [string, Buffer, number, string, number][] = [
    ["an impossible version", withWord(pcap, 4, 9), 4, "format version 9, wanted 2", 0],
    [
      "an impossible length",
      withWord(pcap, second.pcap + 8, 1e9),
      second.pcap + 8,
      "packet of 1000000000 bytes, wanted at most 262144",
      1,
    ],
    [
      "a packet longer than its block",
      withWord(pcapng, second.pcapng + 20, 61),
      second.pcapng,
      "packet of 61 bytes, wanted at most 60",
      1,
    ],
    [
      "more bytes than the packet had",
      withWord(pcap, second.pcap + 12, 10),
      second.pcap + 12,
      "packet of 60 bytes, wanted at most the 10 that it says it had on the wire",
      1,
    ],
    [
      "more bytes than the packet had, in a block",
      withWord(pcapng, second.pcapng + 24, 59),
      second.pcapng + 24,
      "packet of 60 bytes, wanted at most the 59 that it says it had on the wire",
      1,
    ],
    [
      "an interface that is not there",
      withWord(pcapng, second.pcapng + 8, 7),
      second.pcapng,
      "packet of interface 7, but 1 are declared",
      1,
    ],
    [
      "a block length that is no multiple of 4",
      withWord(pcapng, second.pcapng + 4, 91),
      second.pcapng + 4,
      "block length 91, wanted a multiple of 4 from 32 to 524288",
      1,
    ],
    [
      "two lengths that differ",
      withWord(pcapng, second.pcapng + 88, 96),
      second.pcapng + 88,
      "block ends with length 96, but began with 92",
      1,
    ],
    ["a section without byte order", withWord(pcapng, 8, 0), 8, "no byte-order magic in a section header", 0],
    ["a section of another version", withWord(pcapng, 12, 2), 12, "format version 2, wanted 1", 0],
    [
      "a stepped-over block that ends otherwise",
      withWord(Buffer.concat([pcapng, makeBlock(99, Buffer.alloc(8))]), pcapng.length + 16, 24),
      pcapng.length + 16,
      "block ends with length 24, but began with 20",
      2,
    ],
  ];
  it.each(rows)("%s", (_, file, at, problem, packets) => {
    const { answer, table } = decodeAll(file);
    expect(answer).toEqual({ kind: "wrong", at, problem });
    expect(packetsOf(file, table)).toHaveLength(packets);
  });
});

describe("the decoder is total", () => {
  const templates = [
    makePcap([{ bytes: Buffer.alloc(60) }, { bytes: Buffer.alloc(5) }]),
    makePcapng([
      { bytes: Buffer.alloc(60) },
      { bytes: Buffer.alloc(5), block: "simple" },
      { bytes: Buffer.alloc(3), block: "obsolete" },
    ]),
    makePcapng([{ bytes: Buffer.alloc(9) }], { bigEndian: true }),
  ];
  it("over any bytes behind any magic number: it answers, inside the stretch, with rows inside the stretch", () => {
    const mutation = fc.record({ at: fc.nat(400), bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }) });
    fc.assert(
      fc.property(
        fc.constantFrom(...templates),
        fc.array(mutation, { maxLength: 6 }),
        fc.nat(400),
        (template, mutations, length) => {
          const file = Buffer.from(template);
          for (const { at, bytes } of mutations)
            file.set(bytes.subarray(0, Math.max(0, file.length - at)), Math.min(at, file.length));
          template.copy(file, 0, 0, 4);
          const end = Math.max(4, Math.min(length, file.length));
          const table = newTable(6);
          const answer = createDecoder(file.subarray(0, 4))?.decode(file, 0, end, table) as Answer;
          expect(answer.at).toBeGreaterThanOrEqual(0);
          expect(answer.at).toBeLessThanOrEqual(end);
          if (answer.kind === "more" && answer.wanted > 0) expect(answer.wanted).toBeGreaterThan(end - answer.at);
          for (let row = 0; row < table.count * RECORD_WORDS; row += RECORD_WORDS) {
            const { [RECORD.offset]: offset, [RECORD.length]: captured } = table.words.subarray(row, row + RECORD_WORDS);
            expect(offset + captured).toBeLessThanOrEqual(end);
          }
        },
      ),
      { numRuns: 3000 },
    );
  });
});
