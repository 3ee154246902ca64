import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { encodeText, formatHex, joinBytes } from "#src/bgp/bytes.ts";
import { IPV4_UNICAST, IPV6_UNICAST } from "#src/bgp/nlri.ts";
import { decodeUpdate } from "#src/bgp/update.ts";
import { decodeRecord } from "#src/mrt/decode.ts";
import { encodeRecord } from "#src/mrt/encode.ts";
import { formatRecord, parseRecord } from "#src/mrt/json-line.ts";
import { MAXIMUM_RECORD_BYTES, type SessionRecord } from "#src/mrt/record.ts";
import { readRecording } from "#src/mrt/recording.ts";
import { JSON_LINES, MRT, type Recorded, type RecordingForm, Splitter } from "#src/mrt/splitter.ts";
import { entryAsUpdate } from "#src/mrt/table-entry.ts";
import { parseAddress } from "#src/net/address.ts";
import { formatPrefix, type Prefix, parsePrefix } from "#src/net/prefix.ts";
import { hex, MARKER } from "../bgp/hex.ts";
import { sessionRecord } from "./records.ts";

const KEEPALIVE: SessionRecord = {
  kind: "message",
  atMicroseconds: 1_795_237_384_000_017,
  peer: parseAddress("10.0.0.2") as number,
  peerAsn: 4200000001,
  local: parseAddress("10.0.0.1") as number,
  localAsn: 64512,
  direction: "received",
  asnSize: 4,
  addPath: false,
  message: hex(`${MARKER} 0013 04`),
};

describe("MRT", () => {
  test("is written as RFC 6396 4.4.3 draws it", () => {
    expect(formatHex(encodeRecord(KEEPALIVE))).toBe(
      formatHex(hex(`6b012608 0011 0004 0000002b 00000011 fa56ea01 0000fc00 0000 0001 0a000002 0a000001 ${MARKER} 0013 04`)),
    );
  });

  test("says what JSON lines say, both there and back", () => {
    fc.assert(
      fc.property(sessionRecord, (record) => {
        expect(decodeRecord(encodeRecord(record))).toEqual(record);
        expect(parseRecord(formatRecord(record))).toEqual(record);
      }),
    );
  });

  test.each([
    ["a message cut inside its addresses", "00000000 0010 0004 00000006 0000fde9 0000", "ends inside its addresses"],
    ["addresses of AFI 25", "00000000 0010 0004 0000000c 0000fde9 0000fde8 0000 0019", "has addresses of AFI 25"],
    [
      "a state change without its end",
      "00000000 0010 0000 00000012 fde9 fde8 0000 0001 0a000002 0a000001 0006",
      "ends inside a state change",
    ],
    [
      "a table of more peers than it has",
      "00000000 000d 0001 0000000a 0a000001 0000 ffff 0000",
      "ends inside its table of 65535 peers",
    ],
    ["a view name that overruns", "00000000 000d 0001 00000008 0a000001 ffff 0000", "ends inside its table of 0 peers"],
    ["a prefix of length 33", "00000000 000d 0002 00000009 00000000 21 0a000000", "has a prefix of length 33, at most 32 wanted"],
    ["more entries than it has", "00000000 000d 0002 0000000c 00000000 08 0a ffff 0000 0000", "ends inside its 65535 entries"],
  ])("a record with %s is a fault in words (CVE-2025-43970)", (_, bytes, problem) =>
    expect(decodeRecord(hex(bytes))).toBe(problem),
  );

  test.each([
    ["OSPFv2", "0000000b", { type: 11, subtype: 0 }],
    ["TABLE_DUMP", "000c0001", { type: 12, subtype: 1 }],
    ["a multicast table", "000d0003", { type: 13, subtype: 3 }],
  ])("%s is other people's", (_, words, other) => {
    const type = words.length === 8 && words.startsWith("0000") ? words.slice(4) + words.slice(0, 4) : words;
    expect(decodeRecord(hex(`00000000 ${type} 00000000`))).toEqual({ kind: "other", ...other });
  });

  test("speakers' states beyond the six of RFC 4271 are no session (FRR: 7 Clearing, 8 Deleted)", () => {
    const change = hex("00000000 0010 0000 00000014 fde9 fde8 0000 0001 0a000002 0a000001 0006 0007");
    expect(decodeRecord(change)).toMatchObject({ kind: "state", from: "Established", to: "Idle" });
  });
});

