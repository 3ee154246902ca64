/**
 * The RIB a second way: forget nothing, keep no table, and answer for a prefix by looking at everything that was ever said,
 * the newest word of each peer counting. The decision is made as vendors describe "deterministic MED": a champion for each
 * neighbor AS, then the best of the champions, pair by pair. No code of the product is imported, only the types of its
 * input.
 */
import type { Nlri, PathAttributes } from "#src/bgp/path.ts";
import type { Address } from "#src/net/address.ts";
import type { Prefix } from "#src/net/prefix.ts";
import type { RoutePeer, RouteUpdate } from "#src/rib/route.ts";

export interface Said {
  readonly nlri: Nlri;
  readonly peer: RoutePeer;
  readonly attributes: PathAttributes;
}

export interface SlowRib {
  readonly localAsn: number;
  readonly maximumPaths: number;
  readonly multipathRelax: boolean;
  /** Next hops that count as reachable. */
  readonly reachable: (address: Address) => boolean;
  readonly history: readonly RouteUpdate[];
}

const samePrefix = (a: Prefix, b: Prefix): boolean => a.address === b.address && a.length === b.length;

/** Every prefix's next hops, sorted, by what was said up to now. */
export function slowNextHops(rib: SlowRib, prefix: Prefix): Address[] {
  const paths = newestWords(rib.history, prefix).filter(
    ({ attributes }) =>
      !attributes.asPath.flatMap(({ asns }) => asns).includes(rib.localAsn) && rib.reachable(attributes.nextHop),
  );
  if (paths.length === 0) return [];
  const tied = paths.filter((path) => paths.every((other) => !beatsBeforeMultipath(other, path, paths)));
  const best = [...tied].sort(breakTie)[0];
  const content = (path: Said): string => JSON.stringify(path.attributes.asPath);
  const sharing = [...tied]
    .sort(breakTie)
    .filter((path) => rib.maximumPaths === 1 || rib.multipathRelax || content(path) === content(best))
    .slice(0, rib.maximumPaths);
  return [...new Set(sharing.map(({ attributes }) => attributes.nextHop))].sort(compare);
}

export function newestWords(history: readonly RouteUpdate[], prefix: Prefix): Said[] {
  const said = new Map<string, Said>();
  const family = typeof prefix.address === "number" ? "ipv4" : "ipv6";
  for (const update of history) {
    const { peer } = update;
    const nameOf = ({ pathId }: Nlri): string => `${peer.address} ${pathId}`;
    if (update.kind === "lost" && (update.family ?? family) === family) {
      for (const [name, one] of said) {
        const isStale = (one.peer.epoch ?? 0) < (peer.epoch ?? 0);
        if (one.peer.address === peer.address && (isStale || !update.staleOnly)) said.delete(name);
      }
    }
    if (update.kind !== "update") continue;
    for (const withdrawn of update.withdrawn) if (samePrefix(withdrawn, prefix)) said.delete(nameOf(withdrawn));
    for (const announced of update.announced) {
      if (update.attributes && samePrefix(announced, prefix))
        said.set(nameOf(announced), { nlri: announced, peer, attributes: update.attributes });
    }
  }
  return [...said.values()];
}

/** The marks of what is stale that are still good: those of the peer's last restart, unless it was lost as a whole since. */
export function staleMarks(history: readonly RouteUpdate[]): RouteUpdate[] {
  const marks = new Map<string, RouteUpdate>();
  for (const update of history) {
    if (update.kind === "stale") marks.set(`${update.peer.address} ${update.family}`, update);
    if (update.kind === "lost" && !update.family)
      for (const [name, { peer }] of marks) if (peer.address === update.peer.address) marks.delete(name);
  }
  return [...marks.values()];
}

/** Whether `a` is preferred to `b` before the tie-break; champions of other neighbor ASes speak for their whole AS. */
function beatsBeforeMultipath(a: Said, b: Said, all: readonly Said[]): boolean {
  if (neighborOf(a) === neighborOf(b)) return order(a, b, true) < 0;
  // A path that its own AS would not send into the final does not beat anybody.
  const champion = all.every((other) => neighborOf(other) !== neighborOf(a) || order(a, other, true) <= 0);
  return champion && order(a, b, false) < 0;
}

function order(a: Said, b: Said, withMed: boolean): number {
  const local = ({ peer, attributes }: Said): number => (peer.type === "external" ? 100 : (attributes.localPreference ?? 100));
  const med = ({ attributes }: Said): number => attributes.multiExitDiscriminator ?? 0;
  const steps = [
    local(b) - local(a),
    hops(a) - hops(b),
    a.attributes.origin - b.attributes.origin,
    withMed ? med(a) - med(b) : 0,
    Number(a.peer.type === "internal") - Number(b.peer.type === "internal"),
  ];
  return steps.find((step) => step !== 0) ?? 0;
}

const hops = ({ attributes }: Said): number =>
  attributes.asPath.reduce((sum, { type, asns }) => sum + (type === 1 ? 1 : type === 2 ? asns.length : 0), 0);

function neighborOf({ peer, attributes }: Said): number {
  if (peer.type === "external") return peer.asn;
  const [first] = attributes.asPath.filter(({ type }) => type <= 2);
  return first && first.type === 2 ? first.asns[0] : peer.asn;
}

function breakTie(a: Said, b: Said): number {
  const id = ({ peer, attributes }: Said): number => attributes.originatorId ?? peer.routerId;
  const clusters = ({ attributes }: Said): number => (attributes.clusterList ?? []).length;
  return id(a) - id(b) || clusters(a) - clusters(b) || compare(a.peer.address, b.peer.address);
}

/** IPv4 before IPv6, each in numeric order; IPv6 addresses are digits of one width. */
function compare(a: Address, b: Address): number {
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return a < b ? -1 : Number(a > b);
}
