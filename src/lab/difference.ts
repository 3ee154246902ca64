/**
 * Where forecast and observation differ, and why that may be: a closed list of named reasons, each with what it means, its witness in
 * words, and what asks that witness: `ofFlow` of connections and requests, `ofDatagrams` of flows of datagrams. A difference that
 * none of them explains is `unexplained`, and makes the run a failure. Reports and `lab/README.md` have the same table. Pure.
 */
import { type DatagramCase, enteredAllBut, enteredAsForecast, leftForOthers } from "./datagram-difference.ts";
import { CUTS, type Expectation } from "./expectation.ts";
import { FAULTS } from "./fault.ts";
import type { FaultKind } from "./lab.ts";
import type { RouterSettings } from "./router-settings.ts";
import type { FaultMark, NameMark } from "./timeline.ts";

/** What is seen of a connection or request from outside; times as those of the marks. */
export interface ObservedFlow {
  readonly broken: boolean;
  /** It broke by a word from the other side, and not by silence. */
  readonly wasReset?: boolean | undefined;
  readonly short: boolean;
  /** Of a short one: when it was to begin by the plan, when it did, when it was to be over then, and when it was. */
  readonly dueMs?: number | undefined;
  readonly fromMs: number;
  readonly toMs: number;
  readonly endedMs?: number | undefined;
  readonly pod?: string | undefined;
  /** The next hop by which it entered, where a pod has told. */
  readonly entry?: string | undefined;
  /** The next hops that its packets left for, as the kernel of a Linux router recorded them behind its choice. */
  readonly leftFor?: ReadonlySet<string> | undefined;
  /** Packets of its own, before or behind the node that it entered by, are among those that a fault threw away. */
  readonly lostPackets?: boolean | undefined;
  /** Its name led to another service than the one planned for its time. */
  readonly wentAstray?: boolean | undefined;
  /** It ended in a silence of so long, and for so long of it one process on its way waited for a processor. */
  readonly silence?: { readonly lastedMs: number; readonly waitedMs: number } | undefined;
  /** What is wrong with it whatever was forecast. */
  readonly amiss?: string | undefined;
}

/** What is to be known of a change, of whatever came. */
export type PathChange = Pick<FaultMark, "nextHops" | "fromMs" | "toMs" | "plannedToMs">;

export interface Case {
  readonly expectation: Expectation;
  readonly observed: ObservedFlow;
  readonly marks: readonly FaultMark[];
  readonly moves: readonly NameMark[];
  readonly router: RouterSettings;
  /** Changes that no fault was to make. */
  readonly surprises: readonly PathChange[];
  /** Where there are any: the expectation of the forecast that was made again with them. */
  readonly surprised?: Expectation | undefined;
}

/** Faults of one kind that befell the node of its pod. */
const podStruck = ({ observed: { pod }, marks }: Case, isKind: (fault: FaultKind) => boolean): boolean =>
  marks.some(({ fault, node }) => isKind(fault) && pod?.startsWith(`${node}-`) === true);

/** The changes that mean something to its path: the node is on it, or it leads elsewhere afterwards. */
function changesOfPath({ expectation, surprised, marks, surprises }: Case): readonly PathChange[] {
  const { nextHops } = surprised ?? expectation;
  const isElsewhere = new Set(nextHops).size > 1;
  return [...marks, ...surprises].filter(
    (change) => isElsewhere || change.nextHops.some((nextHop) => nextHops.includes(nextHop)),
  );
}

/** It went by other next hops than those of its 5-tuple, and broke if and only if they were several. */
function wentElsewhere({ expectation, observed: { broken, leftFor } }: Case): boolean {
  if (leftFor === undefined) return false;
  const forecast = new Set(expectation.nextHops);
  return (
    broken === leftFor.size > 1 && (leftFor.size !== forecast.size || [...leftFor].some((nextHop) => !forecast.has(nextHop)))
  );
}

const isPolicy1 = (router: RouterSettings): boolean => router.kind === "linux" && router.policy === 1;

/** Fate and way in are those of an expectation. */
const isAs = ({ fate, entry }: Expectation, { broken, entry: entered = entry, wentAstray, amiss }: ObservedFlow): boolean =>
  broken === (fate === "breaks") && entered === entry && !wentAstray && !amiss;

interface Reason {
  readonly means: string;
  readonly witness: string;
  readonly ofFlow?: (difference: Case) => boolean;
  readonly ofDatagrams?: (difference: DatagramCase) => boolean;
}

/** How far from a change a request's end may lie, and still have met it: the change takes time, and so do packets. */
const EDGE_MS = 150;

/** Beside a fault's beginning, or between when it was to be known and when it was. */
function isAtEdge({ fromMs, toMs, plannedToMs }: PathChange | NameMark, atMs: number): boolean {
  const isBetween = (leastMs: number, mostMs: number) => atMs >= leastMs - EDGE_MS && atMs <= mostMs + EDGE_MS;
  return isBetween(fromMs, fromMs) || isBetween(Math.min(toMs, plannedToMs), Math.max(toMs, plannedToMs));
}

/** A process that waits for half of a silence has made it: what it lost meanwhile is sent again later still. */
const STALLED_SHARE = 0.5;

