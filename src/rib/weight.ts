/**
 * Shares by link bandwidth (draft-ietf-idr-link-bandwidth): what each of the paths that share a prefix's traffic gets of it.
 * The rules and the arithmetic are those of FRR's `bgp bestpath bandwidth`: percents of the sum, at least one.
 */
import { linkBandwidth } from "../bgp/communities.ts";
import type { Path } from "./path.ts";

/** What to do where some have no bandwidth: share evenly after all (FRR without the command), or as FRR's words say. */
export const LINK_BANDWIDTH_RULES = ["all-or-none", "ignore", "skip-missing", "default-weight-for-missing"] as const;
export type LinkBandwidthRule = (typeof LINK_BANDWIDTH_RULES)[number];

export interface WeighedPath {
  readonly path: Path;
  readonly weight: number;
}

const DEFAULT_WEIGHT = 1;

/** Undefined: bandwidth has no say, all count the same. The weights have no common divisor: even shares are ones. */
export function weighPaths(paths: readonly Path[], rule: LinkBandwidthRule): readonly WeighedPath[] | undefined {
  if (rule === "ignore") return undefined;
  const known = paths.map((path) => ({ path, bandwidth: linkBandwidth(path.attributes) }));
  const sum = known.reduce((total, { bandwidth = 0 }) => total + bandwidth, 0);
  const isMissing = known.some(({ bandwidth }) => bandwidth === undefined);
  if (sum === 0 || (isMissing && rule === "all-or-none")) return undefined;
  const percent = (bandwidth: number): number => Math.max(1, Math.floor((bandwidth * 100) / sum));
  const weighed = known.flatMap(({ path, bandwidth }) => {
    if (bandwidth === undefined) return rule === "skip-missing" ? [] : [{ path, weight: DEFAULT_WEIGHT }];
    return [{ path, weight: percent(bandwidth) }];
  });
  const divisor = weighed.reduce((common, { weight }) => greatestCommonDivisor(common, weight), 0);
  return weighed.map(({ path, weight }) => ({ path, weight: weight / divisor }));
}

const greatestCommonDivisor = (a: number, b: number): number => (b === 0 ? a : greatestCommonDivisor(b, a % b));
