/**
 * The decision process (RFC 4271 section 9.1.2.2 and common practice): of the paths to one prefix, which is best, which are
 * equal enough to share the traffic, and for each other one the rule that decided against it. `table.ts` calls it; the
 * order in which paths arrived plays no part.
 *
 *   all paths -> 1..5 each rule keeps the best by its measure -> the equal ones (the multipath cut) -> 7..10 break the tie
 *
 * Rules strike out; they do not compare pairs. That is the RFC's own form, and it is what makes MED, which only compares
 * paths of one neighbor AS, independent of order (vendors' "deterministic MED"). Local origin and static routes do not take
 * part: administrative distance in `table.ts` prefers them before any path is looked at. Rule 6, lowest IGP metric, is
 * reserved: without an IGP all next hops are equally near.
 */
import { COMMUNITY, hasCommunity } from "../bgp/communities.ts";
import { type AsPathSegment, SEGMENT } from "../bgp/path.ts";
import { compareAddresses } from "../net/address.ts";
import type { Path } from "./path.ts";

export const DEFAULT_LOCAL_PREFERENCE = 100;

/** The rules' names, as `show bgp routes` prints them and the tests are called. */
export type RuleName = (typeof RULES)[number]["name"] | (typeof TIE_BREAKS)[number]["name"];
/** Why a path that is as good as the best one carries no traffic all the same. */
export type MultipathReason = "same AS path" | "maximum paths";

export interface MultipathOptions {
  /** How many paths may share the traffic of a prefix; 1 switches multipath off. */
  readonly maximumPaths: number;
  /** The same where the best path is internal, if it is another number. */
  readonly maximumPathsIbgp?: number | undefined;
  /** Lets paths share whose AS paths are equally long but not the same. */
  readonly multipathRelax: boolean;
}

export interface Decision {
  readonly best: Path;
  /** The paths that share the traffic, the best one first, the others in the order of the tie-break. */
  readonly multipath: readonly Path[];
  /** The other paths, those that came nearer to it first. */
  readonly lost: readonly LostPath[];
}

export interface LostPath {
  readonly path: Path;
  readonly reason: RuleName | MultipathReason;
}

/** A measure, the lower the better; and, where not all paths compare, whom a path competes with. */
interface Rule {
  readonly number: number;
  readonly name: string;
  measure(path: Path): number;
  among?(path: Path): number;
}

interface TieBreak {
  readonly number: number;
  readonly name: string;
  compare(a: Path, b: Path): number;
}

export const RULES = [
  { number: 1, name: "highest local preference", measure: (path) => -localPreference(path) },
  { number: 2, name: "shortest AS path", measure: ({ attributes }) => asPathLength(attributes.asPath) },
  { number: 3, name: "lowest origin", measure: ({ attributes }) => attributes.origin },
  { number: 4, name: "lowest MED", measure: ({ attributes }) => attributes.multiExitDiscriminator ?? 0, among: neighborAs },
  { number: 5, name: "external over internal", measure: ({ peer }) => (peer.type === "external" ? 0 : 1) },
] as const satisfies readonly Rule[];

export const TIE_BREAKS = [
  { number: 7, name: "lowest router id", compare: (a, b) => originator(a) - originator(b) },
  { number: 8, name: "shortest cluster list", compare: (a, b) => clusterListLength(a) - clusterListLength(b) },
  { number: 9, name: "lowest peer address", compare: (a, b) => compareAddresses(a.peer.address, b.peer.address) },
  // Of several paths that one peer told us.
  { number: 10, name: "lowest path identifier", compare: comparePathIds },
] as const satisfies readonly TieBreak[];

