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
import { createLookup, type Match } from "./lookup.ts";
import type { RestoredFib } from "./restore.ts";

export interface FlowDecision {
  /** The bytes that were hashed, in hex: of the fields, or, with `linux`, the kernel's own struct. */
  readonly key: string;
  readonly hash: number;
  readonly match: Match | undefined;
  /** The bucket or range, and the member that owns it: its index in the group and its address. */
  readonly bucket: number | undefined;
  readonly owner: number | undefined;
  readonly nextHop: Address | undefined;
}

/** Throws a RangeError where the hash is one by which a flow has no next hop. */
export function createDecider({ algorithm, groups, writeKey, hashFields }: RestoredFib): (flow: Flow) => FlowDecision {
  refusePerPacket(algorithm);
  const lookup = createLookup(groups);
  const fields = createFields();
  const scratch = createKey();
  return (flow) => {
    const length = writeKey(flowToFields(flow, fields), scratch);
    const hash = hashFields(fields) >>> 0;
    const match = lookup(flow.destination);
    const key = formatKey(scratch, length);
    const table = match?.group.table;
    if (!table || table.owners.length === 0) return { key, hash, match, bucket: undefined, owner: undefined, nextHop: undefined };
    const bucket = bucketOf(table, hash);
    const owner = table.owners[bucket];
    return { key, hash, match, bucket, owner, nextHop: table.members[owner].address };
  };
}
