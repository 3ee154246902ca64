import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ROW, ROW_WORDS, VERDICT, VIRTIO_HEADER_LENGTH } from "#src/port/batch.ts";
import { createFaultyWaiter, FaultyPort } from "#src/port/fault.ts";
import { createFaultMemory, type FaultRule, readFaultCounts } from "#src/port/fault-rule.ts";
import { createLoopbackPair, type Loopback } from "#src/port/loopback.ts";
import { setSharedValue } from "#src/port/shared-value.ts";
import { batchOf, collect, copyFrames, memoryWire, numberedFrame, portSuite } from "../common/port.ts";
import { sumOfWords } from "./frames.ts";

const DROP_REASON = 7;
const EGRESS = 3;

const NOTHING = { losePct: 0, duplicatePct: 0, reorderPct: 0, corruptPct: 0, delayMs: 0, jitterMs: 0 };
const ruleOf = (rule: Partial<FaultRule>): FaultRule => ({
  id: JSON.stringify(rule),
  direction: "out",
  seed: 1,
  ...NOTHING,
  ...rule,
});

/** A faulty port at one end of a wire in memory, and a time that stands still. */
function setUp(...rules: Partial<FaultRule>[]) {
  const [inner, far] = createLoopbackPair({ name: "near", queueFrames: 20_000 }, { name: "far", queueFrames: 20_000 });
  const memory = createFaultMemory(1);
  const time = { ms: 1000 };
  const port = new FaultyPort({ port: inner, memory, index: 0, dropReason: DROP_REASON, nowMs: () => time.ms });
  const setRules = (...wanted: Partial<FaultRule>[]): void => setSharedValue(memory.rules, wanted.map(ruleOf));
  setRules(...rules);
  return { port, inner, far, time, setRules, counts: () => readFaultCounts(memory) };
}

const frames = (count: number, first = 0): Uint8Array[] => Array.from({ length: count }, (_, i) => numberedFrame(first + i));
const numberOf = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(14);
const arrived = (far: Loopback): number[] => far.take().map(({ bytes }) => numberOf(bytes));
const send = (port: FaultyPort, first: number, count = 1): number => port.transmit(batchOf(frames(count, first), EGRESS), EGRESS);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

for (const [title, rules] of [
  ["a port with no faults around it", []],
  ["a port with faults that never strike", [{ losePct: 1e-12 }, { direction: "in", losePct: 1e-12 }]],
] as [string, Partial<FaultRule>[]][]) {
  portSuite(title, () => {
    const { port, far } = setUp(...rules);
    return memoryWire(port, far);
  });
}

