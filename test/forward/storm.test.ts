/**
 * Routes that change as fast as they can, under all the traffic that the machine can make. A packet sees one image or the next, never
 * some of both, which would show at the nodes: as a frame with one node's MAC at the other, or of a service that is not there. While
 * records are given up and used again, a route beside them stays as it is.
 */
import { afterEach, describe, expect, test } from "vitest";
import { readCounters } from "#src/dataplane/counters.ts";
import { inNamespace } from "../common/namespace.ts";
import { CHANGING, CONSTANT, FULL_RATE, NODES, type Supervised, startSupervised } from "./supervised.ts";

const CHANGES = 2000;
const PACKETS = 100_000;
const WAYS = [[NODES[0]], [NODES[1]], NODES, [NODES[1], NODES[0]]];

await inNamespace(import.meta.url, () => {
  let supervised: Supervised | undefined;

  afterEach(async () => {
    await supervised?.stop();
    supervised = undefined;
  });

  describe.each([1, 2])("in a storm of changes, %i of the workers", (workers) => {
    test("deliver nothing to the wrong place, and have counted every frame whenever they are asked", {
      timeout: 60_000,
    }, async () => {
      supervised = await startSupervised({ workers });
      const { counted, expectBalance, change, underTraffic, supervisor } = supervised;
      let changes = 0;
      const { heard, unheard } = await underTraffic([CHANGING, CONSTANT], FULL_RATE, async () => {
        const from = counted().forwarded;
        for (; changes < CHANGES || counted().forwarded < from + PACKETS; changes++) {
          change(CHANGING, WAYS[changes % WAYS.length]);
          expectBalance();
          if (changes % 16 === 0) await new Promise(setImmediate);
        }
      });
      expect(heard.map(({ wrong }) => wrong)).toEqual([0, 0]);
      for (const { right } of heard) expect(right).toBeGreaterThan(5000);
      expect(unheard).toBe(0);
      for (const memory of supervisor.counterMemories)
        expect(readCounters([memory], NODES.length + 1).forwarded).toBeGreaterThan(PACKETS / 10);
    });
  });
});
