/** The profiles of software whose source is public: balancers, routers, what P4 and network cards do. */
import { ADDRESSES, behavior, FIVE_TUPLE, hash, hashTest, modulo, PORTS, type Profile, published, selectorTest } from "./row.ts";

export const SOFTWARE_PROFILES: readonly Profile[] = [
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
    hash: hash("katran", ["source-address", ...PORTS], "none"),
    selector: { name: "maglev-katran-v2", options: { buckets: 65537 } },
    fragments: "dropped",
    icmpErrors: "quoted",
    hashClaim: published(
      hashTest("katran"),
      "the seeds are its build's for 512 addresses served; the flags of an address (no source port, the destination's port alone) and its connection table are left out",
    ),
    selectionClaim: published(
      selectorTest("maglev-katran"),
      "a member's own hash is its address, and its place in the order is that of its address",
    ),
    sources: ["facebookincubator/katran katran/lib/MaglevHashV2.cpp, katran/lib/bpf/balancer_kern.c"],
  },
  {
    name: "cilium",
    summary: "Cilium's Maglev: jhash over source, ports and protocol, not the destination; 16381 places",
    hash: hash("cilium", ["source-address", ...PORTS, "protocol"], "none"),
    selector: { name: "maglev-cilium", options: { buckets: 16381 } },
    fragments: "first-with-ports",
    icmpErrors: "outer",
    hashClaim: published(
      hashTest("cilium"),
      "of a cluster that was told no seed; its connection and fragment tables are left out",
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
