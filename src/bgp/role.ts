/** What two ASes are to each other (RFC 9234 section 4.1): in the role capability, and in the rules against route leaks. */

/** In the order of their numbers. */
export const ROLES = ["provider", "rs-server", "rs-client", "customer", "peer"] as const;
export type Role = (typeof ROLES)[number];
