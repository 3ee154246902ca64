/**
 * What the RIB is told and what it tells: updates come in from speakers (and from the configuration), changes go out to
 * the FIB. Values only.
 */
import type { Nlri, PathAttributes } from "../bgp/path.ts";
import type { Role } from "../bgp/role.ts";
import { type Address, type AddressFamily, compareAddresses, type Ipv4Address } from "../net/address.ts";
import type { Prefix } from "../net/prefix.ts";

/** The peer that a route was learned from: what the decision process needs of it. */
export interface RoutePeer {
  readonly address: Address;
  readonly asn: number;
  readonly routerId: Ipv4Address;
  /** eBGP or iBGP, as seen from us. */
  readonly type: "external" | "internal";
  /** Ours towards it, if it is external and one is configured (RFC 9234). */
  readonly role?: Role | undefined;
  /** Grows whenever the peer begins to say everything anew: with each session, and within one when it is asked to. */
  readonly epoch?: number;
}

/**
 * What a session hands over, once per UPDATE, and once when it ends (`lost`: every route of that peer is withdrawn), or when
 * what the peer says of one family can no longer be believed (`lost` of that family). While a peer restarts gracefully, or
 * says everything again, its routes of the epochs before are `stale`: used as before, until they are said again or lost.
 */
export type RouteUpdate =
  | {
      readonly kind: "update";
      readonly peer: RoutePeer;
      readonly withdrawn: readonly Nlri[];
      readonly announced: readonly Nlri[];
      /** Present when anything is announced. */
      readonly attributes?: PathAttributes;
    }
  | { readonly kind: "stale"; readonly peer: RoutePeer; readonly family: AddressFamily }
  | {
      readonly kind: "lost";
      readonly peer: RoutePeer;
      readonly reason: string;
      readonly family?: AddressFamily;
      /** Only what the peer said in an earlier epoch than its present one. */
      readonly staleOnly?: true;
    };

/** Whom we announce to, while its session is up. */
export interface Audience {
  readonly address: Address;
  readonly type: RoutePeer["type"];
  readonly role?: RoutePeer["role"];
  /** Our own address of each family that was agreed on, where the peer can reach us: the next hop that we are. */
  readonly nextHops: Partial<Record<AddressFamily, Address>>;
}

/** What a session is to say. */
export interface RouteAnnouncements {
  readonly withdrawn: readonly Prefix[];
  /** Prefixes of one family that share a path. */
  readonly announcements: readonly { readonly prefixes: readonly Prefix[]; readonly attributes: PathAttributes }[];
}

export const epochOf = ({ epoch = 0 }: RoutePeer): number => epoch;

export interface RouteNextHop {
  readonly address: Address;
  readonly weight: number;
}

/** Each once, in the order of first mentions: with the shares of all of them where shares are told apart. */
export function eachOnce(nextHops: readonly RouteNextHop[], addsUp: boolean): RouteNextHop[] {
  const weights = new Map<Address, number>();
  for (const { address, weight } of nextHops) {
    const known = weights.get(address);
    if (known === undefined || addsUp) weights.set(address, (known ?? 0) + weight);
  }
  return Array.from(weights, ([address, weight]) => ({ address, weight }));
}

/** Two paths over one gateway are one way to go. */
export const byAddress = (nextHops: readonly RouteNextHop[], addsUp: boolean): RouteNextHop[] =>
  eachOnce(nextHops, addsUp).sort((a, b) => compareAddresses(a.address, b.address));

/** What is done with packets in place of forwarding them: thrown away, or thrown away and answered. */
export type RouteAction = "blackhole" | "unreachable";

export type RouteProtocol = "bgp" | "static" | "connected";

/** What the FIB has to do: these prefixes, each named once, now go to these next hops; to none when the list is empty. */
export interface RouteChange {
  readonly prefixes: readonly Prefix[];
  readonly protocol: RouteProtocol;
  /** Of a static route as they are written, learned ones by address; what order a group has them in, the FIB decides. */
  readonly nextHops: readonly RouteNextHop[];
  /** There are no next hops then. */
  readonly action?: RouteAction | undefined;
}
