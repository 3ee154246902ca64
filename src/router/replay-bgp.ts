/**
 * A recording of BGP through the codec and into a RIB of its own, as `ecmp replay-bgp` shows it: no socket, no port, no
 * forwarding. What the router would know, had it heard this, with the same rules and reasons.
 */
import type { Config } from "../config/schema.ts";
import { readRecording } from "../mrt/recording.ts";
import type { Recorded } from "../mrt/splitter.ts";
import { type Address, formatAddress } from "../net/address.ts";
import type { Prefix } from "../net/prefix.ts";
import { ACCEPT_EVERYTHING, type ImportPolicy } from "../rib/policy.ts";
import type { RoutePeer } from "../rib/route.ts";
import { createRib, type Rib } from "../rib/table.ts";
import { Replay } from "../speaker/replay.ts";
import type { ReplayedPeer } from "../speaker/replayed-session.ts";
import { staleLimitsOf } from "../speaker/settings.ts";
import { importPolicyOf, policyOf, ribConfiguration } from "./policy.ts";
import { describeBgpRoute } from "./show.ts";

export interface ReplayBgpOptions {
  /** Read one after the other: an older file of a journal comes first. */
  readonly files: readonly string[];
  /** Its `bgp` and `routes`; absent: every path of a prefix may share. */
  readonly config?: Config;
  /** Our addresses with their subnets, by which next hops are reachable; none: all are. */
  readonly interfaces: readonly Prefix[];
}

/** What could not be read, the first few of each file; `more` counts the rest. */
export interface ReplayProblem {
  readonly file: string;
  readonly offset: number;
  readonly problem: string;
}

const PROBLEMS_KEPT = 10;

type Kind = Recorded["record"]["kind"];

export interface ReplayBgpReport {
  readonly records: Readonly<Record<Kind, number>>;
  readonly problems: readonly ReplayProblem[];
  readonly peers: readonly ReturnType<typeof describePeer>[];
  readonly routes: readonly ReturnType<typeof describeBgpRoute>[];
}

/** Rejects if a file cannot be read at all. */
export async function replayBgp(options: ReplayBgpOptions): Promise<ReplayBgpReport> {
  const { files, config } = options;
  const rib = configuredRib(options, (neighbor) => replay.localAsnTo(neighbor));
  const replay = new Replay({
    localAsn: config?.bgp?.asn ?? 0,
    limitsOf: (neighbor) => staleLimitsOf(policyOf(config?.bgp, neighbor) ?? {}),
    onUpdate: (update) => {
      rib.applyUpdate(update);
      while (rib.isBehind()) rib.goOn();
    },
  });
  const records: Record<Kind, number> = { message: 0, state: 0, peers: 0, table: 0, other: 0, fault: 0 };
  const problems: ReplayProblem[] = [];
  const note = (file: string, offset: number, problem: string): void => {
    records.fault++;
    if (problems.length < PROBLEMS_KEPT) problems.push({ file, offset, problem });
  };
  for (const file of files) {
    for await (const batch of readRecording(file)) {
      for (const { offset, record } of batch) {
        if (record.kind !== "fault") records[record.kind]++;
        const problem = record.kind === "fault" ? record.problem : replay.take(record);
        if (problem !== undefined) note(file, offset, problem);
      }
    }
  }
  const routes = rib.routes().filter(({ paths }) => paths.length > 0);
  return { records, problems, peers: replay.peers().map(describePeer), routes: routes.map(describeBgpRoute) };
}

function configuredRib({ config, interfaces }: ReplayBgpOptions, localAsnTo: (neighbor: Address) => number | undefined): Rib {
  const rib = createRib();
  const everyNextHopReachable = interfaces.length === 0;
  // Who does not say how to decide is shown everything but loops, and many paths may share a prefix.
  const decision = config
    ? { ...ribConfiguration(config), importPolicy: ({ address }: RoutePeer) => importPolicyOf(config.bgp, address) }
    : { ...WITHOUT_CONFIGURATION, importPolicy: ({ address }: RoutePeer) => acceptEverythingBut(localAsnTo(address)) };
  rib.configure({ ...decision, interfaces, everyNextHopReachable });
  return rib;
}

const acceptEverythingBut = (ownAsn: number | undefined): ImportPolicy => ({
  ...ACCEPT_EVERYTHING,
  ownAsns: ownAsn === undefined ? [] : [ownAsn],
});

const WITHOUT_CONFIGURATION = {
  routerId: 0,
  staticRoutes: [],
  maximumPaths: 512,
  multipathRelax: true,
  linkBandwidth: "all-or-none",
} as const;

const describePeer = ({ address, ...counts }: ReplayedPeer) => ({ peer: formatAddress(address), ...counts });
