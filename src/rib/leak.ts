/**
 * Route leaks (RFC 9234 section 5): a path that has come down, from a provider, a route server or a peer, may go down only.
 * ONLY_TO_CUSTOMER says so with the AS that it first went down from; where roles say it and the attribute does not, it is added.
 * Roles are ours towards the neighbor, so they are absent where none is configured and inside an AS. Pure; import and export
 * policy ask.
 */
import type { PathAttributes } from "../bgp/path.ts";
import type { Role } from "../bgp/role.ts";
import type { RoutePeer } from "./route.ts";

/** Where we are one of these, the neighbor is above us or beside: what it says has come down, and nothing that has goes there. */
const UNDER: readonly Role[] = ["customer", "rs-client", "peer"];
/** Where we are one of these, what we say goes down, or to the side, and is marked. */
const OVER: readonly Role[] = ["provider", "rs-server", "peer"];

/** Whether somebody passed it on who should not have: a customer at all, or a peer what is not its own customers'. */
export function isLeak({ role, asn }: RoutePeer, { onlyToCustomer }: PathAttributes): boolean {
  if (role === undefined || onlyToCustomer === undefined) return false;
  return role === "peer" ? onlyToCustomer !== asn : role === "provider" || role === "rs-server";
}

/** The mark of a path as we have it. */
export function markOf(peer: RoutePeer, { onlyToCustomer }: PathAttributes): number | undefined {
  const cameDown = peer.role !== undefined && UNDER.includes(peer.role);
  return onlyToCustomer ?? (cameDown ? peer.asn : undefined);
}

/** Whether a path with that mark may go to whom we are `role`. */
export const mayGoTo = (role: Role | undefined, mark: number | undefined): boolean =>
  mark === undefined || role === undefined || !UNDER.includes(role);

/** The mark that it leaves with. */
export const markFor = (role: Role | undefined, mark: number | undefined, localAsn: number | undefined): number | undefined =>
  mark ?? (role !== undefined && OVER.includes(role) ? localAsn : undefined);
