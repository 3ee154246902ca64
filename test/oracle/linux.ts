/**
 * Linux a second way: its multipath hash as a struct that is written field by field, and what a resilient group's members are
 * due.
 */
import { type Member, memberShares, type SelectionTable } from "#src/ecmp/table.ts";
import { slowSipHash } from "./siphash.ts";

export interface SlowKeys {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly protocol: number;
  /** As it lies in memory. */
  readonly flowLabel: Uint8Array;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** `flow_hash_from_keys_seed` on a little-endian machine. */
export function slowFlowHash(keys: SlowKeys, seed: number): number {
  const length = keys.source.length === 4 ? 48 : 72;
  const struct = new Uint8Array(length);
  struct[2] = keys.protocol;
  struct.set(keys.flowLabel, 4);
  const ports = [keys.sourcePort, keys.destinationPort].map((port) => [port >> 8, port & 255]);
  // What lies in memory as b0 b1 is loaded as b1 b0.
  ports.sort((a, b) => a[1] - b[1] || a[0] - b[0]);
  struct.set(ports.flat(), 28);
  const significance = keys.source.length === 4 ? [3, 2, 1, 0] : [...keys.source.keys()];
  const compare = (a: Uint8Array, b: Uint8Array): number => {
    const at = significance.find((i) => a[i] !== b[i]);
    return at === undefined ? 0 : a[at] - b[at];
  };
  const addresses = [keys.source, keys.destination].sort(compare);
  struct.set(addresses[0], 36);
  struct.set(addresses[1], 36 + keys.source.length);
  return slowStructHash(struct, seed);
}

/** The same of the struct's bytes. */
export function slowStructHash(struct: readonly number[] | Uint8Array, seed: number): number {
  const key = new Uint8Array(Uint32Array.of(seed, seed, seed, seed).buffer);
  return Number(slowSipHash(Uint8Array.from(struct), key) & 0xffffffffn) || 1;
}

/** How many buckets of a resilient group each member should have: differences of running sums of weights, each rounded. */
export function slowResilientShares(members: readonly Member[], buckets: number): number[] {
  const total = members.reduce((sum, { weight }) => sum + weight, 0);
  const bounds = members.map((_, i) => {
    const sum = members.slice(0, i + 1).reduce((weights, { weight }) => weights + weight, 0);
    return Math.round((buckets * sum) / total);
  });
  return bounds.map((bound, i) => bound - (i === 0 ? 0 : bounds[i - 1]));
}

export const isBalanced = (table: SelectionTable): boolean =>
  memberShares(table).join() === slowResilientShares(table.members, table.owners.length).join();
