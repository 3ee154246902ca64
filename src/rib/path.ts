/**
 * Paths, and the sets of them that prefixes have. Both are kept once, however many prefixes share them: prefixes of one
 * UPDATE have the same path, and prefixes that all nodes announce have the same set. So a prefix costs one number (its
 * set's, in `net/prefix-table.ts`), a decision is made once a set, and what happens to a peer happens to sets, not to prefixes.
 *
 *   prefix --number--> set: paths, the route decided --> path: peer, family, attributes
 *
 * A set has the route that its prefixes were told with. When next hops lie elsewhere, or a configuration decides otherwise, it
 * stays as it is for those that still have it, and another one takes its place for whoever asks.
 *
 * This is the Adj-RIBs-In of all peers at once (RFC 4271 section 3.2): unfiltered, refused paths included. Both are found
 * again by a hash of what they say; `shelf.ts` has the bound on what a peer can make of that.
 */
import type { PathAttributes } from "../bgp/path.ts";
import type { Address, AddressFamily } from "../net/address.ts";
import { hashValue, mixHash, sameValue } from "../net/value.ts";
import type { RefusalReason } from "./policy.ts";
import type { RoutePeer } from "./route.ts";
import { createShelf, type Shelved } from "./shelf.ts";

/** One way to somewhere: who told us, and what. */
export interface Path {
  readonly peer: RoutePeer;
  readonly attributes: PathAttributes;
  /** Which of the peer's paths to the prefix this is, where it may tell us several (RFC 7911). */
  readonly pathId?: number | undefined;
  readonly refused?: RefusalReason | undefined;
  /** Its traffic is to be thrown away, and may be (RFC 7999). */
  readonly isBlackhole?: boolean;
}

/** How many paths of one peer lead to one next hop. */
export interface NextHopUse {
  readonly nextHop: Address;
  readonly peer: Address;
  paths: number;
  /** What was decided before that decision is outdated. */
  movedAt: number;
}

interface KeptPath extends Path, Shelved {
  readonly family: AddressFamily;
  readonly use: NextHopUse;
  /** How many sets it is in. */
  sets: number;
  /** The set of this one alone, which is what most prefixes of a full table have. */
  alone: KeptSet<unknown> | undefined;
}

export interface PathSet<Route> {
  readonly number: number;
  readonly family: AddressFamily;
  readonly paths: readonly Path[];
  /** Whatever its owner has decided. */
  readonly route: Route;
}

interface KeptSet<Route> extends PathSet<Route>, Shelved {
  readonly paths: readonly KeptPath[];
  route: Route;
  decidedAt: number;
  /** How many prefixes have it. */
  prefixes: number;
}

export interface PathSetsOptions<Route> {
  decide(paths: readonly Path[]): Route;
  /** Whether nobody who was told the one need be told the other. */
  isSame(a: Route, b: Route): boolean;
}

export interface PathSets<Route> {
  /** The path that says this of a family; to be put into a set before the next one is asked for. */
  path(path: Path, family: AddressFamily): Path;
  at(number: number): PathSet<Route> | undefined;
  /** The set of these paths of one family, with the route that is decided now; undefined for none of them. */
  of(paths: readonly Path[]): PathSet<Route> | undefined;
  /** Whether its route is what would be decided now, as far as is known. */
  isDecided(set: PathSet<Route>): boolean;
  /** These next hops lie elsewhere, or, without them, all that was decided may be wrong. */
  outdate(nextHops?: ReadonlySet<Address>): void;
  /** So many prefixes go from one set to another. A set without prefixes is forgotten. */
  move(from: PathSet<Route> | undefined, to: PathSet<Route> | undefined, prefixes: number): void;
  nextHopUses(): Iterable<NextHopUse>;
}

const hashPath = ({ peer, attributes, pathId = 0, isBlackhole }: Path): number =>
  hashAttributes(attributes, mixHash(mixHash(peer.routerId ^ pathId, peer.epoch ?? 0), Number(isBlackhole)));

/** What most sets of attributes have is named here: to walk over whatever fields there are takes several times as long. */
function hashAttributes(attributes: PathAttributes, seed: number): number {
  const { origin, asPath, nextHop, multiExitDiscriminator = -1, localPreference = -1, communities } = attributes;
  let hash = hashValue(nextHop, mixHash(mixHash(mixHash(seed, origin), multiExitDiscriminator), localPreference));
  for (const { type, asns } of asPath) hash = hashWords(asns, mixHash(hash, type));
  if (communities) hash = hashWords(communities, hash);
  return hashRareAttributes(attributes, hash);
}

function hashRareAttributes(attributes: PathAttributes, seed: number): number {
  const { aggregator, extendedCommunities, largeCommunities, originatorId, clusterList, onlyToCustomer, unrecognized } =
    attributes;
  let hash = seed;
  for (const one of [aggregator, extendedCommunities, largeCommunities, originatorId, clusterList, onlyToCustomer, unrecognized])
    if (one !== undefined) hash = hashValue(one, hash);
  return hash;
}

function hashWords(words: readonly number[], hash: number): number {
  for (const word of words) hash = mixHash(hash, word);
  return mixHash(hash, words.length);
}

const saysTheSame = (a: Path, b: Path): boolean =>
  a.peer === b.peer &&
  a.pathId === b.pathId &&
  a.refused === b.refused &&
  a.isBlackhole === b.isBlackhole &&
  sameValue(a.attributes, b.attributes);

