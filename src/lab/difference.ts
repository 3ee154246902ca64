/**
 * Where forecast and observation differ, and why that may be: a closed list of named reasons, each with the witness that must
 * speak for it. A difference that none of them explains is `unexplained`, and makes the run a failure. Pure.
 */
import { CUTS, type Expectation } from "./expectation.ts";
import type { RouterSettings } from "./router-settings.ts";
import type { FaultMark } from "./timeline.ts";

/** What is seen of a connection or request from outside; times as those of the marks. */
export interface ObservedFlow {
  readonly broken: boolean;
  readonly short: boolean;
  readonly fromMs: number;
  /** A short one's: when it was to be over. */
  readonly toMs: number;
  readonly pod?: string | undefined;
  /** The next hop by which it entered, where a pod has told. */
  readonly entry?: string | undefined;
}

export interface Case {
  readonly expectation: Expectation;
  readonly observed: ObservedFlow;
  readonly marks: readonly FaultMark[];
  readonly router: RouterSettings;
}

interface Reason {
  readonly means: string;
  readonly witness: (difference: Case) => boolean;
}

/** How far from a change a request's end may lie, and still have met it: the change takes time, and so do packets. */
const EDGE_MS = 150;

/** Beside a fault's beginning, or between when it was to be known and when it was. */
function isAtEdge({ fromMs, toMs, plannedToMs }: FaultMark, atMs: number): boolean {
  const isBetween = (leastMs: number, mostMs: number) => atMs >= leastMs - EDGE_MS && atMs <= mostMs + EDGE_MS;
  return isBetween(fromMs, fromMs) || isBetween(Math.min(toMs, plannedToMs), Math.max(toMs, plannedToMs));
}

/** The first one that applies is the reason. */
export const REASONS = {
  "socket-hash": {
    means: "under policy 1 the kernel takes the sending socket's own random number for a hash, where a veth hands it on",
    witness: ({ router }) => router.kind === "linux" && router.policy === 1,
  },
  "pod-gone": {
    means: "its pod was moved away; which pod it had, the node's kube-proxy drew by lot",
    witness: ({ observed, marks }) =>
      observed.broken && marks.some(({ fault, node }) => fault === "pods-move" && observed.pod?.startsWith(`${node}-`) === true),
  },
  "pod-cut-off": {
    means: "its pod was on a node that was cut off, and which node's pod it had, kube-proxy drew by lot",
    witness: ({ observed, marks }) =>
      observed.broken && marks.some(({ fault, node }) => CUTS.has(fault) && observed.pod?.startsWith(`${node}-`) === true),
  },
  "packets-lost": {
    means: "packets were being lost at its node, and with them either an answer for too long or the reset it was to get",
    witness: ({ expectation, marks }) =>
      marks.some(({ fault, nextHops }) => fault === "loss" && nextHops.some((nextHop) => expectation.nextHops.includes(nextHop))),
  },
  "at-the-edge": {
    means: "it was short, and began or ended while a change was being made",
    witness: ({ observed: { short, fromMs, toMs }, marks }) =>
      short && marks.some((mark) => isAtEdge(mark, fromMs) || isAtEdge(mark, toMs)),
  },
  unexplained: { means: "no reason is known", witness: () => true },
} as const satisfies Readonly<Record<string, Reason>>;

export type ReasonName = keyof typeof REASONS;

/** The reason's name, or undefined where there is no difference. */
export function explainDifference(difference: Case): ReasonName | undefined {
  const { expectation, observed } = difference;
  const entered = observed.entry === undefined || observed.entry === expectation.nextHops[0];
  if (observed.broken === (expectation.fate === "breaks") && entered) return undefined;
  const names = Object.keys(REASONS) as ReasonName[];
  return names.find((name) => REASONS[name].witness(difference));
}
