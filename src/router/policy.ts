/**
 * The BGP configuration, divided by who is told: the speaker and its sessions, which start anew when their part changes, and
 * the RIB and what is announced from it, which only look again. Pure; `reconcile` compares the parts, `router` hands them out.
 */
import { NEIGHBOR_POLICY_FIELDS } from "../config/bgp-policy-schema.ts";
import type { Config } from "../config/schema.ts";
import { type Address, linkOfRouter } from "../net/address.ts";
import { prefixContains } from "../net/prefix.ts";
import type { ExportPolicy } from "../rib/export.ts";
import type { ImportPolicy } from "../rib/policy.ts";
import type { RibConfiguration } from "../rib/table.ts";

export type BgpConfig = NonNullable<Config["bgp"]>;
export type NeighborConfig = BgpConfig["neighbors"][number];
export type RangeConfig = BgpConfig["dynamicNeighbors"][number];

const POLICY_FIELDS = [
  "accept",
  "announce",
  "networks",
  "maximumPaths",
  "maximumPathsIbgp",
  "multipathRelax",
  "linkBandwidth",
] as const satisfies readonly (keyof BgpConfig)[];

/** What the speaker itself is made of. */
export const speakerPart = (bgp: BgpConfig) => omit(bgp, [...POLICY_FIELDS, "neighbors", "dynamicNeighbors", "bfdProfiles"]);

export const sessionPart = <One extends NeighborConfig | RangeConfig>(neighbor: One) =>
  omit(neighbor, [...NEIGHBOR_POLICY_FIELDS, "bfd"]);

/** All that the RIB and the announcements follow from. */
export const policyPart = (bgp: BgpConfig) => ({
  ...pick(bgp, [...POLICY_FIELDS, "asn", "routerId"]),
  neighbors: bgp.neighbors.map((neighbor) => ({ ...neighborPolicy(neighbor), address: neighbor.address })),
  ranges: bgp.dynamicNeighbors.map((range) => ({ ...neighborPolicy(range), prefix: range.prefix })),
});

const neighborPolicy = (neighbor: NeighborConfig | RangeConfig) => pick(neighbor, [...NEIGHBOR_POLICY_FIELDS, "localAsn"]);

/** What a peer without a configuration of its own is given: nothing, if it is external. */
const STRANGER = { accept: undefined, enforceFirstAs: true, allowBlackhole: false } as const;

/** The interfaces at whose other end an unnumbered neighbor is. */
export const unnumberedLinks = (bgp: BgpConfig | undefined): string[] =>
  bgp?.neighbors.flatMap(({ address }) => linkOfRouter(address) ?? []) ?? [];

export const neighborOf = (bgp: BgpConfig | undefined, address: Address): NeighborConfig | undefined =>
  bgp?.neighbors.find((neighbor) => neighbor.address === address);

/** Of the neighbor with that address, or else of the longest range that holds it. */
export function policyOf(bgp: BgpConfig | undefined, address: Address): NeighborConfig | RangeConfig | undefined {
  const ranges = bgp?.dynamicNeighbors.filter(({ prefix }) => prefixContains(prefix, address)) ?? [];
  return neighborOf(bgp, address) ?? ranges.sort((a, b) => b.prefix.length - a.prefix.length)[0];
}

export function importPolicyOf(bgp: BgpConfig | undefined, address: Address): ImportPolicy {
  const neighbor = policyOf(bgp, address);
  const { accept, enforceFirstAs, allowBlackhole } = neighbor ?? STRANGER;
  const ownAsns = [bgp?.asn, neighbor?.localAsn].filter((asn) => asn !== undefined);
  return { accept: accept ?? bgp?.accept, enforceFirstAs, allowBlackhole, ownAsns };
}

/** Towards an external peer of another local AS, both are in the path, as FRR's `local-as` has it. */
export function exportPolicyOf(bgp: BgpConfig | undefined, address: Address): ExportPolicy {
  const neighbor = policyOf(bgp, address);
  const own = bgp === undefined ? [] : [bgp.asn];
  const asns = neighbor?.localAsn === undefined || neighbor.localAsn === bgp?.asn ? own : [neighbor.localAsn, ...own];
  return {
    announce: neighbor?.announce ?? bgp?.announce ?? [],
    nextHopSelf: neighbor?.nextHopSelf ?? false,
    prepend: asns,
  };
}

/** Without the import policies, which are asked for as each peer comes. */
export function ribConfiguration({ bgp, routes }: Config): Omit<RibConfiguration, "interfaces" | "importPolicy"> {
  return {
    routerId: bgp?.routerId ?? 0,
    maximumPaths: bgp?.maximumPaths ?? 1,
    maximumPathsIbgp: bgp?.maximumPathsIbgp,
    multipathRelax: bgp?.multipathRelax ?? false,
    linkBandwidth: bgp?.linkBandwidth ?? "all-or-none",
    staticRoutes: routes,
  };
}

function pick<Value extends object, Key extends keyof Value>(value: Value, keys: readonly Key[]): Pick<Value, Key> {
  return Object.fromEntries(keys.map((key) => [key, value[key]])) as Pick<Value, Key>;
}

function omit<Value extends object, Key extends keyof Value>(value: Value, keys: readonly Key[]): Omit<Value, Key> {
  return Object.fromEntries(Object.entries(value).filter(([key]) => !keys.includes(key as Key))) as Omit<Value, Key>;
}
