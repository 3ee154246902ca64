/**
 * Where forecast and observation differ, and why that may be: a closed list of named reasons, each with what it means, its
 * witness in words, and what asks that witness: `ofFlow` of connections and requests, `ofDatagrams` of flows of datagrams. A
 * difference that none of them explains is `unexplained`, and makes the run a failure. Reports and `lab/README.md` have the same
 * table. Pure.
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
  /** Which has answered, or which its node's kube-proxy drew for it. */
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

/** A short one that failed with its pod, having entered as was forecast. */
const isLostWithPod = (difference: Case, isKind: (fault: FaultKind) => boolean): boolean =>
  difference.observed.short && difference.observed.broken && podStruck(difference, isKind) && enteredRight(difference);

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

/** No pod has told that it entered elsewhere than by one of these. */
const enteredBy = ({ entry }: ObservedFlow, nextHops: readonly (string | undefined)[]): boolean =>
  entry === undefined || nextHops.includes(entry);

/** As was forecast, from its beginning. */
const enteredRight = ({ expectation: { entry }, observed }: Case): boolean => enteredBy(observed, [entry]);

/** Under policy 1: by one that the kernel chose for packets of it. */
const leftForEntry = ({ router, observed: { entry, leftFor } }: Case): boolean =>
  isPolicy1(router) && entry !== undefined && leftFor?.has(entry) === true;

/** By one of the ways that its changes lead it. */
const enteredOnPath = ({ expectation, surprised = expectation, observed }: Case): boolean =>
  enteredBy(observed, [...expectation.nextHops, ...surprised.nextHops]);

/** Fate and way in are those of an expectation. */
const isAs = ({ fate, entry }: Expectation, { broken, entry: entered = entry, wentAstray, amiss }: ObservedFlow): boolean =>
  broken === (fate === "breaks") && entered === entry && !wentAstray && !amiss;

interface Reason {
  readonly means: string;
  readonly witness: string;
  readonly ofFlow?: (difference: Case) => boolean;
  readonly ofDatagrams?: (difference: DatagramCase) => boolean;
  /** Its witness covers what is amiss whatever was forecast. */
  readonly evenAmiss?: true;
}

/** How far from a change a request's end may lie, and still have met it: the change takes time, and so do packets. */
const EDGE_MS = 150;

const isBetween = (atMs: number, oneMs: number, otherMs: number): boolean =>
  atMs >= Math.min(oneMs, otherMs) - EDGE_MS && atMs <= Math.max(oneMs, otherMs) + EDGE_MS;

/** Beside a fault's beginning, or beside when packets went by it. */
const isAtEdge = ({ fromMs, toMs }: PathChange, atMs: number): boolean =>
  isBetween(atMs, fromMs, fromMs) || isBetween(atMs, toMs, toMs);

const isPutOff = ({ toMs, plannedToMs }: PathChange, atMs: number): boolean => isBetween(atMs, toMs, plannedToMs);

const isMoving = ({ fromMs, toMs, plannedToMs }: NameMark, atMs: number): boolean =>
  isBetween(atMs, Math.min(fromMs, plannedToMs), Math.max(toMs, plannedToMs));

/** It began, or was to end, then: a short one, which entered by its path. */
const isShortAt = (difference: Case, isThen: (change: PathChange, atMs: number) => boolean): boolean => {
  const { short, fromMs, toMs } = difference.observed;
  return (
    short &&
    enteredOnPath(difference) &&
    changesOfPath(difference).some((change) => isThen(change, fromMs) || isThen(change, toMs))
  );
};

/** A process that waits for half of a silence has made it: what it lost meanwhile is sent again later still. */
const STALLED_SHARE = 0.5;

