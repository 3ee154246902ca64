/**
 * Is the distribution even? Flows and bytes of each member against what its weight entitles it to: `ecmp balance` prints it.
 * A table's own unevenness (128 buckets over three members) and the hash's show alike, because packets feel both.
 */
import { type Member, type SelectionTable, select } from "../ecmp/table.ts";
import type { Address } from "../net/address.ts";
import { seededRandom } from "../net/random.ts";
import { chiSquareTest } from "./chi-square.ts";

export interface Balance {
  readonly flows: number;
  /** The fullest member's flows, relative to its due. */
  readonly maxOverMean: number;
  /** The standard deviation of the members' flows, each relative to its due. */
  readonly coefficientOfVariation: number;
  readonly chiSquare: number;
  readonly degreesOfFreedom: number;
  readonly pValue: number;
  readonly members: readonly MemberTraffic[];
}

export interface MemberTraffic {
  readonly address: Address;
  readonly weight: number;
  readonly flows: number;
  /** Only of flows whose packets were counted: a capture's. */
  readonly packets?: number;
  readonly bytes: number;
}

/** How much each flow is, in the same order as the hashes. */
export interface FlowSizes {
  readonly bytes: Float64Array;
  readonly packets?: Float64Array;
}

export function measureBalance(table: SelectionTable, hashes: Uint32Array, { bytes, packets }: FlowSizes): Balance {
  const loads = table.members.map(() => ({ flows: 0, packets: 0, bytes: 0 }));
  hashes.forEach((hash, i) => {
    const load = loads[select(table, hash)];
    load.flows++;
    load.bytes += bytes[i];
    if (packets) load.packets += packets[i];
  });
  const flowCounts = loads.map(({ flows }) => flows);
  return {
    ...judgeEvenness(flowCounts, table.members),
    flows: hashes.length,
    members: table.members.map(({ address, weight }, i) => {
      const { packets: sent, ...load } = loads[i];
      return { address, weight, flows: load.flows, ...(packets && { packets: sent }), bytes: load.bytes };
    }),
  };
}

export type Evenness = Pick<Balance, "maxOverMean" | "coefficientOfVariation" | "chiSquare" | "degreesOfFreedom" | "pValue">;

/** Counts against shares in proportion to weights. All zero and a p-value of 1 where there is nothing to be uneven. */
export function judgeEvenness(counts: readonly number[], weights: readonly Pick<Member, "weight">[]): Evenness {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const totalWeight = weights.reduce((sum, { weight }) => sum + weight, 0);
  if (total === 0) return { maxOverMean: 0, coefficientOfVariation: 0, chiSquare: 0, degreesOfFreedom: 0, pValue: 1 };
  const dues = weights.map(({ weight }) => (total * weight) / totalWeight);
  const ratios = counts.map((count, i) => count / dues[i]);
  const variance = ratios.reduce((sum, ratio) => sum + (ratio - 1) ** 2, 0) / ratios.length;
  const { statistic, degreesOfFreedom, pValue } = chiSquareTest(counts, dues);
  return {
    maxOverMean: Math.max(...ratios),
    coefficientOfVariation: Math.sqrt(variance),
    chiSquare: statistic,
    degreesOfFreedom,
    pValue,
  };
}

const LEAST_BYTES = 64;
const MOST_BYTES = 1e9;
const PARETO_SHAPE = 1.1;

/**
 * Sizes of flows as networks have them, few elephants and many mice: a Pareto distribution between 64 bytes and 1 GB, of
 * shape 1.1. Bytes are less even than flows; how much less is what this shows.
 */
export function drawBytes(count: number, seed: number): Float64Array {
  const random = seededRandom(seed);
  const reach = 1 - (LEAST_BYTES / MOST_BYTES) ** PARETO_SHAPE;
  return Float64Array.from({ length: count }, () =>
    Math.floor(LEAST_BYTES / (1 - (random() / 0x100000000) * reach) ** (1 / PARETO_SHAPE)),
  );
}
