/** A part of a sweep: some of the flows, over all changes. A thread of the pool runs it by its name; a small sweep calls it. */
import type { GroupChange } from "../ecmp/change.ts";
import type { HashOptions } from "../ecmp/flow-hash.ts";
import { createTally, type MoveCounts } from "./disruption.ts";
import { hashRecipe } from "./flow-hashes.ts";
import type { FlowRecipe } from "./flows.ts";

/** A change, and the bits of hash that its tables are drawn over (`Selector.hashBits`). */
export interface SweptChange {
  readonly change: GroupChange;
  readonly hashBits: number | undefined;
}

export interface SweepChunk {
  readonly changes: readonly SweptChange[];
  readonly recipe: FlowRecipe;
  readonly hash: HashOptions;
  /** Numbers of flows. */
  readonly from: number;
  readonly to: number;
}

/** As many hashes as a core's second cache holds. */
const BLOCK = 1 << 16;

export function countChunk({ changes, recipe, hash, from, to }: SweepChunk): MoveCounts[] {
  const tallies = changes.map(({ change }) => createTally(change));
  const widths = new Set(changes.map(({ hashBits }) => hashBits));
  for (let start = from; start < to; start += BLOCK) {
    for (const bits of widths) {
      const hashes = hashRecipe(recipe, { options: hash, bits }, start, Math.min(to, start + BLOCK));
      changes.forEach(({ hashBits }, i) => {
        if (hashBits === bits) tallies[i].count(hashes);
      });
    }
  }
  return tallies.map(({ counts }) => counts);
}
