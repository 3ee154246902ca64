/**
 * What becomes of a flow, offline: the packet path's own steps (lookup, key, hash, table) from a restored FIB. `explain`
 * puts words to it, forecasts compare two of them.
 */
import { createFields, flowToFields } from "../ecmp/fields.ts";
import { refusePerPacket } from "../ecmp/flow-hash.ts";
import { createKey, formatKey } from "../ecmp/key.ts";
import { bucketOf } from "../ecmp/table.ts";
import type { Address } from "../net/address.ts";
import type { Flow } from "../net/flow.ts";
import { createLookup, type Direct, type Match } from "./lookup.ts";
import type { RestoredFib } from "./restore.ts";

/**
 * What becomes of the flow's packets: `forwarded` to a next hop, `attached`: to their own destination, `local`: to the router, or
 * thrown away.
 */
export type Fate = "forwarded" | Direct | "no-route";

export interface FlowDecision {
  /** The bytes that were hashed, in hex: of the fields, or, with `linux`, the kernel's own struct. */
  readonly key: string;
  readonly hash: number;
  readonly match: Match | undefined;
  readonly fate: Fate;
  /** The bucket or range, and the member that owns it: its index in the group and its address. */
  readonly bucket: number | undefined;
  readonly owner: number | undefined;
  readonly nextHop: Address | undefined;
}

/** Throws a RangeError where the hash is one by which a flow has no next hop. */
export function createDecider(fib: RestoredFib): (flow: Flow) => FlowDecision {
  const { algorithm, writeKey, hashFields } = fib;
  refusePerPacket(algorithm);
  const lookup = createLookup(fib);
  const fields = createFields();
  const scratch = createKey();
  return (flow) => {
    const length = writeKey(flowToFields(flow, fields), scratch);
    const hash = hashFields(fields) >>> 0;
    const match = lookup(flow.destination);
    const key = formatKey(scratch, length);
    const table = match?.group?.table;
    if (!table || table.owners.length === 0)
      return { key, hash, match, fate: fateWithout(match), bucket: undefined, owner: undefined, nextHop: undefined };
    const bucket = bucketOf(table, hash);
    const owner = table.owners[bucket];
    return { key, hash, match, fate: "forwarded", bucket, owner, nextHop: table.members[owner].address };
  };
}

/** Without a next hop: what members that own nothing get is thrown away, as by the FIB. */
function fateWithout(match: Match | undefined): Fate {
  if (match?.direct) return match.direct;
  return match?.group && match.group.table.members.length > 0 ? "blackhole" : "no-route";
}
