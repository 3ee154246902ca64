/** Whom a packet is handed to on its way: the next hop, or who has the destination where that is attached. For the slow path. */
import { type FibImage, lookup } from "../fib/image.ts";
import { GROUP_RECORD, GROUPS, NEXT_HOP_KIND, NEXT_HOP_RECORD, NEXT_HOPS } from "../fib/layout.ts";
import type { Address, Ipv4Address } from "../net/address.ts";

export interface NextNeighbor {
  readonly address: Address;
  readonly port: number;
}

export interface NextNeighborOptions {
  readonly image: FibImage;
  /** Of the FIB. */
  nextHopName(index: number): Address | string | undefined;
  portOf(address: Address): number | undefined;
}

export type NextNeighbors = ReturnType<typeof createNextNeighbors>;

/** Kinds of next hops that somebody stands for. */
const LEADING: readonly number[] = [NEXT_HOP_KIND.attached, NEXT_HOP_KIND.incomplete, NEXT_HOP_KIND.reachable];

export function createNextNeighbors({ image, nextHopName, portOf }: NextNeighborOptions) {
  const { words } = image;

  /** Behind the next hop of that index. */
  const of = (nextHop: number, destination: Address): NextNeighbor | undefined => {
    if (!LEADING.includes(words[words[NEXT_HOPS + nextHop] + NEXT_HOP_RECORD.kind])) return undefined;
    const name = nextHopName(nextHop);
    const isAttached = typeof name === "string" && name.startsWith("attached:");
    const address = isAttached ? destination : (name as Address | undefined);
    const port = address === undefined ? undefined : portOf(address);
    return address === undefined || port === undefined ? undefined : { address, port };
  };

  return {
    of,

    /** As the routes are now. Of several members the first: the question is on which side somebody lies. */
    toward(address: Ipv4Address): NextNeighbor | undefined {
      const record = words[GROUPS + lookup(image, address)];
      return record === 0 ? undefined : of(words[record + GROUP_RECORD.owners], address);
    },
  };
}
