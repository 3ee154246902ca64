/** A worker that dies under traffic, again and again, and its successors. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { WorkerMessage } from "#src/dataplane/worker.ts";
import { launchWorker } from "#src/router/supervisor.ts";
import { flowOffloadChoices } from "../common/flow-offload.ts";
import { inNamespace } from "../common/namespace.ts";
import { BOTH, type Supervised, startSupervised } from "./supervised.ts";

const BATCH = 64;
/** The keeper takes its time with one that dies again and again. */
const DEATHS = 4;

/** In the order in which the keeper hears of it; a worker is known by when it was launched. */
interface Step {
  readonly worker: number;
  readonly what: "launched" | "seated" | "died" | WorkerMessage;
}

await inNamespace(import.meta.url, () => {
  describe.each(flowOffloadChoices())("workers that die (flowOffload: %s)", (flowOffload) => {
    const steps: Step[] = [];
    let supervised: Supervised;

    const happened = (what: Step["what"]): Step[] => steps.filter((step) => step.what === what);
    const until = async (isSo: () => boolean): Promise<void> => {
      while (!isSo()) await new Promise(setImmediate);
    };

    beforeAll(async () => {
      supervised = await startSupervised({
        workers: 1,
        flowOffload,
        launch(start) {
          const worker = launchWorker(start);
          const number = happened("launched").length;
          const note = (what: Step["what"]): void => void steps.push({ worker: number, what });
          note("launched");
          worker.on("message", note);
          const post = worker.postMessage.bind(worker);
          worker.postMessage = (seat) => {
            note("seated");
            post(seat);
          };
          return worker;
        },
        onDeath: () => void steps.push({ worker: happened("seated").length - 1, what: "died" }),
      });
    }, 30_000);

    afterAll(() => supervised?.stop());

    test("a worker that dies under traffic is replaced by one that is warm already, and what it counted stays", {
      timeout: 60_000,
    }, async () => {
      const { counted, expectBalance, forwards, breakWorker } = supervised;
      const { heard, unheard } = await supervised.underTraffic([BOTH], 20_000, async () => {
        for (let death = 1; death <= DEATHS; death++) {
          await until(() => happened("warm").length > death);
          await forwards(1000);
          const { received } = counted();
          breakWorker();
          await until(() => happened("ready").length > death);
          expect(counted().received).toBeGreaterThanOrEqual(received);
          expectBalance();
        }
        await forwards(1000);
      });
      // Nothing lies between a death and the successor's first breath but its seat: no thread begins, no code gets warm.
      const course = steps.filter(({ what }) => what !== "bell" && what !== "acknowledged");
      const from = course.findIndex(({ what }) => what === "died");
      const cycle = (worker: number): Step[] => [
        { worker: worker - 1, what: "died" },
        { worker, what: "seated" },
        { worker, what: "ready" },
        { worker: worker + 1, what: "launched" },
        { worker: worker + 1, what: "warm" },
      ];
      const wanted = Array.from({ length: DEATHS }, (_, death) => cycle(death + 1)).flat();
      expect(course.slice(from, from + wanted.length - 1)).toEqual(wanted.slice(0, -1));
      expect(heard.map(({ wrong }) => wrong)).toEqual([0, 0]);
      // A batch that was sent and not yet counted dies with its worker.
      expect(unheard).toBeLessThanOrEqual(0);
      expect(unheard).toBeGreaterThanOrEqual(-DEATHS * BATCH);
      expect(supervised.carried() > 0).toBe(flowOffload);
    });

    test("workers that cannot be seated leave the place to those who have it, and forward nothing beside them", {
      timeout: 60_000,
    }, async () => {
      let died: string[] = [];
      const { unheard } = await supervised.underTraffic([BOTH], 20_000, async () => {
        await supervised.forwards(1000);
        died = await supervised.takeOver((start) => {
          const worker = launchWorker(start);
          const post = worker.postMessage.bind(worker);
          // Nowhere to count: who sits down finds out.
          worker.postMessage = (seat) => post({ ...seat, counters: undefined });
          return worker;
        });
        await supervised.forwards(1000);
      });
      expect(died).toHaveLength(3);
      expect(unheard).toBe(0);
    });
  });
});
