/**
 * Paths, and the sets of them that prefixes have. Both are kept once, however many prefixes share them: prefixes of one
 * UPDATE have the same path, and prefixes that all nodes announce have the same set. So a prefix costs one number (its
 * set's, in `net/prefix-table.ts`), a decision is made once a set, and what happens to a peer happens to sets, not to prefixes.
 *
 *   prefix --number--> set: paths, the route decided --> path: peer, attributes (kept once by content)
 *
 * This is the Adj-RIBs-In of all peers at once (RFC 4271 section 3.2): unfiltered, refused paths included.
 */
import type { PathAttributes } from "../bgp/path.ts";
import type { Address, AddressFamily } from "../net/address.ts";
import type { RefusalReason } from "./policy.ts";
import type { RoutePeer } from "./route.ts";

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

interface KeptPath extends Path {
  readonly number: number;
  readonly content: Content;
  /** How many sets it is in. */
  sets: number;
}

/** Attributes, kept once, and the paths that have them. */
interface Content {
  readonly key: string;
  readonly attributes: PathAttributes;
  readonly paths: KeptPath[];
}

export interface PathSet<Route> {
  readonly number: number;
  readonly family: AddressFamily;
  readonly paths: readonly Path[];
  /** How many prefixes have it. */
  readonly prefixes: number;
  /** Whatever its owner has decided. */
  route: Route;
}

interface KeptSet<Route> extends PathSet<Route> {
  key: string;
  paths: readonly KeptPath[];
  prefixes: number;
}

export interface PathSets<Route> {
  /** The path that says this; to be put into a set before the next one is asked for. */
  path(path: Path): Path;
  at(number: number): PathSet<Route> | undefined;
  /** Whether the set is still one, and not forgotten. */
  has(set: PathSet<Route>): boolean;
  /** The set of these paths, as it was or new; undefined for none of them. */
  of(family: AddressFamily, paths: readonly Path[]): PathSet<Route> | undefined;
  /** A prefix goes from one set to another. A set without prefixes is forgotten. */
  move(from: PathSet<Route> | undefined, to: PathSet<Route> | undefined): void;
  /** Takes those paths out of all sets, which keep their numbers and prefixes; says which sets lost how many of their prefixes' paths. */
  removePaths(isGone: (path: Path, family: AddressFamily) => boolean): { set: PathSet<Route>; lost: number }[];
  all(): Iterable<PathSet<Route>>;
}

export function createPathSets<Route>(decide: (paths: readonly Path[]) => Route): PathSets<Route> {
  const contents = new Map<string, Content>();
  const byKey = new Map<string, KeptSet<Route>>();
  const byNumber: (KeptSet<Route> | undefined)[] = [undefined];
  const freeNumbers: number[] = [];
  let pathCount = 0;

  /** As text: whatever attributes there will be, two that differ differ in it. In another order they are just not shared. */
  const keep = (attributes: PathAttributes): Content => {
    const key = JSON.stringify(attributes);
    const content = contents.get(key) ?? { key, attributes, paths: [] };
    contents.set(key, content);
    return content;
  };

  const release = (path: KeptPath): void => {
    if (--path.sets > 0) return;
    const { content } = path;
    content.paths.splice(content.paths.indexOf(path), 1);
    if (content.paths.length === 0) contents.delete(content.key);
  };

  const keyOf = (family: AddressFamily, paths: readonly KeptPath[]): string =>
    `${family} ${paths.map(({ number }) => number).join(" ")}`;

  const forget = (set: KeptSet<Route>): void => {
    if (byKey.get(set.key) === set) byKey.delete(set.key);
    byNumber[set.number] = undefined;
    freeNumbers.push(set.number);
    for (const path of set.paths) release(path);
  };

  return {
    path(path) {
      const content = keep(path.attributes);
      const known = content.paths.find(
        (one) =>
          one.peer === path.peer &&
          one.pathId === path.pathId &&
          one.refused === path.refused &&
          one.isBlackhole === path.isBlackhole,
      );
      if (known) return known;
      const kept: KeptPath = { ...path, attributes: content.attributes, number: pathCount++, content, sets: 0 };
      content.paths.push(kept);
      return kept;
    },

    at: (number) => byNumber[number],
    has: (set) => byNumber[set.number] === set,

    of(family, paths) {
      if (paths.length === 0) return undefined;
      const kept = (paths as readonly KeptPath[]).toSorted((a, b) => a.number - b.number);
      const key = keyOf(family, kept);
      const known = byKey.get(key);
      if (known) return known;
      const number = freeNumbers.pop() ?? byNumber.length;
      const set: KeptSet<Route> = { number, family, key, paths: kept, prefixes: 0, route: decide(kept) };
      for (const path of kept) path.sets++;
      byKey.set(key, set);
      byNumber[number] = set;
      return set;
    },

    move(from, to) {
      if (to) (to as KeptSet<Route>).prefixes++;
      if (from && --(from as KeptSet<Route>).prefixes === 0) forget(from as KeptSet<Route>);
    },

    removePaths(isGone) {
      const changed: { set: KeptSet<Route>; lost: number }[] = [];
      for (const set of byNumber) {
        if (!set?.paths.some((path) => isGone(path, set.family))) continue;
        const gone = set.paths.filter((path) => isGone(path, set.family));
        if (byKey.get(set.key) === set) byKey.delete(set.key);
        set.paths = set.paths.filter((path) => !gone.includes(path));
        // Another set of the same paths may be there already: both go on, as joining them would touch every prefix.
        set.key = keyOf(set.family, set.paths);
        if (!byKey.has(set.key)) byKey.set(set.key, set);
        for (const path of gone) release(path);
        changed.push({ set, lost: gone.length * set.prefixes });
      }
      return changed;
    },

    *all() {
      for (const set of byNumber) if (set) yield set;
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
  const others = paths.filter((one) => one.peer.address !== peer || one.pathId !== pathId);
  return path ? [...others, path] : others;
}
