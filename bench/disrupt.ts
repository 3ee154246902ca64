/**
 * How fast is a sweep, and what does tracking connections save? `ecmp disrupt` over 10 million flows and six selectors, on one
 * thread and on all, beside the murmur3 loop that every figure is held against; then the run that JET's authors publish with
 * their code (its times are no figure, its counts are). Before anything is timed, threads must give the answer of one.
 */
import { availableParallelism } from "node:os";
import { pathToFileURL } from "node:url";
import { changeGroup } from "../src/ecmp/change.ts";
import { SELECTORS } from "../src/ecmp/selector.ts";
import type { Member } from "../src/ecmp/table.ts";
import type { FlowRecipe } from "../src/experiment/flows.ts";
import { sweep } from "../src/experiment/sweep.ts";
import { JET_EXAMPLE, runTracking } from "../src/experiment/tracking.ts";
import { systemClock } from "../src/net/clock.ts";
import { murmur3 } from "./reference.ts";
import { median } from "./statistics.ts";

const FLOWS = 10_000_000;
const TURNS = 5;
const NAMES = ["modulo", "threshold", "hrw", "resilient", "maglev", "ring"];

const hash = { algorithm: "xxh32", fields: ["5-tuple"], seed: 42 };
const recipe = (count: number): FlowRecipe => ({
  count,
  seed: 1,
  sources: { address: 0xac100000, length: 12 },
  destination: 0xc633640a,
  destinationPort: 80,
});

export async function run(): Promise<void> {
  const members: Member[] = Array.from({ length: 8 }, (_, i) => ({ address: 0x0a000001 + i, weight: 1 }));
  const changes = NAMES.map((name) => {
    const before = changeGroup(undefined, members, SELECTORS[name]).after;
    const staying = members.filter((_, i) => i !== 2);
    return { change: changeGroup(before, staying, SELECTORS[name]), hashBits: SELECTORS[name].hashBits };
  });
  const threads = availableParallelism();
  const [one, many] = [await sweep(changes, recipe(2_000_000), hash, 1), await sweep(changes, recipe(2_000_000), hash, threads)];
  if (JSON.stringify(one) !== JSON.stringify(many))
    throw new Error(`A sweep on ${threads} threads gave another answer than on one`);

  const times: Record<string, number[]> = { reference: [], one: [], all: [] };
  for (let turn = 0; turn < TURNS; turn++) {
    times.reference.push(await timeOf(async () => void hashReference()));
    times.one.push(await timeOf(() => sweep(changes, recipe(FLOWS), hash, 1)));
    times.all.push(await timeOf(() => sweep(changes, recipe(FLOWS), hash, threads)));
  }
  const nanosecondsPerHash = (median(times.reference) * 1e6) / FLOWS;
  console.log(
    `${FLOWS / 1e6} million flows, ${NAMES.join(", ")}: one of 8 departs (murmur3-32 in the same run: ${nanosecondsPerHash.toFixed(2)} ns)`,
  );
  console.table(
    [
      { threads: 1, milliseconds: median(times.one) },
      { threads, milliseconds: median(times.all) },
    ].map(({ threads, milliseconds }) => ({
      threads,
      seconds: Number((milliseconds / 1e3).toFixed(2)),
      "ns per flow and selector": Number(((milliseconds * 1e6) / FLOWS / NAMES.length).toFixed(1)),
      "in murmur3 hashes": Number(((milliseconds * 1e6) / FLOWS / NAMES.length / nanosecondsPerHash).toFixed(2)),
    })),
  );

  console.log("Connections broken, JET's published example (theirs: 7417 with full tracking, 0 with JET)");
  const { opened, failures, none, full, jet, maxOverMean } = runTracking(JET_EXAMPLE);
  console.table([
    { tracking: "none", ...none },
    { tracking: "full", ...full },
    { tracking: "jet", ...jet },
  ]);
  console.log(`${opened} connections, ${failures} servers failed, the fullest had ${maxOverMean.toFixed(3)} times the mean`);
}

/** FLOWS hashes. */
function hashReference(): number {
  const words = new Uint32Array(4);
  let sum = 0;
  for (let i = 0; i < FLOWS; i++) {
    words[0] = i;
    sum = (sum + murmur3(words, 4, 42)) | 0;
  }
  return sum;
}

async function timeOf(task: () => Promise<unknown>): Promise<number> {
  const start = systemClock.nowMs();
  await task();
  return systemClock.nowMs() - start;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await run();
