/** What a filter does between two steps of a worker that enters a flow, and how far a ring says that it has come. */
import { describe, expect, test, vi } from "vitest";
import { ENTRY, LANE_ROW, layOutFlows, ROW_BYTES } from "#src/port/flow-layout.ts";
import { createFlowMemory } from "#src/port/flow-memory.ts";
import { makePacket } from "../dataplane/packets.ts";

const UDP = 17;
const GENERATION = 7;

describe("the memory of carried flows", () => {
  const layout = layOutFlows({ ports: 4, processors: 1, lanes: 2, nextHops: 16, flows: 1024, seed: 12345, ringSlots: 8192 });
  const words = new Int32Array(layout.bytes / 4);
  const memory = createFlowMemory(words.buffer, layout);
  const passed = (layout.laneRows + LANE_ROW.passed) >>> 2;
  const entryOf = (generation: number): number => {
    for (let at = layout.sets; at < layout.bytes; at += ROW_BYTES) if (words[at >>> 2] === generation) return at;
    throw new Error(`no entry of generation ${generation}`);
  };

  test("has a flow wait for a frame that was numbered before its entry could be seen", () => {
    words.fill(0);
    memory.setGeneration(GENERATION);
    // What a filter does on another processor meanwhile: a number, and a second look, at each of our steps.
    const { store } = Atomics;
    let unseen = 0;
    const steps = vi.spyOn(Atomics, "store").mockImplementation(((array: Int32Array, index: number, value: number) => {
      words[passed]++;
      if (!words.includes(GENERATION, layout.sets >>> 2)) unseen = words[passed];
      return store(array, index, value);
    }) as typeof Atomics.store);
    memory.enter(GENERATION, makePacket({ protocol: UDP }), 0, 0, 1, 0, 0);
    steps.mockRestore();
    expect(unseen).toBeGreaterThan(0);
    expect(words[(entryOf(GENERATION) + ENTRY.after) >>> 2]).toBeGreaterThanOrEqual(unseen);
  });

  test("finds its way back where more was numbered than came into the ring", () => {
    words.fill(0);
    const done = (layout.laneRows + LANE_ROW.done) >>> 2;
    const progress = memory.progressOf(0, 0);
    progress.begin();
    words[passed] = 30;
    expect(progress.done(0)).toBe(false);
    progress.empty();
    expect(words[done]).toBeLessThan(0);
    words[passed] = 10_000;
    expect(progress.done(40)).toBe(false);
    progress.lost(60, 1024);
    progress.empty();
    expect(words[done]).toBe(10_000);
  });

  test("does not take for done with what others may have overtaken on their way into the ring", () => {
    words.fill(0);
    const done = (layout.laneRows + LANE_ROW.done) >>> 2;
    const progress = memory.progressOf(0, 0);
    progress.begin();
    words[passed] = 1001;
    progress.done(1000);
    expect(words[done]).toBeLessThan(1000);
    progress.done(1);
    expect(words[done]).toBe(1001);
  });
});
