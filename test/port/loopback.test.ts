import { expect, test } from "vitest";
import { ROW } from "#src/port/batch.ts";
import { createLoopbackPair, Loopback } from "#src/port/loopback.ts";
import { batchOf, collect, memoryWire, numberedFrame, portSuite } from "../common/port.ts";

portSuite("loopback", () => memoryWire(...createLoopbackPair({ name: "near" }, { name: "far" })));

test("a frame can be put in by hand, and drawn out by hand", () => {
  const [port, wire] = createLoopbackPair({ name: "port" }, { name: "wire" });
  port.inject(numberedFrame(3));
  expect(collect(port, 1, () => {})[0].bytes).toEqual(numberedFrame(3));
  port.transmit(batchOf([numberedFrame(4)], 0), 0);
  expect(wire.take().map(({ bytes }) => bytes)).toEqual([numberedFrame(4)]);
  expect(wire.take()).toEqual([]);
});

test("what the kernel still has to do travels in front of the frame, both ways", () => {
  const [port, wire] = createLoopbackPair({ name: "port" }, { name: "wire" });
  const virtioHeader = Uint8Array.of(1, 1, 66, 0, 0xa8, 5, 34, 0, 16, 0);
  port.inject({ bytes: numberedFrame(0, 30_000), virtioHeader, vlanTci: 0x81000064, wireLength: 40_000 });
  const [seen] = collect(port, 1, () => {});
  expect(seen.virtioHeader).toEqual(virtioHeader);
  expect(seen.row.slice(ROW.length, ROW.vlanTci + 1)).toEqual([30_000, 40_000, 0x81000064]);
  port.batch.rows[ROW.verdict] = 1;
  port.transmit(port.batch, 0);
  expect(wire.take()[0].virtioHeader).toEqual(virtioHeader);
});

test("an old header does not stick to the next frame of the same slot", () => {
  const port = new Loopback({ name: "port" });
  port.inject({ bytes: numberedFrame(0), virtioHeader: new Uint8Array(10).fill(9), vlanTci: 5 });
  collect(port, 1, () => {});
  port.inject(numberedFrame(1));
  const [seen] = collect(port, 1, () => {});
  expect(seen.virtioHeader).toEqual(new Uint8Array(10));
  expect(seen.row[ROW.vlanTci]).toBe(0);
});

test("a full queue refuses, and each side counts its loss", () => {
  const [port, wire] = createLoopbackPair({ name: "port", queueFrames: 2 }, { name: "wire" });
  expect([1, 2, 3].map((i) => port.inject(numberedFrame(i)))).toEqual([true, true, false]);
  expect(port.counters().receiveDrops).toBe(1);
  expect(wire.transmit(batchOf([numberedFrame(4)], 0), 0)).toBe(1);
  expect(wire.counters()).toMatchObject({ transmittedFrames: 0, transmitErrors: 1 });
});

test("an end without a peer refuses everything", () => {
  const port = new Loopback({ name: "port" });
  expect(port.transmit(batchOf([numberedFrame(0)], 0), 0)).toBe(1);
});
