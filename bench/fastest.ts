/**
 * The fastest turn of each task, over several rounds of them all. What else runs on a machine only ever makes turns slower, and
 * does so for seconds at a time: a round that it spoils is made good by another.
 */
import type { Bench } from "tinybench";

const ROUNDS = 6;

/** Milliseconds, by the name of the task. */
export async function fastestTurns(bench: Bench, rounds = ROUNDS): Promise<Map<string, number>> {
  const fastest = new Map<string, number>();
  for (let round = 0; round < rounds; round++) {
    for (const { name, result } of await bench.run()) {
      if (result.state !== "completed") throw new Error(`The bench "${name}" did not complete: ${result.state}`);
      fastest.set(name, Math.min(result.latency.min, fastest.get(name) ?? Number.POSITIVE_INFINITY));
    }
  }
  return fastest;
}
