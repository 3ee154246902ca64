/**
 * From the configuration in force to the one wanted, as a list of actions: pure, so that start (from nothing), reload and
 * stop (to nothing) are the same road. What did not change is not touched. A data plane that takes the place of another is started
 * beside it, before anything else: if it cannot be had, nothing has changed.
 */
import type { Config } from "../config/schema.ts";
import type { Address } from "../net/address.ts";
import type { Prefix } from "../net/prefix.ts";
import {
  type BgpConfig,
  type NeighborConfig,
  neighborOf,
  policyPart,
  type RangeConfig,
  sessionPart,
  speakerPart,
} from "./policy.ts";

export type JournalConfig = NonNullable<Config["journal"]>;

export type Action =
  | { readonly kind: "configure-journal"; readonly journal: JournalConfig | undefined }
  | { readonly kind: "guard-namespace" }
  | { readonly kind: "start-dataplane"; readonly config: Config }
  /** It knows the routes, and hears of all changes, from now on. */
  | { readonly kind: "fill-dataplane" }
  | { readonly kind: "configure-ports"; readonly config: Config }
  | { readonly kind: "configure-routes"; readonly config: Config }
  | { readonly kind: "open-ports" }
  | { readonly kind: "start-speaker"; readonly bgp: BgpConfig }
  | { readonly kind: "remove-neighbor"; readonly address: Address }
  | { readonly kind: "add-neighbor"; readonly neighbor: NeighborConfig }
  | { readonly kind: "change-neighbor"; readonly neighbor: NeighborConfig }
  | { readonly kind: "remove-range"; readonly prefix: Prefix }
  | { readonly kind: "add-range"; readonly range: RangeConfig }
  | { readonly kind: "configure-bfd" }
  | { readonly kind: "stop-speaker" }
  | { readonly kind: "stop-dataplane" }
  | { readonly kind: "release-namespace" };

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** What the data plane is made of: a change there means a new one. */
const dataplaneOf = (config: Config | undefined) =>
  config && {
    ports: config.ports.map(({ tap: _, fault: _fault, ...port }) => port),
    ecmp: config.ecmp,
    workers: config.workers,
    ringSlots: config.ringSlots,
    ringSlotBytes: config.ringSlotBytes,
    busy: config.busy,
    flowOffload: config.flowOffload,
  };

/**
 * Rings can be deaf while others hear. What a process of its own reads from an interface cannot be told from what another such has
 * read, and a capture file is written by one, so there the one has to end first.
 */
const haveRingsOnly = (...configs: readonly Config[]): boolean =>
  configs.every(({ ports }) => ports.every(({ kind }) => kind === "packet-ring"));

/** What is put around ports and taken away while they work. */
const aroundPorts = (config: Config | undefined) => config?.ports.map(({ tap, fault }) => ({ tap, fault }));

/** What the speaker itself is made of; its neighbors are compared one by one. */
const speakerOf = (config: Config | undefined) => config?.bgp && speakerPart(config.bgp);

/** What BFD sessions follow from: whoever BFD is asked of, as a whole. */
const bfdOf = (config: Config | undefined) => {
  const { neighbors = [], dynamicNeighbors = [], bfdProfiles, asn } = config?.bgp ?? {};
  const watched = [...neighbors, ...dynamicNeighbors].filter(({ bfd }) => bfd);
  return watched.length === 0
    ? undefined
    : { watched: watched.map(sessionPart), bfds: watched.map(({ bfd }) => bfd), bfdProfiles, asn };
};

/** What routes and policies are made of; those of a neighbor that comes or goes are nobody's yet or any more. */
const routesOf = (config: Config | undefined, other: Config | undefined) => {
  if (!config) return undefined;
  const { routes, bgp } = config;
  const stay = bgp?.neighbors.filter(({ address }) => neighborOf(other?.bgp, address));
  return { routes, policy: bgp && policyPart({ ...bgp, neighbors: stay ?? [] }) };
};

