/**
 * What is wrong, and what follows from it. A BgpError ends the session, and is itself the NOTIFICATION that says so (RFC
 * 4271 4.5). A Fault is something wrong in an UPDATE, with the one of the four consequences that RFC 7606 gives it.
 */
import { ERROR_NAMES } from "./iana.ts";
import type { Family } from "./nlri.ts";

export interface BgpError {
  readonly code: number;
  readonly subcode: number;
  readonly data: Uint8Array;
}

/** What a decoder answers: it never throws. */
export type Decoded<T> = { readonly value: T } | { readonly error: BgpError };

/**
 * From the mildest to the strongest (RFC 7606 section 2): the attribute is not believed, the routes of the message are not,
 * nothing of the address family is for the rest of the session, nothing at all is and the session ends.
 */
export const CONSEQUENCES = ["discard", "treat-as-withdraw", "disable-family", "reset"] as const;
export type Consequence = (typeof CONSEQUENCES)[number];

/** A fault that the session survives, or the `error` that it does not. `what` reads on from the attribute's name. */
export type Fault = { readonly attribute?: string; readonly what: string } & (
  | { readonly consequence: "discard" | "treat-as-withdraw" }
  | { readonly consequence: "disable-family"; readonly family: Family }
  | { readonly consequence: "reset"; readonly error: BgpError }
);

/** What a NOTIFICATION of 4,096 bytes has room for behind its header and codes: what is wrong may be longer (RFC 8654). */
export const MAXIMUM_ERROR_DATA = 4096 - 19 - 2;

export const bgpError = (code: number, subcode: number, data: ArrayLike<number> = []): BgpError => ({
  code,
  subcode,
  data: Uint8Array.from(data).subarray(0, MAXIMUM_ERROR_DATA),
});

/** "Cease/Administrative Shutdown", in the words of the IANA registry; numbers where it has none. */
export function errorName(error: BgpError): string {
  const row = ERROR_NAMES[error.code];
  const name = row?.[0] ?? `Error ${error.code}`;
  const subcode = row?.[1][error.subcode];
  if (subcode !== undefined) return `${name}/${subcode}`;
  return error.subcode === 0 ? name : `${name}/subcode ${error.subcode}`;
}

export function strongest(faults: readonly Fault[]): "none" | Consequence {
  if (faults.length === 0) return "none";
  return CONSEQUENCES.findLast((consequence) => faults.some((fault) => fault.consequence === consequence)) ?? "none";
}

export const formatFault = (fault: Fault): string => `${fault.attribute ?? "UPDATE"} ${fault.what}`;
