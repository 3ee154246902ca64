/**
 * What the FIB believes, as plain JSON: the answer of `ecmp show groups --json`, and what `ecmp explain --state` reads. It
 * holds all that decides a flow's next hop, so that another process, another day, decides the same.
 */
import type { HashOptions } from "../ecmp/flow-hash.ts";
import type { MemberOrder } from "../ecmp/member-order.ts";
import type { SelectorMemory, SelectorOptions } from "../ecmp/table.ts";
import type { RouteAction } from "../rib/route.ts";

export type HashState = HashOptions;

export type SelectorState = { readonly name: string } & SelectorOptions;

export interface MemberState {
  readonly address: string;
  readonly weight: number;
  /** How many buckets (or, of 2^32, how many hashes) are this member's. */
  readonly share: number;
}

/** As `BucketActivity`, when the state was asked for. */
export interface ActivityState {
  /** For each bucket, how long ago its last packet was; null: none since it came to its member. */
  readonly idleSeconds: readonly (number | null)[];
  readonly unbalancedSeconds: number;
}

export interface GroupState {
  readonly id: number;
  /** The prefixes that use this group. */
  readonly prefixes: readonly string[];
  readonly members: readonly MemberState[];
  readonly reduction: "buckets" | "bounds";
  /** For each bucket or range, the index of its member. */
  readonly owners: readonly number[];
  /** With reduction "bounds": the upper bound of each range. */
  readonly bounds?: readonly number[];
  /** What a stateful selector remembers besides. */
  readonly memory?: SelectorMemory;
  /** Why the group does not go by the selector but by the hash's remainder. */
  readonly refusal?: string;
  /** Of a selector with timers. */
  readonly activity?: ActivityState;
}

/** What has no group, and is not forwarded by one although a shorter prefix has. */
export interface DirectState {
  /** Addresses of the router itself. */
  readonly local: readonly string[];
  /** The subnets of its ports. */
  readonly attached: readonly string[];
}

/** A prefix whose packets are thrown away on purpose. */
export interface ActionState {
  readonly prefix: string;
  readonly action: RouteAction;
}

export interface FibState {
  readonly hash: HashState;
  readonly selector: SelectorState;
  readonly memberOrder: MemberOrder;
  readonly groups: readonly GroupState[];
  /** Unless there are none. */
  readonly actions?: readonly ActionState[];
  /** Unless nothing is known of it: a configuration has what it says of its ports, and not what the kernel has. */
  readonly direct?: DirectState;
}