describe("faults on the way out", () => {
  test("a lost frame is a drop of that reason, and no other is touched", () => {
    const { port, far, counts } = setUp({ losePct: 50 });
    const batch = batchOf(frames(200), EGRESS);
    expect(port.transmit(batch, EGRESS)).toBe(0);
    const passed = arrived(far);
    const verdicts = upTo(200).map((i) => batch.rows[i * ROW_WORDS + ROW.verdict]);
    expect(passed).toEqual(upTo(200).filter((i) => verdicts[i] === VERDICT.forward));
    expect(passed.length).toBeGreaterThan(60);
    expect(passed.length).toBeLessThan(140);
    for (const i of upTo(200).filter((i) => !passed.includes(i)))
      expect([...batch.rows.subarray(i * ROW_WORDS + ROW.verdict, i * ROW_WORDS + ROW.egress)]).toEqual([
        VERDICT.drop,
        DROP_REASON,
      ]);
    expect(counts().lost).toBe(200 - passed.length);
  });

  test("the same frames meet the same faults with the same seed, and others with another", () => {
    const play = (seed: number): number[] => {
      const { port, far } = setUp({ losePct: 30, duplicatePct: 20, reorderPct: 10, seed });
      for (let i = 0; i < 300; i += 50) send(port, i, 50);
      return arrived(far);
    };
    expect(play(7)).toEqual(play(7));
    expect(play(7)).not.toEqual(play(8));
  });

  test("a rule for a next hop is about that one alone, and draws apart from what else passes", () => {
    const lostOf = (others: number): number[] => {
      const { port, far } = setUp({ nextHop: 5, losePct: 40 });
      const batch = batchOf(frames(100 + others), EGRESS);
      for (let i = 0; i < 100; i++) batch.rows[i * ROW_WORDS + ROW.nextHop] = 5;
      for (let i = 100; i < 100 + others; i++) batch.rows[i * ROW_WORDS + ROW.nextHop] = 6;
      port.transmit(batch, EGRESS);
      const passed = arrived(far);
      expect(passed.filter((i) => i >= 100)).toHaveLength(others);
      return upTo(100).filter((i) => !passed.includes(i));
    };
    expect(lostOf(0).length).toBeGreaterThan(20);
    expect(lostOf(50)).toEqual(lostOf(0));
  });

  test("the first rule that matches is the only one", () => {
    const { port, far } = setUp({ nextHop: 5, duplicatePct: 100 }, { losePct: 100 });
    const batch = batchOf(frames(2), EGRESS);
    batch.rows[ROW.nextHop] = 5;
    port.transmit(batch, EGRESS);
    expect(arrived(far)).toEqual([0, 0]);
  });

  test("a delayed frame is sent when its time has come, in order, whatever happened to its memory", () => {
    const { port, far, time, counts } = setUp({ delayMs: 20 });
    const batch = batchOf(frames(3), EGRESS);
    expect(port.transmit(batch, EGRESS)).toBe(0);
    expect(batch.rows[ROW.egress]).toBe(EGRESS);
    expect(batch.rows[ROW.verdict]).toBe(VERDICT.forward);
    batch.bytes.fill(0);
    expect(port.dueInMs()).toBe(20);
    time.ms += 19.9;
    port.receive();
    expect(arrived(far)).toEqual([]);
    time.ms += 0.1;
    port.receive();
    expect(arrived(far)).toEqual([0, 1, 2]);
    expect(port.dueInMs()).toBe(Number.POSITIVE_INFINITY);
    expect(counts()).toMatchObject({ delayed: 3, lost: 0 });
  });

  test("jitter keeps within its bounds and changes the order", () => {
    const { port, far, time } = setUp({ delayMs: 20, jitterMs: 10 });
    send(port, 0, 100);
    const seen: number[] = [];
    for (let ms = 0; ms <= 30; ms++) {
      port.receive();
      const now = arrived(far);
      if (ms < 10) expect(now).toEqual([]);
      seen.push(...now);
      time.ms++;
    }
    expect(seen.toSorted((a, b) => a - b)).toEqual(upTo(100));
    expect(seen).not.toEqual(upTo(100));
  });

  test("a frame is overtaken by the next one, or by none after a while", () => {
    const { port, far, time, setRules, counts } = setUp({ reorderPct: 100 });
    send(port, 0);
    expect(arrived(far)).toEqual([]);
    // It is the one that waits; the next has to pass.
    send(port, 1);
    expect(arrived(far)).toEqual([1, 0]);
    send(port, 2);
    expect(port.dueInMs()).toBe(100);
    time.ms += 100;
    port.receive();
    expect(arrived(far)).toEqual([2]);
    send(port, 3);
    setRules();
    port.receive();
    expect(arrived(far)).toEqual([3]);
    expect(counts().reordered).toBe(3);
  });

  test("a copy comes behind its frame", () => {
    const { port, far, counts } = setUp({ duplicatePct: 100 });
    expect(send(port, 0, 2)).toBe(0);
    expect(arrived(far)).toEqual([0, 1, 0, 1]);
    expect(counts().duplicated).toBe(2);
  });

  test("a corrupt frame has one wrong bit, behind its Ethernet header", () => {
    const { port, far, counts } = setUp({ corruptPct: 100 });
    const sent = frames(50);
    port.transmit(batchOf(sent, EGRESS), EGRESS);
    for (const [i, { bytes }] of far.take().entries()) {
      const wrong = [...bytes].map((byte, at) => byte ^ sent[i][at]);
      expect(wrong.slice(0, 14)).toEqual(new Array(14).fill(0));
      expect(wrong.filter((bits) => bits !== 0)).toHaveLength(1);
      expect(Math.log2(wrong.find((bits) => bits !== 0)!) % 1).toBe(0);
    }
    expect(counts().corrupted).toBe(50);
  });

  test("a checksum that the kernel was to write is written before the bit is turned over; what it is to segment is left alone", () => {
    const { port, far, counts } = setUp({ corruptPct: 100 });
    const batch = batchOf([numberedFrame(0, 75), numberedFrame(1, 75)], EGRESS);
    const [first, second] = [0, 1].map((i) => batch.rows[i * ROW_WORDS + ROW.offset]);
    // NEEDS_CSUM, none or GSO_TCPV4; from 34, to be put at 34 + 6.
    batch.bytes.set([1, 0, 0, 0, 0, 0, 34, 0, 6, 0], first - VIRTIO_HEADER_LENGTH);
    batch.bytes.set([1, 1, 0, 0, 0, 0, 34, 0, 6, 0], second - VIRTIO_HEADER_LENGTH);
    const before = batch.bytes.slice(first, first + 75);
    port.transmit(batch, EGRESS);
    const [corrupted, whole] = far.take();
    expect(corrupted.virtioHeader).toEqual(new Uint8Array(VIRTIO_HEADER_LENGTH));
    const flips = [...corrupted.bytes].map((byte, at) => (at === 40 || at === 41 ? 0 : byte ^ before[at]));
    const at = flips.findIndex((bits) => bits !== 0);
    const mended = Uint8Array.from(corrupted.bytes, (byte, i) => (i === at ? byte ^ flips[i] : byte));
    // With the bit turned back (unless it was in the field itself) and the pseudo header, whose sum stood in the field, it is
    // right.
    if (at >= 0) expect(sumOfWords([before[40], before[41], ...mended.subarray(34)])).toBe(0xffff);
    expect(whole.bytes).toEqual(numberedFrame(1, 75));
    expect(counts()).toMatchObject({ corrupted: 1, unsegmented: 1 });
  });

  test("what finds no room is lost, and counted", () => {
    const { port, far, time, counts } = setUp({ delayMs: 50 });
    for (let i = 0; i < 4200; i += 60) send(port, i, 60);
    time.ms += 50;
    port.receive();
    expect(arrived(far)).toEqual(upTo(4096));
    expect(counts()).toMatchObject({ delayed: 4096, overflowed: 104 });
  });
});

