/**
 * Polarization: a router that hashes as the one before it did sees only flows that hash alike, and sends them all one way.
 * The same flows go through tiers of routers; each tier's routers hash in one way, and every link of a tier leads to a router
 * of its own in the next.
 *
 *   tier 1    1 router        tier 2    a router behind each link of tier 1
 *               ├─ link 1 ─────────────── ├─ link 1   ├─ link 2
 *               └─ link 2 ─────────────── ├─ link 3   └─ link 4
 *
 * What helps is another seed, other fields, or an offset: SAI's rotation of the hash to the right by so many bits.
 */
import { type SelectionTable, select } from "../ecmp/table.ts";
import { type Evenness, judgeEvenness } from "./balance.ts";
import type { Hashing } from "./flow-hashes.ts";

export interface Tier {
  readonly hashing: Hashing;
  readonly table: SelectionTable;
}

export interface TierLoad extends Omit<Evenness, "chiSquare" | "degreesOfFreedom" | "pValue"> {
  readonly links: number;
  /** Links that any flow takes. */
  readonly used: number;
  /** Flows of each link. */
  readonly flows: readonly number[];
}

/** `hashesOf` gives the hashes of the same flows, in the same order, by a tier's way of hashing. */
export function measurePolarization(tiers: readonly Tier[], hashesOf: (hashing: Hashing) => Uint32Array): TierLoad[] {
  let weights = [1];
  let routers: Uint32Array | undefined;
  return tiers.map(({ hashing, table }) => {
    const ways = table.members.length;
    const routersBefore = routers;
    const links = hashesOf(hashing).map((value, flow) => {
      const router = routersBefore ? routersBefore[flow] : 0;
      return router * ways + select(table, value);
    });
    weights = weights.flatMap((weight) => table.members.map((member) => weight * member.weight));
    const flows = new Array<number>(weights.length).fill(0);
    for (const link of links) flows[link]++;
    routers = links;
    const evenness = judgeEvenness(
      flows,
      weights.map((weight) => ({ weight })),
    );
    return {
      links: flows.length,
      used: flows.filter((count) => count > 0).length,
      maxOverMean: evenness.maxOverMean,
      coefficientOfVariation: evenness.coefficientOfVariation,
      flows,
    };
  });
}
