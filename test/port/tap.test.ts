import { describe, expect, test } from "vitest";
import { parseAddress } from "#src/net/address.ts";
import { parsePrefix } from "#src/net/prefix.ts";
import { CAPTURE_DIRECTION } from "#src/pcap/pcapng-writer.ts";
import { type Batch, ROW, ROW_WORDS, VERDICT } from "#src/port/batch.ts";
import { createLoopbackPair } from "#src/port/loopback.ts";
import { createRecordReader } from "#src/port/record-ring.ts";
import { createSharedValue, setSharedValue } from "#src/port/shared-value.ts";
import { TapPort, type TapSettings } from "#src/port/tap.ts";
import { compileTapFilter, type TapFilter } from "#src/port/tap-filter.ts";
import { createTapMemory, TAP, TAP_WORDS } from "#src/port/tap-memory.ts";
import { batchOf, memoryWire, numberedFrame, portSuite } from "../common/port.ts";
import { makePacket, makePacket6 } from "../dataplane/packets.ts";

const EGRESS = 3;
const ALL: TapSettings = { snapBytes: 2048 };

function setUp(settings: TapSettings | undefined, capacityBytes?: number) {
  const [inner, far] = createLoopbackPair({ name: "near" }, { name: "far" });
  const [shared, memory] = [createSharedValue(), createTapMemory(capacityBytes)];
  setSharedValue(shared, settings);
  let microseconds = 1.5e15;
  let another: Batch | undefined;
  const behind = new Proxy(inner, {
    get(target, key) {
      if (key === "batch" && another) return another;
      const value = Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const port = new TapPort({ port: behind, index: 9, settings: shared, memory, unixMicroseconds: () => microseconds++ });
  const reader = createRecordReader(memory, TAP_WORDS);
  const told = () => {
    const all = [];
    for (let record = reader.next(); record; record = reader.next()) all.push(record);
    return all;
  };
  const replace = (batch: Batch): void => {
    another = batch;
  };
  return { port, inner, far, told, reader, replace, set: (value?: TapSettings) => setSharedValue(shared, value) };
}

for (const [title, settings] of [
  ["a port with a tap that is off", undefined],
  ["a port with a tap that is on", ALL],
] as [string, TapSettings | undefined][]) {
  portSuite(title, () => {
    const { port, far } = setUp(settings);
    return memoryWire(port, far);
  });
}

describe("a tap", () => {
  test("tells of a received frame as it came, with the verdict that it got after", () => {
    const { port, inner, told } = setUp(ALL);
    inner.inject({ bytes: numberedFrame(1, 60), vlanTci: 0x81000064, wireLength: 75 });
    inner.inject(numberedFrame(2, 60));
    port.receive();
    const { bytes, rows } = port.batch;
    rows.set([VERDICT.drop, 4], ROW.verdict);
    rows.set([VERDICT.forward, 0, EGRESS, 11], ROW_WORDS + ROW.verdict);
    bytes[rows[ROW.offset] + 20] ^= 0xff;
    rows[ROW.length] += 4;
    expect(told()).toEqual([]);
    port.receive();
    const [first, second, ...rest] = told();
    expect(rest).toEqual([]);
    expect(first.bytes).toEqual(numberedFrame(1, 60));
    expect(second.bytes).toEqual(numberedFrame(2, 60));
    const { port: index, direction, verdict, reason, nextHop, vlanTci, wireLength } = TAP;
    const words = [index, direction, verdict, reason, nextHop, vlanTci, wireLength];
    expect(words.map((word) => first.words[word])).toEqual([9, CAPTURE_DIRECTION.in, VERDICT.drop, 4, 0, 0x81000064, 75]);
    expect(words.map((word) => second.words[word])).toEqual([9, CAPTURE_DIRECTION.in, VERDICT.forward, 0, 11, 0, 60]);
    expect(first.words[TAP.timeHigh] * 2 ** 32 + first.words[TAP.timeLow]).toBe(1.5e15);
  });

  test("tells of a frame that leaves as it leaves, and of those for other ports nothing", () => {
    const { port, far, told } = setUp(ALL);
    const batch = batchOf([numberedFrame(1), numberedFrame(2)], EGRESS);
    batch.rows[ROW_WORDS + ROW.egress] = EGRESS + 1;
    batch.rows[ROW.nextHop] = 12;
    port.transmit(batch, EGRESS);
    const [sent, ...rest] = told();
    expect(rest).toEqual([]);
    expect(sent.bytes).toEqual(numberedFrame(1));
    expect([sent.words[TAP.direction], sent.words[TAP.nextHop]]).toEqual([CAPTURE_DIRECTION.out, 12]);
    expect(far.take()).toHaveLength(1);
  });

  test("keeps of each frame what it is told to, and the whole length", () => {
    const { port, inner, told } = setUp({ snapBytes: 20 });
    inner.inject(numberedFrame(1, 1000));
    port.receive();
    port.transmit(batchOf([numberedFrame(2, 1000)], EGRESS), EGRESS);
    port.close();
    for (const { bytes, words } of told()) expect([bytes.length, words[TAP.wireLength]]).toEqual([20, 1000]);
  });

  test("tells of the last batch of an interface that went away, whose port has another by then", () => {
    const { port, inner, told, replace } = setUp(ALL);
    inner.inject(numberedFrame(1));
    port.receive();
    port.batch.rows.set([VERDICT.drop, 4], ROW.verdict);
    replace(batchOf([], EGRESS));
    port.receive();
    expect(told().map(({ words }) => [words[TAP.verdict], words[TAP.reason]])).toEqual([[VERDICT.drop, 4]]);
  });

  test("takes only frames of a verdict, where it is told to", () => {
    const { port, inner, told } = setUp({ snapBytes: 100, verdict: VERDICT.drop });
    for (const number of [1, 2, 3]) inner.inject(numberedFrame(number));
    port.receive();
    for (const [i, verdict] of [VERDICT.drop, VERDICT.forward, VERDICT.slow].entries())
      port.batch.rows[i * ROW_WORDS + ROW.verdict] = verdict;
    port.transmit(batchOf([numberedFrame(4)], EGRESS), EGRESS);
    port.receive();
    expect(told().map(({ bytes }) => bytes[17])).toEqual([1]);
  });

  test("goes on and off while its port is at work", () => {
    const { port, inner, told, set } = setUp(undefined);
    inner.inject(numberedFrame(1));
    port.receive();
    set(ALL);
    port.receive();
    inner.inject(numberedFrame(2));
    port.receive();
    // Between a batch and its verdicts: that batch is not told.
    set({ snapBytes: 30 });
    port.transmit(batchOf([numberedFrame(3)], EGRESS), EGRESS);
    inner.inject(numberedFrame(4));
    port.receive();
    set(undefined);
    port.receive();
    inner.inject(numberedFrame(5));
    port.receive();
    port.receive();
    expect(told().map(({ bytes }) => bytes[17])).toEqual([3, 4]);
  });

  test("loses what finds no room, counts it, and never holds its port up", () => {
    const record = (TAP_WORDS + 2) * 4 + 60;
    const { port, told, reader } = setUp(ALL, 10 * record);
    for (let turn = 0; turn < 50; turn++) {
      const count = (turn % 7) + 1;
      port.transmit(
        batchOf(
          Array.from({ length: count }, (_, i) => numberedFrame(turn * 100 + i)),
          EGRESS,
        ),
        EGRESS,
      );
      expect(told().map(({ bytes }) => new DataView(bytes.buffer).getUint32(14))).toEqual(
        Array.from({ length: count }, (_, i) => turn * 100 + i),
      );
    }
    expect(reader.refused()).toBe(0);
    port.transmit(
      batchOf(
        Array.from({ length: 25 }, (_, i) => numberedFrame(i)),
        EGRESS,
      ),
      EGRESS,
    );
    const kept = told();
    expect(kept.length).toBeGreaterThanOrEqual(8);
    expect(kept.length + reader.refused()).toBe(25);
    expect(kept.map(({ bytes }) => bytes[17])).toEqual(kept.map((_, i) => i));
  });
});

describe("the filter of a tap", () => {
  const v4 = makePacket({ source: "10.0.1.2", destination: "198.51.100.7", protocol: 6, sourcePort: 1000, destinationPort: 80 });
  const v6 = makePacket6({ protocol: 17, sourcePort: 53, destinationPort: 4000 });
  const tagged = Buffer.concat([v4.subarray(0, 12), Buffer.of(0x88, 0xa8, 0, 1, 0x81, 0, 0, 2), v4.subarray(12)]);
  const takes = (filter: TapFilter): boolean[] =>
    [v4, v6, tagged, numberedFrame(1, 60), v4.subarray(0, 30)].map((frame) => compileTapFilter(filter)(frame, 0, frame.length));

  test.each([
    [{}, [true, true, true, true, true]],
    [{ source: parsePrefix("10.0.0.0/15") }, [true, false, true, false, false]],
    [{ source: parsePrefix("10.2.0.0/15") }, [false, false, false, false, false]],
    [{ source: parsePrefix("0.0.0.0/0") }, [true, false, true, false, false]],
    [{ destination: parsePrefix("198.51.100.7/32") }, [true, false, true, false, false]],
    [{ destination: { address: parseAddress("2001:db8:50::")!, length: 45 } }, [false, true, false, false, false]],
    [{ protocol: 17 }, [false, true, false, false, false]],
    [{ port: 80 }, [true, false, true, false, false]],
    [{ port: 53, protocol: 17 }, [false, true, false, false, false]],
    [{ port: 53, protocol: 6 }, [false, false, false, false, false]],
  ] as [TapFilter, boolean[]][])("%j", (filter, wanted) => expect(takes(filter)).toEqual(wanted));
});
