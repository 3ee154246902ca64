import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { createSharedReader, createSharedValue, setSharedValue } from "#src/port/shared-value.ts";

test("a value is seen by who looks, the same object until it changes", () => {
  const memory = createSharedValue();
  const look = createSharedReader<{ n: number }>(memory);
  expect(look()).toBeUndefined();
  setSharedValue(memory, { n: 1, text: "ä" });
  expect(look()).toEqual({ n: 1, text: "ä" });
  expect(look()).toBe(look());
  setSharedValue(memory, undefined);
  expect(look()).toBeUndefined();
});

test("a value that has no room is refused, and the one before stays", () => {
  const memory = createSharedValue();
  setSharedValue(memory, 1);
  expect(() => setSharedValue(memory, "x".repeat(70_000))).toThrow("a value of 70002 bytes, wanted at most 65536");
  expect(createSharedReader(memory)()).toBe(1);
});

test("what another thread writes without pause is seen whole or not at all", { timeout: 30_000 }, async () => {
  const memory = createSharedValue();
  const url = new URL("../../dist/src/port/shared-value.js", import.meta.url).href;
  const code = `
    const { parentPort, workerData } = require("node:worker_threads");
    import(${JSON.stringify(url)}).then(({ setSharedValue }) => {
      for (let n = 0; n < 20000; n++) setSharedValue(workerData, new Array((n * 7) % 97).fill(n));
      setSharedValue(workerData, "over");
    });`;
  const worker = new Worker(code, { eval: true, workerData: memory });
  const look = createSharedReader<number[] | "over">(memory);
  let seen = 0;
  for (let value = look(); value !== "over"; value = look()) {
    if (value === undefined) await new Promise((resolve) => setImmediate(resolve));
    else if (value.length > 0) {
      expect(new Set(value).size).toBe(1);
      expect(value.length).toBe((value[0] * 7) % 97);
      seen++;
    }
  }
  expect(seen).toBeGreaterThan(0);
  await worker.terminate();
});
