/** Where a flow goes, a second way: straight from the JSON state, with the byte-wise hash and the list lookup of the oracles. */
import { readAddress, slowLookup } from "../oracle/lookup.ts";
import { slowXxh32 } from "../oracle/xxh32.ts";

interface State {
  readonly hash: { readonly seed: number };
  readonly groups: readonly {
    readonly prefixes: readonly string[];
    readonly members: readonly { readonly address: string }[];
    readonly reduction: string;
    readonly owners: readonly number[];
    readonly bounds?: readonly number[];
  }[];
}

interface TextFlow {
  readonly protocol: number;
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

export function slowNextHop(state: State, flow: TextFlow): string | undefined {
  const prefix = slowLookup(
    state.groups.flatMap((group) => group.prefixes),
    flow.destination,
  );
  const group = state.groups.find((one) => prefix !== undefined && one.prefixes.includes(prefix));
  if (!group) return undefined;
  const port = (value: number): number[] => [value >> 8, value & 255];
  const bytes = (address: string): number[] => {
    const { bits, value } = readAddress(address);
    return Array.from({ length: bits / 8 }, (_, i) => Number((value >> BigInt(bits - 8 - i * 8)) & 255n));
  };
  const key = [
    ...bytes(flow.source),
    ...bytes(flow.destination),
    flow.protocol,
    ...port(flow.sourcePort),
    ...port(flow.destinationPort),
  ];
  const hash = slowXxh32(Uint8Array.from(key), state.hash.seed);
  const bucket = group.bounds ? group.bounds.findIndex((bound) => hash <= bound) : hash % group.owners.length;
  return group.members[group.owners[bucket]].address;
}
