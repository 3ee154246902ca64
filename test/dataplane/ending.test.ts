/** The words by which the workers of one data plane tell those of the next that they may begin. */
import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { awaitEndings, createEndings, ENDING, setEnding } from "#src/dataplane/ending.ts";

const MODULE = new URL("../../dist/src/dataplane/ending.js", import.meta.url).href;
const WAITER = `
  const { parentPort, workerData } = require("node:worker_threads");
  import(${JSON.stringify(MODULE)}).then(({ awaitEndings, ENDING }) => {
    for (const ending of [ENDING.deaf, ENDING.drained]) {
      parentPort.postMessage("waits");
      awaitEndings(workerData, ending, () => false);
    }
    parentPort.postMessage("goes on");
  });`;

describe("endings", () => {
  it("hold another thread until every worker has come so far", async () => {
    const endings = createEndings(2);
    const waiter = new Worker(WAITER, { eval: true, workerData: endings });
    const said: string[] = [];
    let heard = (): void => {};
    waiter.on("message", (message: string) => {
      said.push(message);
      heard();
    });
    const next = (count: number): Promise<void> =>
      new Promise((resolve) => {
        heard = () => said.length >= count && resolve();
        heard();
      });
    await next(1);
    // A worker that has drained has gone deaf as well.
    setEnding(endings, 1, ENDING.drained);
    expect(said).toEqual(["waits"]);
    setEnding(endings, 0, ENDING.deaf);
    await next(2);
    expect(said).toEqual(["waits", "waits"]);
    setEnding(endings, 0, ENDING.drained);
    await next(3);
    expect(said.at(-1)).toBe("goes on");
    await waiter.terminate();
  });

  it("hold nobody who is to end himself", () => {
    awaitEndings(createEndings(1), ENDING.drained, () => true);
  });
});