/** The first one that applies is the reason. */
export const REASONS = {
  "socket-hash": {
    means: "under policy 1 the kernel takes the sending socket's own random number for a hash, where a veth hands it on",
    witness:
      "the Linux router's kernel noted (nftables, behind its choice) that packets of this flow left for other nodes than those of its 5-tuple, and it broke if and only if these were several",
    ofFlow: (difference) => isPolicy1(difference.router) && wentElsewhere(difference),
    ofDatagrams: (difference) => isPolicy1(difference.router) && leftForOthers(difference),
  },
  "routes-surprised": {
    means:
      "the router lost a node's routes, or got them back, when no fault was to do that: somebody was late, and a hold timer or a restart did not wait",
    witness:
      "the router's own events tell of the change and of what it came by (`session-down`, `stale-routes-gone`), and the forecast made again with these changes is what was observed",
    ofFlow: ({ surprised, observed }) => surprised !== undefined && isAs(surprised, observed),
    ofDatagrams: (difference) =>
      difference.surprised !== undefined && enteredAsForecast({ ...difference, visits: difference.surprised }),
  },
  "pod-gone": {
    means: "it was short, and its pod was moved away; which pod it had, the node's kube-proxy drew by lot",
    witness: "it failed, and its pod's greeting names one that `pods-move` or `drain` ended",
    ofFlow: (difference) =>
      difference.observed.short && difference.observed.broken && podStruck(difference, (fault) => FAULTS[fault].podsGo === true),
  },
  "pod-cut-off": {
    means: "it was short, and its pod was on a node that was cut off; which pod it had, kube-proxy drew by lot",
    witness: "it failed, and its pod's greeting names one on a node that was cut off",
    ofFlow: (difference) =>
      difference.observed.short && difference.observed.broken && podStruck(difference, (fault) => CUTS.has(fault)),
  },
  "name-moving": {
    means: "it asked for its name while that was being moved, and was told the other address",
    witness: `it asked within ${EDGE_MS} ms of the name's move, and connected to the address of the other side of it`,
    ofFlow: ({ observed: { wentAstray, fromMs }, moves }) => wentAstray === true && moves.some((move) => isAtEdge(move, fromMs)),
  },
  "packets-lost": {
    means: "packets of its own were thrown away by a fault, and with them an answer for too long or the reset it was to get",
    witness:
      "the rule of `loss` noted packets of this flow, by the client's address or by the one that its node masqueraded it with (conntrack tells whose it is); and it was not reset",
    // Loss is silence: who was reset has another reason.
    ofFlow: ({ observed: { lostPackets, broken, wasReset } }) => lostPackets === true && !(broken && wasReset),
    ofDatagrams: ({ lostPackets }) => lostPackets,
  },
  "at-the-edge": {
    means: "it was short, and began or ended while a change of its path was being made",
    witness: `it began, or was to end, within ${EDGE_MS} ms of a change of its path`,
    ofFlow: (difference) => {
      const { short, fromMs, toMs } = difference.observed;
      return short && changesOfPath(difference).some((change) => isAtEdge(change, fromMs) || isAtEdge(change, toMs));
    },
  },
  late: {
    means: "it was short, began later than it was to or took longer, and so it met another path, or a change of it",
    witness: "between when it was to begin and when it did, or when it was to end and when it did, its path changed",
    ofFlow: (difference) => {
      const { short, fromMs, toMs, dueMs = fromMs, endedMs = toMs } = difference.observed;
      const isPutOff = (atMs: number) => (atMs >= dueMs && atMs <= fromMs) || (atMs >= dueMs + toMs - fromMs && atMs <= endedMs);
      return short && changesOfPath(difference).some((change) => isPutOff(change.fromMs) || isPutOff(change.toMs));
    },
  },
  stalled: {
    means: "nobody answered it in time, because a process on its way did not get a processor",
    witness:
      "it fell silent, and for half of that silence the kernel had a thread of the router, of its pod or of its ingress wait for a processor (`/proc/PID/task/TID/schedstat`), or the whole machine stood still",
    ofFlow: ({ observed: { broken, wasReset, silence } }) =>
      broken && !wasReset && silence !== undefined && silence.waitedMs >= silence.lastedMs * STALLED_SHARE,
  },
  "too-brief": {
    means: "it was a flow of datagrams, and was to go by a node for less time than lies between two of them",
    witness: "all that is missing are nodes that it was to go by for less than `everyMs`",
    ofDatagrams: (difference) => enteredAllBut(difference, ({ lastsMs }) => lastsMs < difference.everyMs),
  },
  unanswered: {
    means: "it was a flow of datagrams, and entered a node, whose kernel tracks it, but no pod answered from behind it",
    witness: "the kernel of each node that is missing tracks it (conntrack), so it entered there",
    ofDatagrams: (difference) => enteredAllBut(difference, ({ nextHop }) => difference.trackedBy.has(nextHop)),
  },
  unexplained: { means: "no reason is known", witness: "none: the run fails", ofFlow: () => true, ofDatagrams: () => true },
} as const satisfies Readonly<Record<string, Reason>>;

export type ReasonName = keyof typeof REASONS;

/** In the order in which they are asked. */
export const REASON_NAMES = Object.keys(REASONS) as ReasonName[];

/** The table as its rows are asked; the names are kept above. */
const TABLE: Readonly<Record<ReasonName, Reason>> = REASONS;

/** The reason's name, or undefined where there is no difference. */
export function explainDifference(difference: Case): ReasonName | undefined {
  if (isAs(difference.expectation, difference.observed)) return undefined;
  return REASON_NAMES.find((name) => TABLE[name].ofFlow?.(difference));
}

/** The same of a flow of datagrams. */
export function explainDatagrams(difference: DatagramCase): ReasonName | undefined {
  if (enteredAsForecast(difference)) return undefined;
  return REASON_NAMES.find((name) => TABLE[name].ofDatagrams?.(difference));
}
