/**
 * Whole routers by name: what each hashes, how it chooses, and what becomes of fragments and of ICMP errors. `ecmp profiles`
 * prints this list and a configuration may name a row. A new one is one row in `profile/`; what a row claims is said there.
 */
import type { MemberOrder } from "./member-order.ts";
import { LINUX_PROFILES } from "./profile/linux.ts";
import type { Profile } from "./profile/row.ts";
import { SOFTWARE_PROFILES } from "./profile/software.ts";
import { SWITCH_PROFILES } from "./profile/switch.ts";

export { fidelityOf, type Profile } from "./profile/row.ts";

export const PROFILES: ReadonlyMap<string, Profile> = new Map(
  [...LINUX_PROFILES, ...SWITCH_PROFILES, ...SOFTWARE_PROFILES].map((row) => [row.name, row]),
);

/** Of whoever says nothing: the router's, where one is named and its order known. */
export const memberOrderOf = (profile: string | undefined): MemberOrder => PROFILES.get(profile ?? "")?.memberOrder ?? "address";
