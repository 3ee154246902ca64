/**
 * Many changes over many flows. The flows are made once and counted over every change; above a few million they are divided
 * among the threads of a pool (piscina). Counts add up, so the answer is the same whatever the number of threads.
 */
import { availableParallelism } from "node:os";
import type { HashOptions } from "../ecmp/flow-hash.ts";
import { addCounts, createCounts, type Disruption, type MoveCounts, summarize } from "./disruption.ts";
import type { FlowRecipe } from "./flows.ts";
import { countChunk, type SweepChunk, type SweptChange } from "./sweep-chunk.ts";

/** Flows times changes from which on threads pay for their start. */
const WORTH_THREADS = 10_000_000;
const CHUNK_FLOWS = 1 << 20;

export async function sweep(
  changes: readonly SweptChange[],
  recipe: FlowRecipe,
  hash: HashOptions,
  threads: number = availableParallelism(),
): Promise<Disruption[]> {
  const whole = { changes, recipe, hash, from: 0, to: recipe.count };
  const isWorthThreads = threads > 1 && recipe.count * changes.length >= WORTH_THREADS;
  const parts = isWorthThreads ? await countInThreads(whole, threads) : [countChunk(whole)];
  return changes.map(({ change }, i) => {
    const counts = createCounts(change);
    for (const part of parts) addCounts(counts, part[i]);
    return summarize(change, counts);
  });
}

async function countInThreads(whole: SweepChunk, threads: number): Promise<MoveCounts[][]> {
  // Loaded only when it is needed: most experiments are over before a pool has started.
  const { Piscina } = await import("piscina");
  // Named with each chunk: so who has none loads nothing, for Node aborts when a thread is ended while it loads a module.
  const worker = { filename: new URL("./sweep-chunk.js", import.meta.url).href, name: "countChunk" };
  const pool = new Piscina<SweepChunk, MoveCounts[]>({ minThreads: threads, maxThreads: threads });
  try {
    const starts = Array.from({ length: Math.ceil(whole.to / CHUNK_FLOWS) }, (_, i) => i * CHUNK_FLOWS);
    const chunks = starts.map((from) => ({ ...whole, from, to: Math.min(whole.to, from + CHUNK_FLOWS) }));
    return await Promise.all(chunks.map((chunk) => pool.run(chunk, worker)));
  } finally {
    await pool.destroy();
  }
}
