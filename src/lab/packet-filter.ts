/**
 * Packets that a node's kernel drops by rules of nftables, and the flows of which it has: what the faults of `fault.ts` do that
 * lose packets.
 */
import { formatFlow } from "../net/flow.ts";
import { readMasquerades } from "./connection-tracking.ts";
import type { ClusterNode, Lab } from "./lab.ts";
import { inNamespace } from "./namespace.ts";
import { flowSets, noteFlow, readFlowSets } from "./packet-record.ts";
import { placeOf } from "./place.ts";
import { execute } from "./process.ts";

/** One for each fault that is one, so that several may be at work at once. */
const FILTER_NAMES = ["silent", "one-way", "loss"] as const;
export type FilterName = (typeof FILTER_NAMES)[number];

const tableOf = (name: FilterName): string => `lab-fault-${name}`;

/** A rule for so many of a hundred packets: noted, and dropped. nft refuses a comparison that is always true. */
export const dropNoted = (percent: number): string =>
  percent === 100 ? "goto thrown" : `numgen random mod 100 < ${percent} goto thrown`;

/** Before anything else of the node's kernel sees a packet, or after everything has. */
export async function dropPackets(
  node: ClusterNode,
  link: string,
  name: FilterName,
  hook: "ingress" | "egress",
  rule: string,
): Promise<void> {
  const rules = `table netdev ${tableOf(name)} {
  ${flowSets("struck")}
  chain thrown {
    ${noteFlow("struck")}
    drop
  }
  chain ${hook} {
    type filter hook ${hook} device ${link} priority -500;
    ${rule}
  }
}
`;
  await execute(inNamespace(node.name, ["nft", "-f", "-"]), rules);
}

/**
 * The rules go, if there are any, and what they noted stays until it is forgotten: also for when the same befalls the node again.
 */
export const endDropping = async ({ name: node }: ClusterNode, name: FilterName): Promise<void> =>
  void (await execute(
    inNamespace(node, ["nft", "-f", "-"]),
    `table netdev ${tableOf(name)} {}\nflush table netdev ${tableOf(name)}\n`,
  ));

/** Fails where it never has. */
export const isDropping = async ({ name: node }: ClusterNode, name: FilterName): Promise<boolean> =>
  (await execute(inNamespace(node, ["nft", "list", "table", "netdev", tableOf(name)]))).includes("drop");

export const forgetDropped = ({ name: node }: ClusterNode): Promise<string> => {
  const tables = FILTER_NAMES.map((name) => `table netdev ${tableOf(name)}`);
  return execute(inNamespace(node, ["nft", "-f", "-"]), tables.map((table) => `${table} {}\ndelete ${table}\n`).join(""));
};

/** The clients' flows among them, also those whose packets go by a node's name on the fabric. */
export async function flowsDropped(lab: Lab, node: ClusterNode, name: FilterName): Promise<string[]> {
  const [notes, masquerades] = await Promise.all([
    readFlowSets(placeOf(node.name), tableOf(name), "struck"),
    readMasquerades(lab),
  ]);
  return notes.map(({ flow }) => masquerades.get(formatFlow(flow)) ?? formatFlow(flow));
}
