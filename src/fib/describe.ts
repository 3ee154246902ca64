/** Groups as they are shown: whole, as a saved state has them, and in numbers only, for those who ask often. */
import { type BucketActivity, memberShares } from "../ecmp/table.ts";
import { type Address, compareAddresses, formatAddress } from "../net/address.ts";
import { comparePrefixes, formatPrefix, type Prefix } from "../net/prefix.ts";
import type { Group } from "./groups.ts";
import type { ActivityState, DirectState, GroupState } from "./state.ts";

export interface GroupSize {
  readonly id: number;
  readonly prefixCount: number;
  /** The selector has not filled it. */
  readonly isRefused: boolean;
  /** `share` of the hash's range, 0 to 1. */
  readonly members: readonly { readonly address: Address; readonly share: number }[];
}

export function measureGroup({ id, prefixes, members, table }: Group): GroupSize {
  const shares = memberShares(table);
  const isRefused = table.refusal !== undefined;
  return { id, prefixCount: prefixes, isRefused, members: members.map(({ address }, i) => ({ address, share: shares[i] })) };
}

export const describeDirect = (own: Iterable<Address>, attached: readonly { readonly prefix: Prefix }[]): DirectState => ({
  local: [...own].sort(compareAddresses).map(formatAddress),
  attached: attached
    .map(({ prefix }) => prefix)
    .sort(comparePrefixes)
    .map(formatPrefix),
});

/** `activity`: of the buckets of a selector with timers. */
export function describeGroup(group: Group, prefixes: readonly Prefix[], activity?: BucketActivity): GroupState {
  const { table } = group;
  const shares = memberShares(table);
  const members = group.members.map(({ address, weight }, i) => ({ address: formatAddress(address), weight, share: shares[i] }));
  return {
    id: group.id,
    prefixes: [...prefixes].sort(comparePrefixes).map(formatPrefix),
    members,
    reduction: table.reduction,
    owners: Array.from(table.owners),
    ...(table.reduction === "bounds" ? { bounds: Array.from(table.bounds) } : {}),
    ...(table.memory === undefined ? {} : { memory: table.memory }),
    ...(table.refusal === undefined ? {} : { refusal: table.refusal }),
    ...(activity === undefined ? {} : { activity: describeActivity(activity) }),
  };
}

const describeActivity = ({ idleSeconds, unbalancedSeconds }: BucketActivity): ActivityState => ({
  idleSeconds: Array.from(idleSeconds, (seconds) => (Number.isFinite(seconds) ? seconds : null)),
  unbalancedSeconds,
});
