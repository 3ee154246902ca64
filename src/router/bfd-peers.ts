/**
 * Which BFD sessions a configuration asks for: those of the neighbors that it names, and those of members of a range while
 * they are there. Pure.
 */
import type { BfdPeer } from "../bfd/sessions.ts";
import type { BfdConfig } from "../config/bfd-schema.ts";
import type { Address } from "../net/address.ts";
import { peerType } from "../speaker/agreement.ts";
import { type BgpConfig, policyOf } from "./policy.ts";

const DEFAULTS = {
  minTxMs: 300,
  minRxMs: 300,
  multiplier: 3,
  passive: false,
  echo: false,
  echoMs: 50,
  minimumTtl: 254,
} as const;

const ONE_HOP_TTL = 255;

type Neighbor = NonNullable<ReturnType<typeof policyOf>>;

export function bfdPeers(bgp: BgpConfig | undefined, members: Iterable<Address>): BfdPeer[] {
  if (!bgp) return [];
  const addresses = new Set([...bgp.neighbors.map(({ address }) => address), ...members]);
  return Array.from(addresses).flatMap((address) => {
    const neighbor = policyOf(bgp, address);
    return neighbor?.bfd ? [bfdPeer(bgp, address, neighbor, neighbor.bfd)] : [];
  });
}

function bfdPeer(bgp: BgpConfig, address: Address, neighbor: Neighbor, bfd: BfdConfig): BfdPeer {
  const own = { ...DEFAULTS, ...defined(bgp.bfdProfiles[bfd.profile ?? ""] ?? {}), ...defined(bfd) };
  const multihop = bfd.multihop ?? isDistant(neighbor, bgp.asn);
  return {
    address,
    ...("localAddress" in neighbor && neighbor.localAddress !== undefined ? { localAddress: neighbor.localAddress } : {}),
    multihop,
    minimumTtl: multihop ? own.minimumTtl : ONE_HOP_TTL,
    timers: {
      minTxMs: own.minTxMs,
      minRxMs: own.minRxMs,
      multiplier: own.multiplier,
      passive: own.passive,
      minEchoRxMs: own.echo && !multihop ? own.echoMs : 0,
    },
  };
}

/** As FRR and BIRD take it: neighbors of our own AS, and those that may be more than a hop away. */
const isDistant = ({ remoteAsn, localAsn, ebgpMultihop = 1, ttlSecurity }: Neighbor, asn: number): boolean =>
  peerType({ remoteAsn, localAsn: localAsn ?? asn }) === "internal" || ebgpMultihop > 1 || (ttlSecurity?.hops ?? 1) > 1;

const defined = <Value extends object>(value: Value): { [Key in keyof Value]: Exclude<Value[Key], undefined> } =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as never;
