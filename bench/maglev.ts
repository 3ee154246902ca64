/**
 * What does it cost to fill a Maglev table, and how even are tables? Fill times for 1000 members at the paper's two sizes,
 * beside the murmur3 loop that every figure is held against, and the evenness that the paper's figure 11 shows, which does not
 * depend on the machine. Before anything is timed, the table must be the one that the plain reading of the paper gives.
 */
import { pathToFileURL } from "node:url";
import { Bench } from "tinybench";
import { hrw } from "../src/ecmp/select/hrw.ts";
import { maglev, takeTurns, turnInOrder } from "../src/ecmp/select/maglev.ts";
import { ring } from "../src/ecmp/select/ring.ts";
import { type Member, memberShares, type SelectionTable } from "../src/ecmp/table.ts";
import { fastestTurns } from "./fastest.ts";
import { murmur3 } from "./reference.ts";

const SIZES = [65537, 655373];
const REFERENCE_HASHES = 4096;

const members = (count: number): Member[] => Array.from({ length: count }, (_, i) => ({ address: 0x0a000001 + i, weight: 1 }));

export async function run(): Promise<void> {
  const paper = takeTurns({ offsets: Int32Array.of(3, 0, 3), skips: Int32Array.of(4, 2, 1) }, 7, turnInOrder(3));
  if (paper.join() !== "1,0,1,0,2,2,0")
    throw new Error(`The table of the paper's table 1 is ${paper.join()}, wanted 1,0,1,0,2,2,0`);

  const thousand = members(1000);
  const words = new Uint32Array(4);
  let total = 0;
  const bench = new Bench({ time: 1000, warmupTime: 200 });
  bench.add("murmur3-32 over four words", () => {
    let sum = 0;
    for (let i = 0; i < REFERENCE_HASHES; i++) {
      words[0] = i;
      sum = (sum + murmur3(words, 4, 42)) | 0;
    }
    total = (total + sum) | 0;
  });
  for (const buckets of SIZES) {
    bench.add(`maglev ${buckets}`, () => {
      total += maglev.fill(thousand, { buckets }).owners[0];
    });
  }
  const [[, reference], ...fills] = await fastestTurns(bench);
  if (!Number.isInteger(total)) throw new Error("The answers did not add up to a whole number");

  const nanosecondsPerHash = (reference * 1e6) / REFERENCE_HASHES;
  console.log(`Filling a Maglev table for 1000 members (murmur3-32 in the same run: ${nanosecondsPerHash.toFixed(2)} ns)`);
  console.table(
    fills.map(([name, milliseconds]) => ({
      table: name,
      "ms per fill": Number(milliseconds.toFixed(2)),
      "ns per bucket, in murmur3 hashes": Number(
        ((milliseconds * 1e6) / Number(name.split(" ")[1]) / nanosecondsPerHash).toFixed(2),
      ),
    })),
  );
  console.log("The fullest and the emptiest of 1000 members, relative to the mean");
  console.table(SIZES.flatMap((buckets) => describeEvenness(thousand, buckets)));
}

function describeEvenness(thousand: readonly Member[], buckets: number) {
  const tables: [string, SelectionTable][] = [
    ["maglev", maglev.fill(thousand, { buckets })],
    ["hrw", hrw.fill(thousand, { buckets })],
    ["ring (as many points in all)", ring.fill(thousand, { replicas: Math.round(buckets / 1000) })],
  ];
  return tables.map(([selector, table]) => {
    const shares = memberShares(table);
    const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
    return {
      buckets,
      selector,
      "max/mean": Number((Math.max(...shares) / mean).toFixed(4)),
      "min/mean": Number((Math.min(...shares) / mean).toFixed(4)),
    };
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await run();