/** The first one that applies is the reason. */
export const REASONS = {
  "socket-hash": {
    means: "under policy 1 the kernel takes the sending socket's own random number for a hash, where a veth hands it on",
    witness:
      "the Linux router's kernel noted (nftables, behind its choice) that packets of this flow left for other nodes than those of its 5-tuple, and it broke if and only if these were several",
    evenAmiss: true,
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
    witness:
      "it failed, and its pod's greeting, or its node's kernel (conntrack), names one that `pods-move` or `drain` ended; it entered by the node of the forecast",
    ofFlow: (difference) => isLostWithPod(difference, (fault) => FAULTS[fault].podsGo === true),
  },
  "pod-cut-off": {
    means: "it was short, and its pod was on a node that was cut off; which pod it had, kube-proxy drew by lot",
    witness:
      "it failed, and its pod's greeting, or its node's kernel (conntrack), names one on a node that was cut off; it entered by the node of the forecast",
    ofFlow: (difference) => isLostWithPod(difference, (fault) => CUTS.has(fault)),
  },
  "name-moving": {
    means: "it asked for its name while that was being moved, and was told the other address",
    witness: `it asked between when the name was to be moved, or was, and when all were told, or within ${EDGE_MS} ms of that, and connected to the address of the other side of it`,
    ofFlow: ({ observed: { wentAstray, fromMs }, moves }) => wentAstray === true && moves.some((move) => isMoving(move, fromMs)),
  },
  "packets-lost": {
    means: "packets of its own were thrown away by a fault, and with them an answer for too long or the reset it was to get",
    witness:
      "the rule of `loss` noted packets of this flow, by the client's address or by the one that its node masqueraded it with (conntrack tells whose it is); it was not reset, and entered by the node of the forecast or, under policy 1, by one that the kernel noted its packets left for",
    // Loss is silence: who was reset has another reason.
    ofFlow: (difference) => {
      const { lostPackets, broken, wasReset } = difference.observed;
      return lostPackets === true && !(broken && wasReset) && (enteredRight(difference) || leftForEntry(difference));
    },
    ofDatagrams: ({ lostPackets }) => lostPackets,
  },
  "at-the-edge": {
    means: "it was short, and began or ended while a change of its path was being made",
    witness: `it began, or was to end, within ${EDGE_MS} ms of a fault, or of when packets went by what follows from it, and entered by its path before or after that`,
    ofFlow: (difference) => isShortAt(difference, isAtEdge),
  },
  "change-put-off": {
    means:
      "it was short, and a change of its path was made at another time than was planned: a fault, a speaker or the router was late",
    witness: `it began, or was to end, between when the change was to be and when packets went by it (or within ${EDGE_MS} ms of that), and entered by its path before or after it`,
    ofFlow: (difference) => isShortAt(difference, isPutOff),
  },
  late: {
    means: "it was short, began later than it was to or took longer, and so it met another path, or a change of it",
    witness:
      "between when it was to begin and when it did, or when it was to end and when it did, its path changed; and it entered by its path before or after that",
    ofFlow: (difference) => {
      const { short, fromMs, toMs, dueMs = fromMs, endedMs = toMs } = difference.observed;
      const isMet = (atMs: number) => (atMs >= dueMs && atMs <= fromMs) || (atMs >= dueMs + toMs - fromMs && atMs <= endedMs);
      const changes = changesOfPath(difference);
      return short && enteredOnPath(difference) && changes.some((change) => isMet(change.fromMs) || isMet(change.toMs));
    },
  },
  stalled: {
    means: "nobody answered it in time, because a process on its way did not get a processor, or was stopped",
    witness:
      "it fell silent, and for half of that silence the kernel had a thread of the router, of its pod or of its ingress wait for a processor (`/proc/PID/task/TID/schedstat`) or had one of these stopped (`/proc/PID/stat`), or the whole machine stood still; it entered by the node of the forecast",
    ofFlow: (difference) => {
      const { broken, wasReset, silence } = difference.observed;
      const isStalled = silence !== undefined && silence.waitedMs >= silence.lastedMs * STALLED_SHARE;
      return broken && !wasReset && isStalled && enteredRight(difference);
    },
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
  unexplained: {
    means: "no reason is known, or something is amiss whatever was forecast",
    witness: "none: the run fails",
    evenAmiss: true,
    ofFlow: () => true,
    ofDatagrams: () => true,
  },
} as const satisfies Readonly<Record<string, Reason>>;

export type ReasonName = keyof typeof REASONS;

/** In the order in which they are asked. */
export const REASON_NAMES = Object.keys(REASONS) as ReasonName[];

/** The table as its rows are asked; the names are kept above. */
const TABLE: Readonly<Record<ReasonName, Reason>> = REASONS;

/** The reason's name, or undefined where there is no difference. */
export function explainDifference(difference: Case): ReasonName | undefined {
  if (isAs(difference.expectation, difference.observed)) return undefined;
  const isAmiss = difference.observed.amiss !== undefined;
  return REASON_NAMES.find((name) => (!isAmiss || TABLE[name].evenAmiss) && TABLE[name].ofFlow?.(difference));
}

/** The same of a flow of datagrams. */
export function explainDatagrams(difference: DatagramCase): ReasonName | undefined {
  if (enteredAsForecast(difference)) return undefined;
  return REASON_NAMES.find((name) => TABLE[name].ofDatagrams?.(difference));
}
