/**
 * The port over capture files: what every port does, over two files of which each is written by one end and followed by the other,
 * and what becomes of a file that is not as it should be.
 */
import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { delay, systemClock } from "#src/net/clock.ts";
import { ROW, ROW_WORDS, VERDICT, VIRTIO_HEADER_LENGTH } from "#src/port/batch.ts";
import { type CaptureFile, createFileMemory, openCaptureFile } from "#src/port/capture-file.ts";
import type { CaptureFileNews, CaptureRead, CaptureWrite } from "#src/port/capture-file-thread.ts";
import { LARGEST_FRAME } from "#src/port/frame-slots.ts";
import { createRecordGauge } from "#src/port/record-ring.ts";
import { ServedPort } from "#src/port/served-port.ts";
import { sum16 } from "#src/wire/checksum.ts";
import { batchOf, collect, copyFrames, memoryWire, numberedFrame, portSuite } from "../common/port.ts";
import { makePcap, makePcapng, type TestRecord } from "../pcap/captures.ts";

const DEADLINE_MS = 20_000;
const MAC = 0x020000000002;
const directory = mkdtempSync(join(tmpdir(), "ecmp-files-"));
let files = 0;
const nameFile = (): string => join(directory, `${++files}.cap`);

interface Opened {
  readonly port: ServedPort;
  readonly news: CaptureFileNews[];
  readonly file: CaptureFile;
}
const opened: Opened[] = [];

type Files = {
  readonly read?: Partial<CaptureRead> & { readonly file: string };
  readonly write?: Partial<CaptureWrite> & { readonly file: string };
};

/** These files, which begin at once. */
function openFiles({ read, write }: Files) {
  const memory = createFileMemory(1);
  const news: CaptureFileNews[] = [];
  const file = openCaptureFile({
    name: "trace",
    mac: MAC,
    read: read && { follow: false, pace: "fastest", isToAnyMac: false, ...read },
    write: write && { maximumMegabytes: 64, files: 2, ...write },
    memory,
    unwritten: memory.sent,
    onChange: (one) => void news.push(one),
  });
  file.begin();
  return { memory, news, file };
}

/** A port over them. */
function open(files: Files): Opened {
  const { memory, news, file } = openFiles(files);
  const one = { port: new ServedPort({ name: "trace", memory, index: 0 }), news, file };
  opened.push(one);
  return one;
}

async function until(what: string, ask: () => boolean): Promise<void> {
  const endMs = systemClock.nowMs() + DEADLINE_MS;
  while (!ask()) {
    if (systemClock.nowMs() > endMs) throw new Error(`not within ${DEADLINE_MS} ms: ${what}`);
    await delay(systemClock, 5);
  }
}

/** All that comes until the file is over, and what is said then. */
async function readAll({ port, news }: Opened): Promise<{ numbers: number[]; over: CaptureFileNews | undefined }> {
  const numbers: number[] = [];
  const take = (): number => {
    const count = port.receive();
    numbers.push(...copyFrames(port.batch).map(({ bytes }) => bytes[17]));
    return count;
  };
  const over = (): CaptureFileNews | undefined => news.find(({ state }) => state === "over" || state === "failed");
  await until("the file is over", () => {
    const isOver = over() !== undefined;
    while (take() > 0);
    return isOver;
  });
  return { numbers, over: over() };
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));
const pause = (): void => void Atomics.wait(sleeper, 0, 0, 20);
const recorded = (count: number, each: (i: number) => Partial<TestRecord> = () => ({})): TestRecord[] =>
  Array.from({ length: count }, (_, i) => ({ bytes: numberedFrame(i), ...each(i) }));
const save = (bytes: Uint8Array): string => {
  const file = nameFile();
  writeFileSync(file, bytes);
  return file;
};

afterAll(async () => {
  await Promise.all([...opened, ...ends].map(({ file }) => file.close()));
  rmSync(directory, { recursive: true });
});

