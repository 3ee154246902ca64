/** The profiles of Linux, by `fib_multipath_hash_policy`: what `../linux` does. */
import { ADDRESSES, type Claim, FIVE_TUPLE, hash, type Profile, type ProfileHash, THREE_TUPLE } from "./row.ts";

const INNER_ADDRESSES = ["inner-source-address", "inner-destination-address"];
export const linuxHash = (policy: 0 | 1 | 2 | 3, fields: readonly string[], mask?: number): ProfileHash => ({
  ...hash("linux", fields, "given", true),
  policy,
  ...(mask === undefined ? {} : { mask }),
});

const PACKET_TEST = "test/ecmp/linux/packets-kernel.test.ts";
const ROUTE_TEST = "test/ecmp/linux/route-kernel.test.ts";
const RESILIENT_TEST = "test/ecmp/linux/resilient-kernel.test.ts";
const KERNEL_HASH: Claim = { level: "bit-exact", shownBy: [ROUTE_TEST, PACKET_TEST] };
const KERNEL_THRESHOLD: Claim = {
  level: "bit-exact",
  shownBy: [ROUTE_TEST, PACKET_TEST],
  note: "next hops that are up; how a bound is rounded, one hash in 2^31, is from the source",
};
const LINUX = {
  selector: { name: "linux-threshold", options: {} },
  memberOrder: "configured",
  hashClaim: KERNEL_HASH,
  selectionClaim: KERNEL_THRESHOLD,
  sources: ["Linux net/ipv4/route.c, net/ipv6/route.c, net/core/flow_dissector.c", "Documentation/networking/ip-sysctl.rst"],
} as const;

export const LINUX_PROFILES: readonly Profile[] = [
  {
    ...LINUX,
    name: "linux-l3",
    summary: "fib_multipath_hash_policy 0: addresses, and of IPv6 the flow label and the next header",
    hash: linuxHash(0, ADDRESSES),
    fragments: "address-only",
    icmpErrors: "quoted-addresses",
  },
  {
    ...LINUX,
    name: "linux-l4",
    summary: "fib_multipath_hash_policy 1: the 5-tuple",
    hash: linuxHash(1, FIVE_TUPLE),
    fragments: "address-only",
    icmpErrors: "outer",
    departs:
      "a packet that carries a transport hash already is chosen by that: over veth, TCP of the same machine carries its socket's random number, drawn anew after each retransmission timeout. Switch: socketHash",
  },
  {
    ...LINUX,
    name: "linux-inner",
    summary: "fib_multipath_hash_policy 2: the addresses of the innermost header (IPIP, SIT, GRE)",
    hash: linuxHash(2, [...ADDRESSES, ...INNER_ADDRESSES]),
    fragments: "address-only",
    icmpErrors: "outer",
    departs: "for its own packets, and in what `ip -6 route get` answers, the kernel looks at the outer header: origin local",
  },
  {
    ...LINUX,
    name: "linux-custom",
    summary: "fib_multipath_hash_policy 3: any of twelve fields, outer and inner (the default: addresses and protocol)",
    hash: linuxHash(3, THREE_TUPLE, 0x007),
    fragments: "address-only",
    icmpErrors: "outer",
    departs:
      "for its own packets, and in what `ip -6 route get` answers, the kernel leaves the last mixing step out: origin local",
  },
  {
    ...LINUX,
    name: "linux-resilient",
    summary: "a resilient next-hop group under policy 1: buckets that move when they are idle, or overdue",
    hash: linuxHash(1, FIVE_TUPLE),
    selector: { name: "linux-resilient", options: { buckets: 128, idleTimerSeconds: 120, unbalancedTimerSeconds: 0 } },
    fragments: "address-only",
    icmpErrors: "outer",
    selectionClaim: { level: "bit-exact", shownBy: [RESILIENT_TEST], note: "128 buckets are ours, the kernel has no default" },
    departs: "as linux-l4",
    sources: [...LINUX.sources, "net/ipv4/nexthop.c", "Documentation/networking/nexthop-group-resilient.rst"],
  },
];
