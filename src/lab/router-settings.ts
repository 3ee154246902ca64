/**
 * What stands in the middle of a lab, and how it is set: our router, or what people use instead, a Linux router (FRR and the
 * kernel's own ECMP). `router-process.ts` and `linux-router.ts` start them.
 */
export interface EcmpRouterSettings {
  readonly kind: "ecmp-router";
  /** The section `ecmp` of our configuration file, checked. */
  readonly ecmp: object;
  /** Another one, of some routers, by their names. */
  readonly ecmpOf?: Readonly<Record<string, object>> | undefined;
}

export interface LinuxRouterSettings {
  readonly kind: "linux";
  /** net.ipv4.fib_multipath_hash_policy: 0 addresses, 1 the 5-tuple (or what the socket says), 3 the fields of `fields`. */
  readonly policy: 0 | 1 | 3;
  /** net.ipv4.fib_multipath_hash_fields, under policy 3. */
  readonly fields?: number | undefined;
  /** net.ipv4.fib_multipath_hash_seed. */
  readonly seed: number;
  /** Next hops as a resilient group of so many buckets, as somebody's own agent installs it: FRR 8.4 installs none. */
  readonly resilientBuckets?: number | undefined;
}

export type RouterSettings = EcmpRouterSettings | LinuxRouterSettings;