describe("a table's entry as an UPDATE", () => {
  const context = { asnSize: 4, peerType: "external", families: [IPV4_UNICAST, IPV6_UNICAST] } as const;
  const update = (prefix: string, attributes: string) =>
    decodeUpdate(
      entryAsUpdate(parsePrefix(prefix) as Prefix, { peerIndex: 0, originatedSeconds: 0, attributes: hex(attributes) }),
      context,
    );
  const PATH = "400101 00 400206 0201 0000fde9";

  test.each([
    ["an IPv4 prefix", "192.0.2.0/24", `${PATH} 400304 0a000001`, "10.0.0.1"],
    ["BIRD's flags of 0", "192.0.2.0/24", `${PATH} 000304 0a000001`, "10.0.0.1"],
    ["an IPv6 prefix, next hop alone", "2001:db8::/32", `${PATH} 800e11 10 20010db8000000000000000000000009`, "2001:db8::9"],
    [
      "global and link-local",
      "2001:db8::/32",
      `${PATH} 800e21 20 20010db8000000000000000000000009 fe800000000000000000000000000001`,
      "2001:db8::9",
    ],
    [
      "MP_REACH_NLRI left whole",
      "2001:db8::/32",
      `${PATH} 800e1a 00020110 20010db8000000000000000000000009 00 20 20010db8`,
      "2001:db8::9",
    ],
  ])("%s", (_, prefix, attributes, nextHop) => {
    const { update: decoded, faults } = update(prefix, attributes);
    expect(faults).toEqual([]);
    expect(decoded.announcements.map(({ prefixes, attributes }) => [prefixes.map(formatPrefix), attributes.nextHop])).toEqual([
      [[prefix], parseAddress(nextHop)],
    ]);
  });

  test("attributes that are cut off stay so", () => {
    expect(update("192.0.2.0/24", `${PATH} 400304 0a`).consequence).toBe("treat-as-withdraw");
    expect(update("192.0.2.0/24", "40").consequence).toBe("treat-as-withdraw");
  });
});

const split = (form: RecordingForm, chunks: readonly Uint8Array[]): Recorded[] => {
  const splitter = new Splitter(form);
  return [...chunks.flatMap((chunk) => splitter.push(chunk)), ...splitter.end()];
};
const jsonLine = (record: SessionRecord): Uint8Array => encodeText(`${formatRecord(record)}\n`);

