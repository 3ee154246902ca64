/**
 * The rule by which a router decides, in words and without any flow: whose it is, the hash and what goes into it, how many bits
 * come out, and how they become a member. Explanations begin with it.
 *
 *   linux-l4: fib_multipath_hash_policy 1 with seed 42; 31 bits; upper bounds (linux-threshold)
 *   xxh32 with seed 42 over 5-tuple; 32 bits; remainder by buckets (modulo)
 *   katran: katran over source-address, source-port, destination-port; 32 bits; remainder by buckets (maglev-katran-v2);
 *     fragments dropped; ICMP errors quoted
 */
import type { HashOptions } from "../ecmp/flow-hash.ts";
import { HASHES } from "../ecmp/hash.ts";
import { type AddressMask, nameFields } from "../ecmp/key.ts";
import { LINUX_HASH_BITS } from "../ecmp/linux/policy.ts";
import type { SelectionTable } from "../ecmp/table.ts";

const REDUCTIONS: Readonly<Record<SelectionTable["reduction"], string>> = {
  buckets: "remainder by buckets",
  bounds: "upper bounds",
};

export function describeRule(hash: HashOptions, selector: string, reduction: SelectionTable["reduction"]): string {
  const { profile, algorithm, offset = 0 } = hash;
  const parts = [
    algorithm === "linux" ? describeKernel(hash) : describeHash(hash),
    `${algorithm === "linux" ? LINUX_HASH_BITS : HASHES[algorithm].bits} bits`,
    ...(offset === 0 ? [] : [`turned right by ${offset}`]),
    `${REDUCTIONS[reduction]} (${selector})`,
    ...(algorithm === "linux" ? [] : describePacketRules(hash)),
  ];
  return `${profile === undefined ? "" : `${profile}: `}${parts.join("; ")}`;
}

function describeKernel({ linux = { policy: 1 }, seed }: HashOptions): string {
  const { policy, fields, socketHash } = linux;
  const mask = fields === undefined ? "" : `, fib_multipath_hash_fields 0x${fields.toString(16).padStart(3, "0")},`;
  const sockets = socketHash === undefined ? "" : `, of TCP a draw of its socket's (${socketHash}) instead`;
  return `fib_multipath_hash_policy ${policy}${mask} with seed ${seed}${sockets}`;
}

function describeHash({ algorithm, fields, seed, key, symmetric, masks = {} }: HashOptions): string {
  const { seeded } = HASHES[algorithm];
  const keyed = key !== undefined ? ` with key ${key}` : seeded ? ` with seed ${seed}` : "";
  const masked = Object.entries(masks).map(([name, bits]) => `, of ${name} ${describeMask(bits)}`);
  return `${algorithm}${keyed} over ${nameFields(fields)}${masked.join("")}${symmetric ? ", both directions alike" : ""}`;
}

/** What makes a packet's key another than its flow's, where it is not as unless told; the kernel's ways are its own. */
function describePacketRules({ fragments = "address-only", icmpErrors = "outer" }: HashOptions): string[] {
  return [
    ...(fragments === "address-only" ? [] : [`fragments ${fragments}`]),
    ...(icmpErrors === "outer" ? [] : [`ICMP errors ${icmpErrors}`]),
  ];
}

const describeMask = (mask: AddressMask = {}): string =>
  Object.entries(mask)
    .map(([family, bits]) => `${bits} bits (${family})`)
    .join(" and ");
