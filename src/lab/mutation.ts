/**
 * A speaker's own UPDATEs with a few bytes of them turned wrong on their way out, by a rule of nftables in its node's kernel:
 * what the fault `mutate-bgp` does. No proxy, so the session is the one that was there; retransmissions come out the same. TCP's
 * checksum is not written before a packet leaves a veth, and so it need not be mended.
 */
import { randomBelow, seededRandom } from "../net/random.ts";
import type { ClusterNode } from "./lab.ts";
import { inNamespace } from "./namespace.ts";
import { execute } from "./process.ts";

export interface Mutation {
  readonly name: string;
  /** Offsets from the beginning of the message, and what stands there instead. */
  readonly bytes: readonly (readonly [offset: number, value: number])[];
  /** What RFC 7606 makes of it, or RFC 4271 where a message cannot be read. Its routes leave either way. */
  readonly consequence: "treat-as-withdraw" | "session-reset";
}

/**
 * An UPDATE without withdrawn routes, which begins with ORIGIN:
 *
 *   0 marker | 16 length | 18 type | 19 withdrawn length | 21 attributes length | 23 flags, 24 type, 25 length, 26 value of ORIGIN
 */
export const MUTATIONS: readonly Mutation[] = [
  { name: "origin-value", bytes: [[26, 0xff]], consequence: "treat-as-withdraw" },
  { name: "origin-flags", bytes: [[23, 0xc0]], consequence: "treat-as-withdraw" },
  { name: "origin-length", bytes: [[25, 2]], consequence: "treat-as-withdraw" },
  { name: "marker", bytes: [[0, 0]], consequence: "session-reset" },
  { name: "attributes-length", bytes: [[21, 0xff]], consequence: "session-reset" },
  { name: "message-type", bytes: [[18, 9]], consequence: "session-reset" },
];

export const drawMutation = (seed: number): Mutation => MUTATIONS[randomBelow(seededRandom(seed), MUTATIONS.length)];

const TABLE = "lab-mutation";
const BGP_PORT = 179;
const KEEPALIVE_BYTES = 19;

/** Of what it says from now on to the routers, whoever dialed. */
export async function mutateUpdates(node: ClusterNode, link: string, mutation: Mutation): Promise<void> {
  // A speaker's first UPDATE may come in one segment with the KEEPALIVE before it.
  const rules = ["tcp sport", "tcp dport"].flatMap((side) => [
    `${side} ${BGP_PORT} ${mutatedAt(0, mutation)}`,
    `${side} ${BGP_PORT} ${holds(18, 8, "4")} ${mutatedAt(KEEPALIVE_BYTES, mutation)}`,
  ]);
  const chain = `type filter hook egress device ${link} priority -500;\n${rules.join("\n")}`;
  await execute(inNamespace(node.name, ["nft", "-f", "-"]), `table netdev ${TABLE} {\nchain egress {\n${chain}\n}\n}\n`);
}

/** An UPDATE at `start` that announces, and whose first attribute is ORIGIN. */
function mutatedAt(start: number, { bytes }: Mutation): string {
  const isAnnouncement = [holds(start + 18, 8, "2"), holds(start + 21, 16, "!= 0"), holds(start + 24, 8, "1")];
  return [...isAnnouncement, ...bytes.map(([offset, value]) => holds(start + offset, 8, `set ${value}`))].join(" ");
}

/** In nft's words: so many bits at an offset into what TCP carries. */
const holds = (offset: number, bits: number, what: string): string => `@ih,${offset * 8},${bits} ${what}`;

/** Also when nothing was mutated. */
export const leaveUpdates = async ({ name }: ClusterNode): Promise<void> =>
  void (await execute(inNamespace(name, ["nft", "-f", "-"]), `table netdev ${TABLE} {}\ndelete table netdev ${TABLE}\n`));

export const areMutated = async ({ name }: ClusterNode): Promise<boolean> =>
  (await execute(inNamespace(name, ["nft", "list", "tables", "netdev"]))).includes(` ${TABLE}\n`);