describe("a splitter", () => {
  test.each([
    ["MRT", MRT, encodeRecord],
    ["JSON lines", JSON_LINES, jsonLine],
  ] as const)("finds the records of %s in any chunks", (_, form, encode) => {
    fc.assert(
      fc.property(fc.array(sessionRecord, { maxLength: 8 }), fc.array(fc.nat(3000)), (records, cuts) => {
        const stream = joinBytes(...records.map(encode));
        const ends = [...cuts.filter((cut) => cut < stream.length), stream.length].sort((a, b) => a - b);
        const chunks = ends.map((end, i) => stream.subarray(ends[i - 1] ?? 0, end));
        const found = split(form, chunks);
        expect(found.map(({ record }) => record)).toEqual(records);
        expect(found.map(({ offset }) => offset)).toEqual(
          records.map((_record, i) => Buffer.concat(records.slice(0, i).map(encode)).length),
        );
      }),
    );
  });

  test("goes on behind a record that is damaged, and names where it lay", () => {
    const [good, bad] = [jsonLine(KEEPALIVE), encodeText('{"time":"now"}\n')];
    expect(split(JSON_LINES, [good, bad, good])).toMatchObject([
      { record: { kind: "message" } },
      {
        offset: good.length,
        record: { kind: "fault", problem: 'a record that has the time "now", wanted a time such as 2026-11-21T05:00:00.000001Z' },
      },
      { record: { kind: "message" } },
    ]);
  });

  test("believes no length beyond its bound, and holds back nothing for it", () => {
    const header = hex("00000000 0010 0004 ffffffff");
    const splitter = new Splitter(MRT);
    expect(splitter.push(header)).toMatchObject([
      { offset: 0, record: { problem: `a record of 4294967307 bytes, at most ${MAXIMUM_RECORD_BYTES} wanted` } },
    ]);
    expect(splitter.over).toBe(true);
    expect(splitter.push(encodeRecord(KEEPALIVE))).toEqual([]);
    const line = split(
      JSON_LINES,
      Array.from({ length: 20 }, () => new Uint8Array(10_000).fill(32)),
    );
    expect(line).toMatchObject([{ record: { problem: "a line of 140000 bytes and no end" } }]);
  });

  test.each([
    ["time", { time: "2026-11-21" }],
    ["peer", { peer: "10.0.0" }],
    ["local", { local: "::1" }],
    ["peerAsn", { peerAsn: -1 }],
    ["localAsn", { localAsn: "1" }],
    ["kind", { kind: "route" }],
    ["direction", { direction: "up" }],
    ["asnSize", { asnSize: 3 }],
    ["addPath", { addPath: 1 }],
    ["message", { message: "0" }],
  ])("says which field of a JSON line is wrong: %s", (name, change) => {
    const fields = { ...JSON.parse(formatRecord(KEEPALIVE)), ...change };
    expect(parseRecord(JSON.stringify(fields))).toMatch(new RegExp(`^has (no|the) ${name}\\b.*, wanted `));
  });
});

describe("a recording on disk", () => {
  const folder = mkdtempSync(join(tmpdir(), "ecmp-mrt-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const read = async (name: string, bytes: Uint8Array): Promise<Recorded[]> => {
    const file = join(folder, name);
    writeFileSync(file, bytes);
    const all: Recorded[] = [];
    for await (const batch of readRecording(file)) all.push(...batch);
    return all;
  };
  const stream = Buffer.concat([encodeRecord(KEEPALIVE), encodeRecord(KEEPALIVE)]);

  test("is told apart by its first bytes, through gzip too", async () => {
    const lines = Buffer.concat([jsonLine(KEEPALIVE), jsonLine(KEEPALIVE)]);
    for (const bytes of [stream, lines, gzipSync(stream), gzipSync(lines)]) {
      expect((await read("any", bytes)).map(({ record }) => record)).toEqual([KEEPALIVE, KEEPALIVE]);
    }
    expect(await read("empty", new Uint8Array(0))).toEqual([]);
  });

  test("that is cut off, or whose compression is, is named with what came before", async () => {
    expect(await read("cut", stream.subarray(0, -1))).toMatchObject([
      { record: KEEPALIVE },
      { offset: stream.length / 2, record: { kind: "fault", problem: `the end, ${stream.length / 2 - 1} bytes into a record` } },
    ]);
    expect((await read("cut.gz", gzipSync(stream).subarray(0, -12))).at(-1)).toMatchObject({
      record: { kind: "fault", problem: "gzip: unexpected end of file" },
    });
    await expect(read("../none/at/all", new Uint8Array(0)).catch((error) => Promise.reject(error.code))).rejects.toBe("ENOENT");
  });

  test("costs no more memory than a record, however long it is", async () => {
    const file = join(folder, "long");
    const block = Buffer.concat(Array(5000).fill(encodeRecord(KEEPALIVE)));
    for (let i = 0; i < 100; i++) appendFileSync(file, block);
    let records = 0;
    let most = 0;
    const before = process.memoryUsage().arrayBuffers;
    for await (const batch of readRecording(file)) {
      records += batch.length;
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }
    expect(records).toBe(500_000);
    expect(most).toBeLessThan(16 * 1024 * 1024);
  });
});