describe("faults on the way in", () => {
  const receiveAll = (port: FaultyPort): number[] => collect(port, 1000, () => {}).map(({ bytes }) => numberOf(bytes));
  const inject = (far: Loopback, count: number): void => void far.transmit(batchOf(frames(count), 0), 0);

  test("a lost frame leaves the batch, the others close up", () => {
    const { port, far, counts } = setUp({ direction: "in", losePct: 50 });
    inject(far, 64);
    const count = port.receive();
    expect(count).toBe(64 - counts().lost);
    expect(count).toBeGreaterThan(16);
    expect(count).toBeLessThan(48);
    const numbers = copyFrames(port.batch).map(({ bytes }) => numberOf(bytes));
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  });

  test("a delayed frame comes later, as it was, with its row", () => {
    const { port, far, inner, time } = setUp({ direction: "in", delayMs: 5 });
    inner.inject({
      bytes: numberedFrame(1, 80),
      wireLength: 90,
      vlanTci: 0x81000064,
      virtioHeader: Uint8Array.of(2, ...new Array(9).fill(0)),
    });
    inject(far, 1);
    expect(port.receive()).toBe(0);
    expect(port.dueInMs()).toBe(5);
    time.ms += 5;
    expect(port.receive()).toBe(2);
    const [{ bytes, row, virtioHeader }, second] = copyFrames(port.batch);
    expect(bytes).toEqual(numberedFrame(1, 80));
    expect(row.slice(1)).toEqual([80, 90, 0x81000064, VERDICT.none, 0, 0, 0]);
    expect(virtioHeader[0]).toBe(2);
    expect(numberOf(second.bytes)).toBe(0);
    expect(port.batch.rows[ROW_WORDS + ROW.offset] % 4).toBe(port.batch.rows[ROW.offset] % 4);
    expect(port.receive()).toBe(0);
  });

  test("delayed frames come a batch at a time, as many as fit, none lost and in order", () => {
    const { port, inner, time } = setUp({ direction: "in", delayMs: 5 });
    for (let i = 0; i < 200; i++) inner.inject(numberedFrame(i, i < 100 ? 60 : 60_000));
    for (let i = 0; i < 200; i += 64) expect(port.receive()).toBe(0);
    time.ms += 5;
    const batches: number[][] = [];
    while (port.receive() > 0) batches.push(copyFrames(port.batch).map(({ bytes }) => numberOf(bytes)));
    expect(batches.flat()).toEqual(upTo(200));
    expect(batches[0]).toHaveLength(64);
    expect(batches.at(-1)).toHaveLength(2);
  });

  test("copies and overtaken frames come behind the batch", () => {
    const twice = setUp({ direction: "in", duplicatePct: 100 });
    inject(twice.far, 3);
    expect(receiveAll(twice.port)).toEqual([0, 1, 2, 0, 1, 2]);
    const overtaken = setUp({ direction: "in", reorderPct: 100 });
    inject(overtaken.far, 4);
    expect(receiveAll(overtaken.port).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3]);
  });
});