const [there, back] = [nameFile(), nameFile()];
const ends = [
  { read: { file: back, follow: true }, write: { file: there } },
  { read: { file: there, follow: true }, write: { file: back } },
].map((files) => openFiles(files));

portSuite("capture-file", () => {
  const [near, far] = ends.map(({ memory }, i) => new ServedPort({ name: ["near", "far"][i], memory, index: 0 }));
  return { ...memoryWire(near, far), pause };
});

describe("what is read", () => {
  test.each([
    ["pcap", makePcap(recorded(200))],
    ["pcapng", makePcapng(recorded(200))],
  ])("comes whole, counted, and then the port says that it is over: %s", async (_, bytes) => {
    const one = open({ read: { file: save(bytes) } });
    const { numbers, over } = await readAll(one);
    expect(numbers).toEqual(Array.from({ length: 200 }, (_, i) => i));
    expect(over).toEqual({ state: "over", packets: 200, skipped: 0 });
    expect(one.port.counters()).toMatchObject({ receivedFrames: 200, receivedBytes: 200 * 60, receiveDrops: 0 });
    expect(one.port.transmit(batchOf([numberedFrame(0)], 0), 0)).toBe(1);
  });

  test("waits for who takes it, however slow that is: nothing of a long file is lost", async () => {
    const { numbers, over } = await readAll(
      open({ read: { file: save(makePcap(recorded(1200, () => ({ bytes: numberedFrame(7, 1514) })))) } }),
    );
    expect([numbers.length, over]).toEqual([1200, { state: "over", packets: 1200, skipped: 0 }]);
  });

  test("is good up to where the file stops making sense, and the offset of that is said", async () => {
    const file = makePcap(recorded(100));
    const end = 24 + 50 * 76;
    const damaged = Buffer.from(file);
    damaged.writeUInt32LE(0x7fffffff, end + 8);
    for (const [bytes, over] of [
      [damaged, { offset: end + 8, problem: "packet of 2147483647 bytes, wanted at most 262144" }],
      [file.subarray(0, end + 20), { offset: end, problem: "record of at least 76 bytes, but the file ends after 20" }],
    ] as const) {
      const { numbers, over: said } = await readAll(open({ read: { file: save(bytes) } }));
      expect(numbers).toHaveLength(50);
      expect(said).toEqual({ state: "failed", packets: 50, skipped: 0, ...over });
    }
  });

  test("may be nothing: what is no capture, or not there, is said", async () => {
    const pipe = nameFile();
    execFileSync("mkfifo", [pipe]);
    for (const [file, problem] of [
      [save(Buffer.alloc(0)), /^offset 0: the file is empty, wanted the magic number/],
      [save(Buffer.from("routes: []")), /^offset 0: the file begins with 726f7574/],
      [join(directory, "none"), /^ENOENT/],
      [directory, /^that is no plain file/],
      [pipe, /^that is no plain file/],
    ] as const) {
      const { over } = await readAll(open({ read: { file } }));
      expect(over).toEqual({ state: "failed", packets: 0, skipped: 0, problem: expect.stringMatching(problem) });
    }
  });

  test("of a link type that has no frames is skipped, counted, and named once", async () => {
    const both = Buffer.concat([makePcapng(recorded(3), { linkTypes: [105] }), makePcapng(recorded(2))]);
    const one = open({ read: { file: save(both) } });
    const { numbers, over } = await readAll(one);
    expect([numbers, over]).toEqual([[0, 1], { state: "over", packets: 2, skipped: 3 }]);
    const skipping = one.news.filter(({ state }) => state === "skipping");
    expect(skipping).toEqual([
      { state: "skipping", problem: expect.stringMatching(/^link type 105 \(IEEE802_11\), wanted one of 1/) },
    ]);
    expect(one.port.counters().receiveDrops).toBe(3);
  });

  test("is for the port: what was to any station if none is named, and what had no station at all", async () => {
    const [other, group] = [numberedFrame(1), numberedFrame(2)];
    other.set([2, 0, 0, 0, 9, 9]);
    group.set([1, 0, 0x5e, 0, 0, 5]);
    const ip = Buffer.from("45000014", "hex");
    const macsOf = async (bytes: Buffer, isToAnyMac: boolean): Promise<string[]> => {
      const one = open({ read: { file: save(bytes), isToAnyMac } });
      const seen = collect(one.port, 2, pause);
      return seen.map(({ bytes }) => Buffer.from(bytes).toString("hex", 0, 6));
    };
    const frames = makePcap([{ bytes: other }, { bytes: group }]);
    expect(await macsOf(frames, true)).toEqual(["020000000002", "01005e000005"]);
    expect(await macsOf(frames, false)).toEqual(["020000000909", "01005e000005"]);
    expect(await macsOf(makePcap([{ bytes: ip }, { bytes: ip }], { linkType: 101 }), false)).toEqual([
      "020000000002",
      "020000000002",
    ]);
  });

  test("that is cut, or longer than any frame, comes as cut", async () => {
    const long = Buffer.alloc(100_000, 1);
    const { port } = open({
      read: { file: save(makePcap([{ bytes: numberedFrame(1, 60), wireLength: 1500 }, { bytes: long }])) },
    });
    const rows = collect(port, 2, pause).map(({ row }) => row.slice(ROW.length, ROW.vlanTci));
    expect(rows).toEqual([
      [60, 1500],
      [LARGEST_FRAME, 100_000],
    ]);
  });

  test("at its recorded pace comes no earlier than it did then", async () => {
    const apart = recorded(2, (i) => ({ timeHigh: 1_700_000_000, timeLow: i * 300_000 }));
    const { port } = open({ read: { file: save(makePcap(apart)), pace: "recorded" } });
    collect(port, 1, pause);
    // The first was due before it came.
    const fromMs = systemClock.nowMs();
    expect(port.receive()).toBe(0);
    await until("the second comes", () => port.receive() > 0);
    expect(systemClock.nowMs() - fromMs).toBeGreaterThan(100);
  });
});