export function reconcile(current: Config | undefined, wanted: Config | undefined): Action[] {
  const isNewDataplane = !same(dataplaneOf(current), dataplaneOf(wanted));
  // The RIB outlives the data plane and fills the next one, so sessions stay up.
  const isBeside = isNewDataplane && current !== undefined && wanted !== undefined && haveRingsOnly(current, wanted);
  const isNewSpeaker = !same(speakerOf(current), speakerOf(wanted));
  const before = isNewSpeaker ? undefined : current?.bgp;

  const actions: Action[] = [];
  if (isBeside) actions.push({ kind: "start-dataplane", config: wanted });
  // Before the sessions that it is to hear begin, and at the end after the last of them is gone.
  const newJournal: Action[] = same(current?.journal, wanted?.journal)
    ? []
    : [{ kind: "configure-journal", journal: wanted?.journal }];
  if (wanted) actions.push(...newJournal);
  if (isNewSpeaker && current?.bgp) actions.push({ kind: "stop-speaker" });
  if (wanted && !current) actions.push({ kind: "guard-namespace" });
  if (isNewDataplane && !isBeside) {
    if (current) actions.push({ kind: "stop-dataplane" });
    if (wanted) actions.push({ kind: "start-dataplane", config: wanted }, { kind: "configure-ports", config: wanted });
  } else if (wanted && !isNewDataplane && !same(aroundPorts(current), aroundPorts(wanted)))
    actions.push({ kind: "configure-ports", config: wanted });
  if (isNewDataplane && wanted) actions.push({ kind: "fill-dataplane" });
  if (wanted && (isNewDataplane || !same(routesOf(current, wanted), routesOf(wanted, current))))
    actions.push({ kind: "configure-routes", config: wanted });
  // Its table is full before the first packet comes in.
  if (isNewDataplane && wanted) actions.push({ kind: "open-ports" });
  // A file that is written to is closed by the one before another opens it.
  if (isBeside) actions.push({ kind: "configure-ports", config: wanted });
  if (current && !wanted) actions.push({ kind: "release-namespace" });
  if (isNewSpeaker && wanted?.bgp) actions.push({ kind: "start-speaker", bgp: wanted.bgp });
  actions.push(...reconcileNeighbors(before, wanted?.bgp), ...reconcileRanges(before, wanted?.bgp));
  if (!same(bfdOf(current), bfdOf(wanted))) actions.push({ kind: "configure-bfd" });
  if (!wanted) actions.push(...newJournal);
  return actions;
}

function reconcileNeighbors(current: BgpConfig | undefined, wanted: BgpConfig | undefined): Action[] {
  const [before, after] = [current, wanted].map((bgp) => new Map(bgp?.neighbors.map((one) => [one.address, one])));
  const actions: Action[] = [];
  for (const address of before.keys()) if (!after.has(address)) actions.push({ kind: "remove-neighbor", address });
  for (const [address, neighbor] of after) {
    const known = before.get(address);
    if (!known) actions.push({ kind: "add-neighbor", neighbor });
    else if (!same(sessionPart(known), sessionPart(neighbor))) actions.push({ kind: "change-neighbor", neighbor });
  }
  return actions;
}

function reconcileRanges(current: BgpConfig | undefined, wanted: BgpConfig | undefined): Action[] {
  const [before, after] = [current?.dynamicNeighbors ?? [], wanted?.dynamicNeighbors ?? []];
  const isIn = (range: RangeConfig, list: readonly RangeConfig[]): boolean =>
    list.some((other) => same(sessionPart(other), sessionPart(range)));
  return [
    ...before.filter((range) => !isIn(range, after)).map(({ prefix }): Action => ({ kind: "remove-range", prefix })),
    ...after.filter((range) => !isIn(range, before)).map((range): Action => ({ kind: "add-range", range })),
  ];
}
