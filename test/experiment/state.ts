/** FIB states to ask about, as a router would print them: made from members by the selectors, through JSON. */
import { changeGroup } from "#src/ecmp/change.ts";
import { SELECTORS, type SelectorName } from "#src/ecmp/selector.ts";
import { takesOption } from "#src/ecmp/selector-options.ts";
import { type Member, memberShares, type SelectionTable } from "#src/ecmp/table.ts";
import type { FibState, GroupState } from "#src/fib/state.ts";
import { formatAddress, parseAddress } from "#src/net/address.ts";

export interface GroupSketch {
  readonly prefixes: readonly string[];
  /** "10.0.0.1" or "10.0.0.1*3" with a weight. */
  readonly members: readonly string[];
  /** Members that the group had before, one change after the other; what a stateful selector remembers. */
  readonly history?: readonly (readonly string[])[];
}

export interface StateSketch {
  readonly selector: SelectorName;
  /** For a selector that takes them. */
  readonly buckets?: number;
  readonly fields?: readonly string[];
  readonly seed?: number;
  readonly groups: readonly GroupSketch[];
}

export function sketchState({ selector, buckets, fields = ["5-tuple"], seed = 42, groups }: StateSketch): FibState {
  const options = buckets !== undefined && takesOption(selector, "buckets") ? { buckets } : {};
  const state: FibState = {
    hash: { algorithm: "xxh32", fields, seed },
    selector: { name: selector, ...options },
    memberOrder: "address",
    groups: groups.map(({ prefixes, members, history = [] }, i) => {
      let table: SelectionTable | undefined;
      for (const list of [...history, members])
        table = changeGroup(table, list.map(parseMember), SELECTORS[selector], options).after;
      return describeGroup(i + 1, prefixes, table as SelectionTable);
    }),
  };
  return JSON.parse(JSON.stringify(state));
}

function parseMember(text: string): Member {
  const [address, weight = "1"] = text.split("*");
  return { address: parseAddress(address) as Member["address"], weight: Number(weight) };
}

function describeGroup(id: number, prefixes: readonly string[], table: SelectionTable): GroupState {
  const shares = memberShares(table);
  return {
    id,
    prefixes,
    members: table.members.map(({ address, weight }, i) => ({ address: formatAddress(address), weight, share: shares[i] })),
    reduction: table.reduction,
    owners: [...table.owners],
    ...(table.reduction === "bounds" && { bounds: [...table.bounds] }),
    ...(table.memory && { memory: table.memory }),
  };
}