describe("what is followed", () => {
  test("need not be there, comes as it is written, in pieces of any size, and ends only if it is cut", async () => {
    const file = nameFile();
    const { port, news } = open({ read: { file, follow: true } });
    const bytes = makePcapng(recorded(6));
    const seen: number[] = [];
    /** How many have come. */
    const take = (): number => {
      port.receive();
      return seen.push(...copyFrames(port.batch).map(({ bytes }) => bytes[17]));
    };
    for (let at = 0; at < bytes.length; at += 31) {
      appendFileSync(file, bytes.subarray(at, at + 31));
      if (at % 124 === 0) await until("all that is whole has come", () => take() >= Math.floor((at + 31 - 48) / 92));
    }
    await until("all has come", () => take() === 6);
    expect(seen).toEqual([0, 1, 2, 3, 4, 5]);
    expect(news).toEqual([{ state: "reading" }]);
    truncateSync(file, 20);
    await until("it is over", () => news.length === 2);
    expect(news[1]).toMatchObject({
      state: "failed",
      packets: 6,
      offset: 20,
      problem: expect.stringMatching(/^the file was cut to 20 bytes/),
    });
  });
});

describe("what is written", () => {
  /** What the file has once all is written. */
  async function written({ file }: Opened, path: string): Promise<string[]> {
    await file.close();
    const { numbers } = await readAll(open({ read: { file: path } }));
    return numbers.map(String);
  }

  test("is all of a long trace, at any pace: nothing is read while the writing is behind", async () => {
    const file = nameFile();
    const trace = save(makePcap(recorded(4000, (i) => ({ bytes: numberedFrame(i, 1514) }))));
    const one = open({ read: { file: trace }, write: { file } });
    let refused = 0;
    await until("the trace is through", () => {
      for (let count = one.port.receive(); count > 0; count = one.port.receive()) {
        for (let i = 0; i < count; i++) one.port.batch.rows.set([VERDICT.forward, 0, 0], i * ROW_WORDS + ROW.verdict);
        refused += one.port.transmit(one.port.batch, 0);
      }
      return one.news.some(({ state }) => state === "over");
    });
    expect([refused, one.port.counters().transmittedFrames]).toEqual([0, 4000]);
    expect(await written(one, file)).toEqual(Array.from({ length: 4000 }, (_, i) => String(i & 0xff)));
  });

  test("is said to be, and can be waited for", async () => {
    const file = nameFile();
    const one = open({ write: { file } });
    await one.file.settled;
    expect([existsSync(file), one.news]).toEqual([true, [{ state: "writing" }]]);
  });

  test("is counted as lost, and holds up nobody, when the thread ends: that is said", async () => {
    const memory = createFileMemory(1);
    const news: CaptureFileNews[] = [];
    const file = openCaptureFile({
      name: "trace",
      mac: MAC,
      write: { file: nameFile(), maximumMegabytes: 1, files: 1 },
      // Enough for the thread to die of.
      memory: { ...memory, received: new SharedArrayBuffer(0) },
      unwritten: memory.sent,
      onChange: (one) => void news.push(one),
    });
    const port = new ServedPort({ name: "trace", memory, index: 0 });
    const three = batchOf([numberedFrame(1), numberedFrame(2), numberedFrame(3)], 0);
    expect(port.transmit(three, 0)).toBe(0);
    await file.settled;
    expect(news).toEqual([{ state: "ended", problem: expect.stringMatching(/typed array/) }]);
    expect([port.counters().transmitErrors, createRecordGauge(memory.sent[0])()]).toEqual([3, 0]);
    expect([port.transmit(three, 0), port.counters().transmitErrors]).toEqual([3, 6]);
    await file.close();
    expect(news).toHaveLength(1);
  });

  test("has the checksum that was left to the device", async () => {
    const file = nameFile();
    const one = open({ write: { file } });
    const batch = batchOf([numberedFrame(1)], 0);
    // From byte 14 of the frame on, to be put at byte 14 + 16, where the sum of a pseudo-header is: of none.
    batch.bytes.set([1, 0, 0, 0, 0, 0, 14, 0, 16, 0], 0);
    batch.bytes.set([0, 0], VIRTIO_HEADER_LENGTH + 14 + 16);
    one.port.transmit(batch, 0);
    await one.file.close();
    const [{ bytes }] = collect(open({ read: { file } }).port, 1, pause);
    expect(sum16(bytes, 14, bytes.length - 14)).toBe(0xffff);
  });

  test("turns over as a tap's file does, and what was there before is put aside", async () => {
    const file = nameFile();
    writeFileSync(file, "somebody's");
    const one = open({ write: { file, maximumMegabytes: 1, files: 2 } });
    const frames = batchOf(
      Array.from({ length: 64 }, () => numberedFrame(3, 1514)),
      0,
    );
    for (let i = 0; i < 12; i++) await until("there is room", () => one.port.transmit(frames, 0) === 0);
    await one.file.close();
    const lengths = await Promise.all(
      [file, `${file}.1`].map(async (path) => (await readAll(open({ read: { file: path } }))).numbers.length),
    );
    expect(lengths[1]).toBeGreaterThan(500);
    expect(lengths[0] + lengths[1]).toBe(12 * 64);
    expect(existsSync(`${file}.2`)).toBe(false);
  });

  test("nowhere is said, and refused from then on", async () => {
    const one = open({ write: { file: join(directory, "none", "out") } });
    await one.file.settled;
    expect(one.news).toEqual([{ state: "unwritable", problem: expect.stringMatching(/^ENOENT/) }]);
    expect(one.port.transmit(batchOf([numberedFrame(1)], 0), 0)).toBe(1);
    expect(one.port.counters().transmitErrors).toBe(1);
  });
});
