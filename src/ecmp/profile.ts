/**
 * Whole routers by name: what each hashes, how it chooses, and what becomes of fragments and of ICMP errors. `ecmp profiles`
 * prints this table and a configuration may name a row. More than 300 lines, because it is one table.
 *
 * A row claims what is shown and no more. Its two halves, the hash and the selection, are each
 *
 *   bit-exact    the same answer as the real thing for every input that the named tests try
 *   algorithm    the published algorithm, held by the named tests against published vectors or a slow twin of its text, and
 *                not against the real thing
 *   policy       the published behavior (what moves, what counts); the arithmetic behind it is ours
 *   structure    what goes in is published, what is made of it is not: another function stands in
 *
 * and the row as a whole is the lesser of the two. Not here: Cisco's "tunnel" algorithm, of which nothing is published that
 * would tell it from "universal", and other rows that could only be renamed copies.
 */
import type { MemberOrder } from "./member-order.ts";
import type { FragmentRule, IcmpErrorRule } from "./packet-rule.ts";
import type { SelectorOptions } from "./table.ts";

export const FIDELITIES = ["bit-exact", "algorithm", "policy", "structure"] as const;
export type Fidelity = (typeof FIDELITIES)[number];

/** "given": whatever the configuration says; "none": the router has no such thing. */
export type SeedRule = "given" | "none";

export interface ProfileHash {
  /** A row of HASHES, or "linux", which is `linux/policy.ts` with this policy and these bits of fields. */
  readonly algorithm: string;
  readonly policy?: 0 | 1 | 2 | 3;
  readonly mask?: number;
  /** In key order, by the names of `key.ts`. */
  readonly fields: readonly string[];
  readonly seed: SeedRule;
  /** How many of the seed's low bits count, if not all 32. */
  readonly seedBits?: number;
  /** SAI's: by how many bits the hash is turned. Absent: the router has no such thing. */
  readonly offset?: number;
  /** Both directions of a flow hash alike. */
  readonly symmetric: boolean;
}

export interface ProfileSelector {
  /** A row of SELECTORS. */
  readonly name: string;
  readonly options: SelectorOptions;
}

export interface Claim {
  readonly level: Fidelity;
  /** With bit-exact and algorithm: the tests that show it. */
  readonly shownBy?: readonly string[];
  /** What is ours, where it is not the router's. */
  readonly note?: string;
}

export interface Profile {
  readonly name: string;
  readonly summary: string;
  readonly hash: ProfileHash;
  readonly selector: ProfileSelector;
  /** Where it is known; by address elsewhere. */
  readonly memberOrder?: MemberOrder;
  readonly fragments: FragmentRule;
  readonly icmpErrors: IcmpErrorRule;
  readonly hashClaim: Claim;
  readonly selectionClaim: Claim;
  /** Where the router itself departs from what this row says, and the switch that departs with it. */
  readonly departs?: string;
  readonly sources: readonly string[];
}

/** The lesser of the two claims. */
export const fidelityOf = ({ hashClaim, selectionClaim }: Profile): Fidelity =>
  FIDELITIES[Math.max(FIDELITIES.indexOf(hashClaim.level), FIDELITIES.indexOf(selectionClaim.level))];

const ADDRESSES = ["source-address", "destination-address"];
const THREE_TUPLE = [...ADDRESSES, "protocol"];
const PORTS = ["source-port", "destination-port"];
const FIVE_TUPLE = [...THREE_TUPLE, ...PORTS];
const INNER_ADDRESSES = ["inner-source-address", "inner-destination-address"];

