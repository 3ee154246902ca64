/**
 * What a kernel itself noted of packets: sets of nftables that its rules fill, an entry for each flow (and what else a rule
 * adds), one set for each family and protocol. The witness of what a fault threw away, and of where a Linux router sent what.
 */
import { z } from "zod";
import { parseAddress } from "../net/address.ts";
import { type Flow, PROTOCOLS } from "../net/flow.ts";
import type { Place } from "./place.ts";
import { execute } from "./process.ts";

/** As many flows as there are ports. */
const SIZE = 65_535;

/** A type of its own for the protocol would make them one; nft 1.0.6 loses it when it lists them. */
const KINDS = (["tcp", "udp"] as const).flatMap((protocol) =>
  (["ip", "ip6"] as const).map((family) => ({ protocol, family, suffix: `-${protocol}-${family}` })),
);

/** The sets `name` in a table of nftables, of flows and further columns of these types. */
export const flowSets = (name: string, ...types: readonly string[]): string =>
  KINDS.map(({ family, suffix }) => {
    const address = family === "ip" ? "ipv4_addr" : "ipv6_addr";
    const key = [address, "inet_service", address, "inet_service", ...types].join(" . ");
    return `set ${name}${suffix} { type ${key}; size ${SIZE}; flags dynamic; }`;
  }).join("\n  ");

/** The statements that add a packet's flow to them. */
export const noteFlow = (name: string, ...columns: readonly string[]): string =>
  KINDS.map(({ protocol, family, suffix }) => {
    const key = [`${family} saddr`, `${protocol} sport`, `${family} daddr`, `${protocol} dport`, ...columns].join(" . ");
    return `update @${name}${suffix} { ${key} }`;
  }).join("\n    ");

const element = z.object({
  concat: z.tuple([z.string(), z.number(), z.string(), z.number()], z.union([z.string(), z.number()])),
});
const listing = z.object({
  nftables: z.array(z.object({ set: z.object({ name: z.string(), elem: z.array(element).optional() }).optional() })),
});

export interface FlowNote {
  readonly flow: Flow;
  readonly columns: readonly string[];
}

/** What is in the sets `name` of a table of the netdev family. */
export async function readFlowSets(place: Place, table: string, name: string): Promise<FlowNote[]> {
  const said = await execute(place(["nft", "-j", "list", "table", "netdev", table]));
  return listing.parse(JSON.parse(said)).nftables.flatMap(({ set }) => {
    const kind = KINDS.find(({ suffix }) => set?.name === name + suffix);
    return (kind && set?.elem?.map((each) => toNote(kind.protocol, each.concat))) ?? [];
  });
}

function toNote(
  protocol: "tcp" | "udp",
  [from, sourcePort, to, destinationPort, ...columns]: z.infer<typeof element>["concat"],
): FlowNote {
  const [source, destination] = [parseAddress(from), parseAddress(to)];
  if (source === undefined || destination === undefined) throw new Error(`nft lists ${from} and ${to} among addresses`);
  return {
    flow: { protocol: PROTOCOLS[protocol], source, destination, sourcePort, destinationPort },
    columns: columns.map(String),
  };
}