test("rules change while the port is at work, and a rule that stays goes on with its draws", () => {
  const { port, far, setRules } = setUp({ losePct: 30 });
  const whole = setUp({ losePct: 30 });
  send(whole.port, 0, 100);
  send(port, 0, 50);
  setRules({ losePct: 30 }, { direction: "in", delayMs: 1 });
  send(port, 50, 50);
  expect(arrived(far)).toEqual(arrived(whole.far));
  setRules();
  send(port, 0, 50);
  expect(arrived(far)).toEqual(upTo(50));
});

test("every frame is sent, lost or held, never two of these, whatever the rule", () => {
  const percent = fc.constantFrom(0, 20, 100);
  const rule = fc.record({
    losePct: percent,
    reorderPct: percent,
    delayMs: fc.constantFrom(0, 3),
    jitterMs: fc.constantFrom(0, 3),
  });
  fc.assert(
    fc.property(
      rule,
      fc.integer({ min: 0, max: 1000 }),
      fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 10 }),
      (faults, seed, batches) => {
        const { port, far, time, counts } = setUp({ ...faults, seed });
        let first = 0;
        for (const count of batches) {
          send(port, first, count);
          first += count;
          time.ms += 1;
        }
        time.ms += 1000;
        port.receive();
        const passed = arrived(far);
        expect(new Set(passed).size).toBe(passed.length);
        expect(passed.length + counts().lost).toBe(first);
      },
    ),
  );
});

test("a wait ends when the first held frame is due", () => {
  const { port, time } = setUp({ delayMs: 20 });
  const waits: number[] = [];
  const waiter = createFaultyWaiter({ wait: (timeoutMs) => void waits.push(timeoutMs), close: () => {} }, [port]);
  waiter.wait(100);
  send(port, 0);
  waiter.wait(100);
  time.ms += 50;
  waiter.wait(100);
  expect(waits).toEqual([100, 20, 0]);
});