/** Decides between the eligible paths to one prefix; undefined when there are none. */
export function decide(paths: readonly Path[], options: MultipathOptions): Decision | undefined {
  if (paths.length === 1) return { best: paths[0], multipath: paths, lost: [] };
  let equal: readonly Path[] = [...paths].sort(compareTied);
  let lost: LostPath[] = [];
  for (const rule of RULES) {
    if (allMeasureTheSame(rule, equal)) continue;
    const keeps = competition(rule, equal);
    lost = [...equal.filter((path) => !keeps(path)).map((path) => ({ path, reason: rule.name })), ...lost];
    equal = equal.filter(keeps);
  }
  const [best, ...rivals] = equal;
  if (!best) return undefined;
  const { multipathRelax } = options;
  const ibgp = best.peer.type === "internal" ? options.maximumPathsIbgp : undefined;
  const maximumPaths = ibgp ?? options.maximumPaths;
  const multipath = [best];
  const shut: LostPath[] = [];
  for (const path of rivals) {
    if (maximumPaths === 1) shut.push({ path, reason: decidingTieBreak(best, path) });
    else if (!multipathRelax && !sameAsPath(path, best)) shut.push({ path, reason: "same AS path" });
    else if (multipath.length === maximumPaths) shut.push({ path, reason: "maximum paths" });
    else multipath.push(path);
  }
  return { best, multipath, lost: [...shut, ...lost] };
}

/** Then nobody loses, whoever competes with whom: so it is with most rules and most paths. */
function allMeasureTheSame({ measure }: Rule, paths: readonly Path[]): boolean {
  if (paths.length < 2) return true;
  const first = measure(paths[0]);
  for (let i = 1; i < paths.length; i++) if (measure(paths[i]) !== first) return false;
  return true;
}

/** Whether a path has the lowest measure of all it competes with. */
function competition({ measure, among = () => 0 }: Rule, paths: readonly Path[]): (path: Path) => boolean {
  const lowest = new Map<number, number>();
  for (const path of paths) lowest.set(among(path), Math.min(measure(path), lowest.get(among(path)) ?? Infinity));
  return (path) => measure(path) === lowest.get(among(path));
}

/** A stale path of a session without identifiers may stand beside those of one with them: it comes first. */
export function comparePathIds(a: Path, b: Path): number {
  return (a.pathId ?? -1) - (b.pathId ?? -1);
}

function compareTied(a: Path, b: Path): number {
  for (const { compare } of TIE_BREAKS) {
    const order = compare(a, b);
    if (order !== 0) return order;
  }
  return 0;
}

const decidingTieBreak = (best: Path, path: Path): RuleName =>
  (TIE_BREAKS.find(({ compare }) => compare(best, path) !== 0) ?? TIE_BREAKS[TIE_BREAKS.length - 1]).name;

/** What an external peer says of local preference is not for us (RFC 4271 5.1.5); what is about to go comes last (RFC 8326). */
function localPreference({ peer, attributes }: Path): number {
  if (hasCommunity(attributes, COMMUNITY.gracefulShutdown)) return 0;
  return peer.type === "internal" ? (attributes.localPreference ?? DEFAULT_LOCAL_PREFERENCE) : DEFAULT_LOCAL_PREFERENCE;
}

/** A set counts as one AS (RFC 4271 9.1.2.2 a), confederation segments as none (RFC 5065 5.3). */
export function asPathLength(asPath: readonly AsPathSegment[]): number {
  let length = 0;
  for (const { type, asns } of asPath) {
    if (type === SEGMENT.sequence) length += asns.length;
    else if (type === SEGMENT.set) length += 1;
  }
  return length;
}

/** The AS next to ours that the path came through; our own where it began inside or with a set (RFC 4271 9.1.2.2 c). */
function neighborAs({ peer, attributes }: Path): number {
  if (peer.type === "external") return peer.asn;
  const first = attributes.asPath.find(({ type }) => type === SEGMENT.sequence || type === SEGMENT.set);
  return first?.type === SEGMENT.sequence ? first.asns[0] : peer.asn;
}

function sameAsPath({ attributes: { asPath: a } }: Path, { attributes: { asPath: b } }: Path): boolean {
  if (a === b) return true;
  return a.length === b.length && a.every(({ type, asns }, i) => type === b[i].type && sameNumbers(asns, b[i].asns));
}

const sameNumbers = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((n, i) => n === b[i]);

/** Behind a route reflector the router that began the route counts (RFC 4456 section 9). */
const originator = ({ peer, attributes }: Path): number => attributes.originatorId ?? peer.routerId;

const clusterListLength = ({ attributes }: Path): number => attributes.clusterList?.length ?? 0;
