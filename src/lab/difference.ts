/**
 * Where forecast and observation differ, and why that may be: a closed list of named reasons, each with the witness that must
 * speak for it: `witness` of connections and requests, `ofDatagrams` of flows of datagrams. A difference that none of them
 * explains is `unexplained`, and makes the run a failure. Pure.
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
  readonly fromMs: number;
  /** A short one's: when it was to be over. */
  readonly toMs: number;
  /** A short one's: when it was. */
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
}

export interface Case {
  readonly expectation: Expectation;
  readonly observed: ObservedFlow;
  readonly marks: readonly FaultMark[];
  readonly moves: readonly NameMark[];
  readonly router: RouterSettings;
}

/** Faults of one kind that befell the node of its pod. */
const podStruck = ({ observed: { pod }, marks }: Case, isKind: (fault: FaultKind) => boolean): boolean =>
  marks.some(({ fault, node }) => isKind(fault) && pod?.startsWith(`${node}-`) === true);

/** A mark that means something to its path: the node is on it, or it leads elsewhere afterwards. */
const concerns = ({ expectation: { nextHops } }: Case, mark: FaultMark): boolean =>
  mark.nextHops.some((nextHop) => nextHops.includes(nextHop)) || new Set(nextHops).size > 1;

/** It went by other next hops than those of its 5-tuple, and broke if and only if they were several. */
function wentElsewhere({ expectation, observed: { broken, leftFor } }: Case): boolean {
  if (leftFor === undefined) return false;
  const forecast = new Set(expectation.nextHops);
  return (
    broken === leftFor.size > 1 && (leftFor.size !== forecast.size || [...leftFor].some((nextHop) => !forecast.has(nextHop)))
  );
}

const isPolicy1 = (router: RouterSettings): boolean => router.kind === "linux" && router.policy === 1;

interface Reason {
  readonly means: string;
  readonly witness?: (difference: Case) => boolean;
  readonly ofDatagrams?: (difference: DatagramCase) => boolean;
}

/** How far from a change a request's end may lie, and still have met it: the change takes time, and so do packets. */
const EDGE_MS = 150;

/** Beside a fault's beginning, or between when it was to be known and when it was. */
function isAtEdge({ fromMs, toMs, plannedToMs }: FaultMark | NameMark, atMs: number): boolean {
  const isBetween = (leastMs: number, mostMs: number) => atMs >= leastMs - EDGE_MS && atMs <= mostMs + EDGE_MS;
  return isBetween(fromMs, fromMs) || isBetween(Math.min(toMs, plannedToMs), Math.max(toMs, plannedToMs));
}

/** The first one that applies is the reason. */
export const REASONS = {
  "socket-hash": {
    means: "under policy 1 the kernel takes the sending socket's own random number for a hash, where a veth hands it on",
    witness: (difference) => isPolicy1(difference.router) && wentElsewhere(difference),
    ofDatagrams: (difference) => isPolicy1(difference.router) && leftForOthers(difference),
  },
  "pod-gone": {
    means: "it was short, and its pod was moved away; which pod it had, the node's kube-proxy drew by lot",
    witness: (difference) =>
      difference.observed.short && difference.observed.broken && podStruck(difference, (fault) => FAULTS[fault].podsGo === true),
  },
  "pod-cut-off": {
    means: "it was short, and its pod was on a node that was cut off; which pod it had, kube-proxy drew by lot",
    witness: (difference) =>
      difference.observed.short && difference.observed.broken && podStruck(difference, (fault) => CUTS.has(fault)),
  },
  "name-moving": {
    means: "it asked for its name while that was being moved, and was told the other address",
    witness: ({ observed: { wentAstray, fromMs }, moves }) => wentAstray === true && moves.some((move) => isAtEdge(move, fromMs)),
  },
  "packets-lost": {
    means: "packets of its own were thrown away by a fault, and with them an answer for too long or the reset it was to get",
    // Loss is silence: who was reset has another reason.
    witness: ({ observed: { lostPackets, broken, wasReset } }) => lostPackets === true && !(broken && wasReset),
    ofDatagrams: ({ lostPackets }) => lostPackets,
  },
  "at-the-edge": {
    means: "it was short, and began or ended while a change of its path was being made",
    witness: (difference) => {
      const { short, fromMs, toMs } = difference.observed;
      const touches = (mark: FaultMark) => isAtEdge(mark, fromMs) || isAtEdge(mark, toMs);
      return short && difference.marks.some((mark) => concerns(difference, mark) && touches(mark));
    },
  },
  late: {
    means: "it was short and took longer than it was to take, and so it met a change of its path",
    witness: (difference) => {
      const { toMs, endedMs = toMs } = difference.observed;
      return difference.marks.some((mark) => concerns(difference, mark) && mark.fromMs >= toMs && mark.fromMs <= endedMs);
    },
  },
  "too-brief": {
    means: "it was a flow of datagrams, and was to go by a node for less time than lies between two of them",
    ofDatagrams: (difference) => enteredAllBut(difference, ({ lastsMs }) => lastsMs < difference.everyMs),
  },
  unanswered: {
    means: "it was a flow of datagrams, and entered a node, whose kernel tracks it, but no pod answered from behind it",
    ofDatagrams: (difference) => enteredAllBut(difference, ({ nextHop }) => difference.trackedBy.has(nextHop)),
  },
  unexplained: { means: "no reason is known", witness: () => true, ofDatagrams: () => true },
} as const satisfies Readonly<Record<string, Reason>>;

export type ReasonName = keyof typeof REASONS;

/** The table as its rows are asked; the names are kept above. */
const ROWS = Object.entries(REASONS) as [ReasonName, Reason][];

/** The reason's name, or undefined where there is no difference. */
export function explainDifference(difference: Case): ReasonName | undefined {
  const { expectation, observed } = difference;
  const entered = observed.entry === undefined || observed.entry === expectation.entry;
  if (observed.broken === (expectation.fate === "breaks") && entered && !observed.wentAstray) return undefined;
  return ROWS.find(([, { witness }]) => witness?.(difference))?.[0];
}

/** The same of a flow of datagrams. */
export function explainDatagrams(difference: DatagramCase): ReasonName | undefined {
  if (enteredAsForecast(difference)) return undefined;
  return ROWS.find(([, { ofDatagrams }]) => ofDatagrams?.(difference))?.[0];
}
