/**
 * What a kernel's connection tracking knows (`conntrack -L`), of IPv4: the witness of which node a flow entered, even where nobody
 * answered it, and of what a NAT made of one.
 */
import { formatAddress } from "../net/address.ts";
import { type Lab, nextHopsOf } from "./lab.ts";
import { inNamespace } from "./namespace.ts";
import { flowSource } from "./packet-record.ts";
import { execute } from "./process.ts";

export interface Tuple {
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
}

/** A connection as its first packet came, and as its answers have to come. */
export interface TrackedConnection {
  readonly protocol: string;
  readonly original: Tuple;
  readonly reply: Tuple;
}

export const readTracked = async (namespace: string, protocol: string): Promise<TrackedConnection[]> =>
  parseTracked(await execute(inNamespace(namespace, ["conntrack", "-L", "-p", protocol])));

const TUPLE = /src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)/g;

/** A line each: protocol, number, seconds, perhaps a state, both tuples with flags between and behind; and a summary. */
export function parseTracked(listing: string): TrackedConnection[] {
  return listing.split("\n").flatMap((line) => {
    const [original, reply] = [...line.matchAll(TUPLE)].map(
      ([, source, destination, from, to]): Tuple => ({
        source,
        sourcePort: Number(from),
        destination,
        destinationPort: Number(to),
      }),
    );
    return original && reply ? [{ protocol: line.split(" ")[0], original, reply }] : [];
  });
}

/** By a flow's `flowSource`, the nodes that track it, as next hops: whose kernels have seen packets of it. */
export async function readTrackedBy(lab: Lab, protocol: string): Promise<Map<string, Set<string>>> {
  const trackedBy = new Map<string, Set<string>>();
  const readNode = async (node: Lab["nodes"][number]) => {
    for (const { original } of await readTracked(node.name, protocol)) {
      const source = flowSource(protocol, original.source, original.sourcePort);
      const nextHops = nextHopsOf(node).map(formatAddress);
      trackedBy.set(source, new Set([...(trackedBy.get(source) ?? []), ...nextHops]));
    }
  };
  await Promise.all(lab.nodes.map(readNode));
  return trackedBy;
}
