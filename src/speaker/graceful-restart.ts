/**
 * What a helper owes a neighbor that restarts gracefully (RFC 4724 section 4.2, RFC 8538): which of its routes outlive the
 * session, and which of them outlive its return. Pure; `intake.ts` keeps them and the time.
 */
import type { BgpError } from "../bgp/error.ts";
import { ERROR } from "../bgp/iana.ts";
import { type Family, hasFamily } from "../bgp/nlri.ts";
import { isHardReset } from "../bgp/notification.ts";
import type { Agreement } from "./agreement.ts";

/** How a session ended, or an attempt at one. */
export type EndCause =
  /** By us: the neighbor was stopped, reset or removed. */
  | { readonly kind: "stopped" }
  /** Without a word: the TCP connection is gone. */
  | { readonly kind: "closed" }
  | { readonly kind: "notification"; readonly direction: "sent" | "received"; readonly error: BgpError };

/** The families whose routes are kept in use, for a while, although the session that brought them is over. */
export function familiesKept({ families, gracefulRestart }: Agreement, cause: EndCause): readonly Family[] {
  if (!gracefulRestart || !isRestart(cause, gracefulRestart.notification)) return [];
  return families.filter((family) => gracefulRestart.families.some((listed) => hasFamily([listed.family], family)));
}

/** Of the families kept, those whose routes the returned peer still forwards by: its OPEN says so with each family's F bit. */
export function familiesPreserved({ families, gracefulRestart }: Agreement): readonly Family[] {
  const preserved = gracefulRestart?.families.filter(({ forwardingPreserved }) => forwardingPreserved) ?? [];
  return families.filter((family) => preserved.some((listed) => hasFamily([listed.family], family)));
}

/**
 * RFC 8538 section 4: where both sides know it, a NOTIFICATION is no end of forwarding either, unless it is a Hard Reset. A
 * Cease of ours is a decision and no accident: too many prefixes, say, or a path that BFD found broken.
 */
function isRestart(cause: EndCause, notification: boolean): boolean {
  if (cause.kind !== "notification") return cause.kind === "closed";
  const { direction, error } = cause;
  if (direction === "sent") return notification && error.code !== ERROR.cease;
  return notification && !isHardReset(error);
}
