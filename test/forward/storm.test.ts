/**
 * Routes that change as fast as they can, under all the traffic that the machine can make. A packet sees one image or the next,
 * never some of both. Two services go by groups that change all the time, each to addresses of one node only; what one gives up
 * the other one uses again, and a worker that still looked at it would send a packet to the wrong node.
 */
import { afterEach, describe, expect, test } from "vitest";
import { readCounters } from "#src/dataplane/counters.ts";
import { flowOffloadChoices } from "../common/flow-offload.ts";
import { inNamespace } from "../common/namespace.ts";
import { FIRST, FULL_RATE, NODES, SECOND, type Supervised, startSupervised } from "./supervised.ts";

/** Of both services. */
const CHANGES = 1000;
const PACKETS = 50_000;

/** One of the seven choices of some of three. */
const some = (three: readonly number[], choice: number): number[] =>
  three.filter((_, bit) => (((choice % 7) + 1) & (1 << bit)) !== 0);

await inNamespace(import.meta.url, () => {
  let supervised: Supervised | undefined;

  afterEach(async () => {
    await supervised?.stop();
    supervised = undefined;
  });

  const cases = flowOffloadChoices().flatMap((flowOffload) => [1, 2].map((workers) => ({ workers, flowOffload })));

  describe.each(cases)(
    "in a storm of changes, $workers of the workers (flowOffload: $flowOffload)",
    ({ workers, flowOffload }) => {
      test("deliver nothing to the wrong place, and have counted every frame whenever they are asked", {
        timeout: 150_000,
      }, async () => {
        supervised = await startSupervised({ workers, flowOffload });
        const { counted, carried, expectBalance, change, underTraffic, supervisor } = supervised;
        let changes = 0;
        const { heard, unheard } = await underTraffic([FIRST, SECOND], FULL_RATE, async () => {
          const from = counted().forwarded;
          for (; changes < CHANGES || counted().forwarded < from + PACKETS; changes++) {
            change(FIRST, some(NODES[0].addresses, changes));
            change(SECOND, some(NODES[1].addresses, changes * 3));
            expectBalance();
            if (changes % 16 === 0) await new Promise(setImmediate);
          }
        });
        expect(heard.map(({ wrong }) => wrong)).toEqual([0, 0]);
        for (const { right } of heard) expect(right).toBeGreaterThan(5000);
        expect(unheard).toBe(0);
        if (flowOffload) expect(carried()).toBeGreaterThan(PACKETS / 10);
        else
          for (const memory of supervisor.counterMemories)
            expect(readCounters([memory], NODES.length + 1).forwarded).toBeGreaterThan(PACKETS / 10);
      });
    },
  );
});