/** Whatever the order of the paths. */
function hashPaths(paths: readonly KeptPath[]): number {
  let sum = 0;
  for (const { hash } of paths) sum = (sum + mixHash(1, hash)) | 0;
  return sum;
}

function sameMembers(a: readonly KeptPath[], b: readonly KeptPath[]): boolean {
  if (a.length !== b.length) return false;
  for (const path of a) if (!b.includes(path)) return false;
  return true;
}

export function createPathSets<Route>({ decide, isSame }: PathSetsOptions<Route>): PathSets<Route> {
  const paths = createShelf<KeptPath>();
  const sets = createShelf<KeptSet<Route>>();
  const byNumber: (KeptSet<Route> | undefined)[] = [undefined];
  const freeNumbers: number[] = [];
  const uses = new Map<Address, NextHopUse[]>();
  /** Decisions are numbered by the change that they come after; those before the second number are all outdated. */
  let now = 0;
  let outdatedBefore = 0;

  const useOf = (nextHop: Address, peer: Address): NextHopUse => {
    const ofNextHop = uses.get(nextHop) ?? [];
    for (const use of ofNextHop) if (use.peer === peer) return use;
    const use = { nextHop, peer, paths: 0, movedAt: 0 };
    uses.set(nextHop, [...ofNextHop, use]);
    return use;
  };

  const release = (path: KeptPath): void => {
    if (--path.sets > 0) return;
    paths.remove(path);
    const { use } = path;
    if (--use.paths > 0) return;
    const others = (uses.get(use.nextHop) ?? []).filter((one) => one !== use);
    if (others.length > 0) uses.set(use.nextHop, others);
    else uses.delete(use.nextHop);
  };

  const shelve = (set: KeptSet<Route>): void => {
    if (set.paths.length === 1) set.paths[0].alone ??= set;
    else if (set.paths.length > 1) sets.add(set);
  };

  const unshelve = (set: KeptSet<Route>): void => {
    if (set.paths.length > 1) sets.remove(set);
    else if (set.paths.length === 1 && set.paths[0].alone === set) set.paths[0].alone = undefined;
  };

  const find = (wanted: readonly KeptPath[], hash: number): KeptSet<Route> | undefined =>
    wanted.length === 1
      ? (wanted[0].alone as KeptSet<Route> | undefined)
      : sets.find(hash, ({ paths }) => sameMembers(paths, wanted));

  const forget = (set: KeptSet<Route>): void => {
    unshelve(set);
    byNumber[set.number] = undefined;
    freeNumbers.push(set.number);
    for (const path of set.paths) release(path);
  };

  const isDecided = ({ decidedAt, paths }: KeptSet<Route>): boolean =>
    decidedAt === now || (decidedAt >= outdatedBefore && paths.every(({ use }) => use.movedAt <= decidedAt));

  return {
    path(path, family) {
      const hash = hashPath(path);
      const known = paths.find(hash, (one) => one.family === family && saysTheSame(one, path));
      if (known) return known;
      const { peer, attributes, pathId, refused, isBlackhole = false } = path;
      const use = useOf(attributes.nextHop, peer.address);
      // Field by field: a literal of this size that begins with a spread takes ten times as long.
      const kept: KeptPath = {
        peer,
        attributes,
        pathId,
        refused,
        isBlackhole,
        family,
        use,
        sets: 0,
        alone: undefined,
        hash,
        next: undefined,
      };
      paths.add(kept);
      use.paths++;
      return kept;
    },

    at: (number) => byNumber[number],

    of(wanted) {
      if (wanted.length === 0) return undefined;
      const kept = wanted as readonly KeptPath[];
      const hash = hashPaths(kept);
      const known = find(kept, hash);
      if (known && isDecided(known)) return known;
      const route = decide(kept);
      if (known && isSame(known.route, route)) {
        known.route = route;
        known.decidedAt = now;
        return known;
      }
      if (known) unshelve(known);
      const number = freeNumbers.pop() ?? byNumber.length;
      const { family } = kept[0];
      const set: KeptSet<Route> = { number, family, paths: kept, prefixes: 0, route, decidedAt: now, hash, next: undefined };
      for (const path of kept) path.sets++;
      shelve(set);
      byNumber[number] = set;
      return set;
    },

    isDecided: (set) => isDecided(set as KeptSet<Route>),

    outdate(nextHops) {
      now++;
      if (!nextHops) outdatedBefore = now;
      else for (const nextHop of nextHops) for (const use of uses.get(nextHop) ?? []) use.movedAt = now;
    },

    move(from, to, prefixes) {
      if (to) (to as KeptSet<Route>).prefixes += prefixes;
      if (!from) return;
      const left = from as KeptSet<Route>;
      left.prefixes -= prefixes;
      if (left.prefixes === 0) forget(left);
    },

    *nextHopUses() {
      for (const ofNextHop of uses.values()) yield* ofNextHop;
    },
  };
}

/** The paths with the peer's word of that number replaced by `path`, or taken out. */
export function withWord(
  paths: readonly Path[],
  peer: Address,
  pathId: number | undefined,
  path: Path | undefined,
): readonly Path[] {
  if (paths.length === 0) return path ? [path] : paths;
  const others = paths.filter((one) => one.peer.address !== peer || one.pathId !== pathId);
  return path ? [...others, path] : others;
}
