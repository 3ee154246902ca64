/**
 * What a kernel itself noted of packets: sets of nftables that its rules fill, one entry for each flow (and what else a rule
 * adds), named by protocol, source address and source port. The witness of what a fault threw away, and of where a Linux router sent what.
 */
import { z } from "zod";
import { inNamespace } from "./namespace.ts";
import { execute } from "./process.ts";

/** As many flows as there are ports. */
const SIZE = 65_535;

/** The set `name` in a table of nftables, of flows and further columns of these types. */
export const flowSet = (name: string, ...types: readonly string[]): string =>
  `set ${name} { type ${["ipv4_addr", "inet_proto", "inet_service", ...types].join(" . ")}; size ${SIZE}; flags dynamic; }`;

/** The statement that adds a packet's flow to it, of TCP and UDP. */
export const noteFlow = (name: string, ...columns: readonly string[]): string =>
  `meta l4proto { tcp, udp } update @${name} { ${["ip saddr", "meta l4proto", "th sport", ...columns].join(" . ")} }`;

const listing = z.object({
  nftables: z.array(
    z.object({
      set: z.object({ elem: z.array(z.object({ concat: z.array(z.union([z.string(), z.number()])) })).optional() }).optional(),
    }),
  ),
});

/** "udp 10.0.1.2:20000": a flow as its source knows it. */
export const flowSource = (protocol: string, address: string, port: string | number): string => `${protocol} ${address}:${port}`;

export interface FlowNote {
  /** By its `flowSource`. */
  readonly flow: string;
  readonly columns: readonly string[];
}

/** What is in a set of the netdev family. */
export async function readFlowSet(namespace: string, table: string, name: string): Promise<FlowNote[]> {
  const said = await execute(inNamespace(namespace, ["nft", "-j", "list", "set", "netdev", table, name]));
  const entries = listing.parse(JSON.parse(said)).nftables.flatMap(({ set }) => set?.elem ?? []);
  return entries.map(({ concat: [address, protocol, port, ...columns] }) => ({
    flow: flowSource(String(protocol), String(address), port),
    columns: columns.map(String),
  }));
}