const standIn = (name: string, more = ""): Claim => ({
  level: "structure",
  note: `the function is not published; ${name} stands in${more}`,
});
const published = (shownBy: readonly string[], note: string): Claim => ({ level: "algorithm", shownBy, note });
const hashTest = (name: string): string[] => [`test/ecmp/hash/${name}.test.ts`];
const selectorTest = (name: string): string[] => [`test/ecmp/select/${name}.test.ts`];
const behavior = (note: string): Claim => ({ level: "policy", note });
const unknownTable: Claim = { level: "structure", note: "how the hash becomes a next hop is not published; modulo stands in" };
const modulo: ProfileSelector = { name: "modulo", options: {} };
const hash = (algorithm: string, fields: readonly string[], seed: SeedRule, symmetric = false): ProfileHash => ({
  algorithm,
  fields,
  seed,
  symmetric,
});
const linuxHash = (policy: 0 | 1 | 2 | 3, fields: readonly string[], mask?: number): ProfileHash => ({
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

const CUMULUS_DOCUMENT =
  "CumulusNetworks/docs content/cumulus-linux-37/Layer-3/Equal-Cost-Multipath-Load-Sharing-Hardware-ECMP.md";
const CISCO_DOCUMENT = "Cisco IOS IP Switching: CEF load balancing, ip cef load-sharing algorithm";
const JUNIPER_DOCUMENT = "Junos OS: load-balance per-packet, hash-key, consistent-hash";

const ROWS: readonly Profile[] = [
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
  {
    name: "cumulus-broadcom",
    summary: "Cumulus on Broadcom, resilient hashing on: an added next hop takes some buckets at once",
    hash: hash("crc16-ccitt", [...FIVE_TUPLE, "ingress-port"], "given"),
    selector: { name: "cumulus-broadcom", options: { buckets: 128 } },
    fragments: "address-only",
    icmpErrors: "outer",
    hashClaim: { level: "structure", note: "cl-ecmpcalc offers this CRC; how the chip applies it is not published" },
    selectionClaim: behavior("which buckets move is not published"),
    sources: [CUMULUS_DOCUMENT],
  },
  {
    name: "cumulus-spectrum",
    summary: "Cumulus on Spectrum, resilient hashing on: an added next hop waits for idle buckets; symmetric",
    hash: hash("crc16-ccitt", [...FIVE_TUPLE, "ingress-port"], "given", true),
    selector: { name: "cumulus-spectrum", options: { buckets: 64, idleTimerSeconds: 120, unbalancedTimerSeconds: 0 } },
    fragments: "address-only",
    icmpErrors: "outer",
    hashClaim: standIn("crc16-ccitt"),
    selectionClaim: behavior("which idle bucket moves is not published"),
    sources: [CUMULUS_DOCUMENT],
  },
  {
    name: "cisco-ios-original",
    summary: "CEF, original algorithm: addresses, the same on every router, so tiers of them polarize",
    hash: hash("crc32", ADDRESSES, "none"),
    selector: modulo,
    fragments: "address-only",
    icmpErrors: "outer",
    hashClaim: standIn("crc32"),
    selectionClaim: unknownTable,
    sources: [CISCO_DOCUMENT],
  },
  {
    name: "cisco-ios-universal",
    summary: "CEF, universal algorithm (the default): addresses and an identifier of each router's own",
    hash: hash("murmur3-32", ADDRESSES, "given"),
    selector: modulo,
    fragments: "address-only",
    icmpErrors: "outer",
    hashClaim: standIn("murmur3-32", ", because under a CRC a seed would not undo polarization"),
    selectionClaim: unknownTable,
    sources: [CISCO_DOCUMENT],
  },
  {
    name: "cisco-ios-include-ports",
    summary: "CEF, include-ports source destination: as universal, with the ports",
    hash: hash("murmur3-32", [...ADDRESSES, ...PORTS], "given"),
    selector: modulo,
    fragments: "address-only",
    icmpErrors: "outer",
    hashClaim: standIn("murmur3-32", "; ports of fragments are our reading"),
    selectionClaim: unknownTable,
    sources: [CISCO_DOCUMENT],
  },
  {
    name: "cisco-xr",
    summary: "IOS XR, resilient hashing with flow auto-recovery: who returns takes its own buckets back",
    hash: hash("crc32", FIVE_TUPLE, "given"),
    selector: { name: "auto-recovery", options: { buckets: 128 } },
    fragments: "address-only",
    icmpErrors: "outer",
    hashClaim: standIn("crc32"),
    selectionClaim: behavior("the number of buckets and who gets which is ours"),
    sources: ["Cisco 8000 series routers: persistent load balancing and auto-recovery, IOS XR 24.4.1 and later"],
  },
  {
    name: "juniper-default",
    summary: "Junos without a load-balance policy: one next hop a destination, whoever asks",
    hash: hash("crc32", ["destination-address"], "none"),
    selector: modulo,
    fragments: "address-only",
    icmpErrors: "outer",
    hashClaim: standIn("crc32"),
    selectionClaim: unknownTable,
    sources: [JUNIPER_DOCUMENT],
  },
  {
    name: "juniper-per-packet",
    summary: "Junos load-balance per-packet, which is per flow: addresses and protocol, by default without ports",
    hash: hash("crc32", THREE_TUPLE, "given"),
    selector: modulo,
    fragments: "address-only",
    icmpErrors: "outer",
    hashClaim: standIn("crc32"),
    selectionClaim: unknownTable,
    sources: [JUNIPER_DOCUMENT],
  },
  {
    name: "juniper-consistent-hash",
    summary: "Junos load-balance consistent-hash: when a member fails only its flows move",
    hash: hash("crc32", THREE_TUPLE, "given"),
    selector: { name: "resilient", options: { buckets: 256 } },
    fragments: "address-only",
    icmpErrors: "outer",
    hashClaim: standIn("crc32"),
    selectionClaim: behavior("the number of buckets and who gets which is ours"),
    sources: [JUNIPER_DOCUMENT],
  },
  {
    name: "arista-recmp",
    summary: "EOS resilient ECMP, capacity 16 and redundancy 8: duplicates fill the slots of absent next hops",
    hash: hash("crc32", FIVE_TUPLE, "given"),
    selector: { name: "arista-recmp", options: { capacity: 16, redundancy: 8 } },
    fragments: "address-only",
    icmpErrors: "outer",
    hashClaim: standIn("crc32"),
    selectionClaim: behavior("which duplicate fills which slot is not published"),
    sources: ["Arista EOS: ip hardware fib ecmp resilience PREFIX capacity N redundancy M"],
  },
  {
    name: "nokia-srl",
    summary: "SR Linux: the 5-tuple, of fragments without ports; a seed of 16 bits",
    hash: { ...hash("crc16-ibm", FIVE_TUPLE, "given"), seedBits: 16 },
    selector: { name: "threshold", options: {} },
    fragments: "address-only",
    icmpErrors: "outer",
    hashClaim: standIn("crc16-ibm"),
    selectionClaim: { level: "structure", note: "how the hash becomes a next hop is not published; threshold stands in" },
    sources: ["documentation.nokia.com/srlinux/25-10: IP ECMP load balancing"],
  },
  {
    name: "nokia-sros-sticky",
    summary: "SR OS sticky ECMP: 64 buckets, a change of next hops moves as few as it can",
    hash: hash("crc32", ADDRESSES, "given"),
    selector: { name: "resilient", options: { buckets: 64 } },
    fragments: "address-only",
    icmpErrors: "outer",
    hashClaim: standIn("crc32"),
    selectionClaim: behavior("who gets which bucket is ours"),
    sources: ["Nokia SR OS: sticky ECMP"],
  },
  {
    name: "sonic-sai",
    summary: "SONiC over SAI: SAI_HASH_ALGORITHM_CRC over the default fields, seed 0, offset 0, not symmetric",
    hash: { ...hash("sai-crc", FIVE_TUPLE, "given"), offset: 0 },
    selector: modulo,
    fragments: "address-only",
    icmpErrors: "outer",
    hashClaim: { level: "structure", note: "SAI names the algorithm; polynomial and width are each chip's own" },
    selectionClaim: unknownTable,
    sources: ["opencomputeproject/SAI inc/saiswitch.h, inc/saihash.h", "sonic-net/SONiC doc/hash/hash-design.md"],
  },
  {
    name: "sonic-fgnhg",
    summary: "SONiC fine-grained next-hop groups: banks that keep changes to themselves",
    hash: { ...hash("sai-crc", FIVE_TUPLE, "given"), offset: 0 },
    selector: { name: "sonic-fgnhg", options: { buckets: 60 } },
    fragments: "address-only",
    icmpErrors: "outer",
    hashClaim: { level: "structure", note: "SAI names the algorithm; polynomial and width are each chip's own" },
    selectionClaim: published(
      selectorTest("vendors"),
      "which bucket of a member goes first follows its number, not the order in which it got them",
    ),
    sources: ["sonic-net/sonic-swss orchagent/fgnhgorch.cpp", "sonic-net/SONiC doc/ecmp/fine_grained_next_hop_hld.md"],
  },
  {
    name: "bmv2",
    summary: "behavioral-model's action selector with the crc16 of P4's examples: the hash's remainder picks",
    hash: hash("crc16-ibm", FIVE_TUPLE, "none"),
    selector: modulo,
    memberOrder: "configured",
    fragments: "payload-as-ports",
    icmpErrors: "outer",
    hashClaim: published(
      hashTest("crc"),
      "the fields are the P4 program's choice; a program that parses ports without looking at the offset",
    ),
    selectionClaim: published(
      selectorTest("modulo"),
      "all of one weight; its members are in the order of their handles, for which the written order stands; its remainder is of 64 bits, of which its crc16 fills 16",
    ),
    sources: ["p4lang/behavioral-model src/bm_sim/calculations.cpp, src/bm_sim/action_profile.cpp"],
  },
  {
    name: "toeplitz-rss",
    summary: "receive-side scaling of network cards and DPDK: Toeplitz with Microsoft's key, 128 entries of indirection",
    hash: hash("toeplitz", [...ADDRESSES, ...PORTS], "none"),
    selector: { name: "resilient", options: { buckets: 128 } },
    fragments: "address-only",
    icmpErrors: "outer",
    hashClaim: { level: "bit-exact", shownBy: ["test/ecmp/hash/toeplitz.test.ts"], note: "the published vectors, IPv4 and IPv6" },
    selectionClaim: behavior("entries are dealt in turn, as drivers do by default; a changed table is the operator's business"),
    sources: ["Microsoft: Verifying the RSS Hash Calculation", "DPDK app/test/test_thash.c"],
  },
  {
    name: "vpp",
    summary: "VPP: a lookup3 mix over the 5-tuple, fragments and IP options not looked at",
    hash: hash("lookup3", FIVE_TUPLE, "given"),
    selector: { name: "resilient", options: { buckets: 8192 } },
    fragments: "payload-as-ports",
    icmpErrors: "outer",
    hashClaim: {
      level: "structure",
      note: "VPP mixes addresses, protocol and ports as three words; lookup3 over the key stands in",
    },
    selectionClaim: {
      level: "structure",
      note: "a power of two of buckets, as near as 8192 comes; VPP takes fewer and sorts by weight",
    },
    sources: ["FDio/vpp src/vnet/ip/ip4_inlines.h, src/vnet/ip/ip_flow_hash.h"],
  },
  {
    name: "katran",
    summary: "Katran: jhash over source and ports, not the destination; Maglev of 65537",
    hash: hash("jhash", ["source-address", ...PORTS], "none"),
    selector: { name: "maglev-katran-v2", options: { buckets: 65537 } },
    fragments: "dropped",
    icmpErrors: "quoted",
    hashClaim: published(
      hashTest("jhash"),
      "of IPv6 the source is one part of the key here and a hash of its own there; its connection table is left out",
    ),
    selectionClaim: published(
      selectorTest("maglev-katran"),
      "a member's own hash is its address, and its place in the order is that of its address",
    ),
    sources: ["facebookincubator/katran katran/lib/MaglevHashV2.cpp, katran/lib/bpf/balancer_helpers.h"],
  },
  {
    name: "cilium",
    summary: "Cilium's Maglev: jhash over source, ports and protocol, not the destination; 16381 places",
    hash: hash("jhash", ["source-address", ...PORTS, "protocol"], "given"),
    selector: { name: "maglev-cilium", options: { buckets: 16381 } },
    fragments: "first-with-ports",
    icmpErrors: "outer",
    hashClaim: published(
      hashTest("jhash"),
      "protocol is one byte of the key here and a word there; its connection and fragment tables are left out",
    ),
    selectionClaim: published(selectorTest("maglev-cilium"), "a backend's name is made of its address and one port for all"),
    sources: ["cilium/cilium bpf/lib/hash.h, pkg/maglev/maglev.go"],
  },
  {
    name: "lemming",
    summary: "openconfig/lemming: CRC-32 (IEEE) modulo the sum of the weights",
    hash: hash("crc32", FIVE_TUPLE, "none"),
    selector: modulo,
    fragments: "address-only",
    icmpErrors: "outer",
    hashClaim: published(hashTest("crc"), "the fields are the configuration's, and their order there is ours"),
    selectionClaim: published(
      selectorTest("modulo"),
      "weights are divided by their common factor here; its member order is that of a Go map, any",
    ),
    sources: ["openconfig/lemming dataplane/saiserver/routing.go"],
  },
];

export const PROFILES: ReadonlyMap<string, Profile> = new Map(ROWS.map((row) => [row.name, row]));

/** Of whoever says nothing: the router's, where one is named and its order known. */
export const memberOrderOf = (profile: string | undefined): MemberOrder => PROFILES.get(profile ?? "")?.memberOrder ?? "address";
