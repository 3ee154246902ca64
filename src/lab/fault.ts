/**
 * What may happen to a node of a lab, or to its router, a row each: what it means to the router, what it is told, what it takes
 * hold of. Values alone: the forecast is made from them before anything happens, and files are checked by them. What each
 * does is in `fault-deed.ts`.
 */
import { type ClusterNode, FAULT_KINDS, type FaultKind, type Lab, type Service, servicesOf } from "./lab.ts";
import { SPEAKERS } from "./speaker/kinds.ts";

/**
 * Whether the node's next hop leaves the groups until the fault ends, leaves and comes back at once, leaves and is not let back, or
 * stays; or it is the router that goes, and every path with it.
 */
export type RouteConsequence = "leaves" | "flaps" | "is-shut-out" | "stays" | "router";

/**
 * What a fault lays its hands on. Who takes a part has it for himself while he lasts; who needs one shares it with others who do.
 *
 *   speaker   the node's BGP process, and what it says       link        its cable, for what must be heard
 *   routes    whether the node is a next hop                 pods        those of the node
 *   port      what our router does to packets on their way
 */
export type FaultPart = "speaker" | "routes" | "pods" | "link" | "port";

/** What a fault may be told (`fault-setting.ts`). */
export interface FaultSettings {
  /** Of packets. */
  readonly percent: number;
  /** How many a flood has. */
  readonly prefixes: number;
  /** Of what is drawn. */
  readonly seed: number;
  /** Between the two halves of one that has them. */
  readonly graceSeconds: number;
  /** The node that pods move to; undefined: away, and nowhere in the lab. */
  readonly to: string | undefined;
}

export type SettingName = keyof FaultSettings;
export interface Fault {
  /** "n2's ...". */
  readonly past: string;
  readonly route: RouteConsequence;
  readonly takes: readonly FaultPart[];
  readonly needs?: readonly FaultPart[];
  /** Of what a fault may be told, what this one heeds. */
  readonly heeds?: readonly SettingName[];
  /** Whom it befalls: a node, or the router itself. */
  readonly befalls?: "router";
  /** Whether a Linux router knows no such thing. */
  readonly needsOurRouter?: true;
  /** Of the nodes, those that it can befall. */
  readonly canBefall?: (node: Pick<ClusterNode, "kind" | "address6">) => boolean;
  /** It comes back by itself, and has no end. */
  readonly passes?: true;
  /** It has a second half, `graceSeconds` after the first. */
  readonly halves?: true;
  /** The services whose routes it concerns; absent: all that the node announces. */
  readonly concerns?: (lab: Lab, node: ClusterNode) => readonly Service[];
  /** While it lasts its node has no pods. */
  readonly podsGo?: true;
  /** Whether the router has to miss the node (hold timer, BFD); else the kernel or the speaker tells it at once. */
  readonly silent: boolean;
  /** While it lasts no session is Established with whom it befell, once the router has found out. */
  readonly endsSession?: true;
  /** Whether a speaker that restarts gracefully keeps its routes meanwhile, if it is back in time. */
  readonly graceful?: true;
  /** Whether it is in a kernel, and stays there when the processes of a run have gone. */
  readonly outlivesRun: boolean;
}

export const FAULTS: Readonly<Record<FaultKind, Fault>> = {
  "kill-speaker": {
    past: "speaker killed",
    route: "leaves",
    takes: ["speaker", "routes"],
    endsSession: true,
    graceful: true,
    silent: false,
    outlivesRun: false,
  },
  "stop-speaker": {
    past: "speaker stopped",
    route: "leaves",
    takes: ["speaker", "routes"],
    endsSession: true,
    silent: true,
    outlivesRun: false,
  },
  withdraw: {
    past: "routes withdrawn",
    route: "leaves",
    takes: ["speaker", "routes"],
    silent: false,
    outlivesRun: false,
  },
  "session-flap": {
    past: "session reset",
    route: "flaps",
    takes: ["speaker", "routes"],
    silent: false,
    outlivesRun: false,
    passes: true,
  },
  "link-down": {
    past: "link cut",
    route: "leaves",
    takes: ["routes", "link"],
    endsSession: true,
    silent: true,
    outlivesRun: true,
  },
  "silent-node": {
    past: "node fell silent",
    route: "leaves",
    takes: ["routes"],
    endsSession: true,
    silent: true,
    outlivesRun: true,
  },
  "one-way-loss": {
    past: "words are lost on their way to the router",
    route: "leaves",
    takes: ["routes", "link"],
    endsSession: true,
    silent: true,
    outlivesRun: true,
  },
  loss: {
    past: "packets are lost",
    route: "stays",
    takes: [],
    heeds: ["percent"],
    silent: false,
    outlivesRun: true,
  },
  delay: atPort("packets are late"),
  jitter: atPort("packets are late by chance"),
  reorder: { ...atPort("packets overtake each other"), heeds: ["percent"] },
  duplicate: { ...atPort("packets come twice"), heeds: ["percent"] },
  corrupt: { ...atPort("packets are damaged"), heeds: ["percent"] },
  mtu: {
    past: "link's MTU shrunk",
    route: "stays",
    takes: [],
    silent: false,
    outlivesRun: true,
  },
  "mac-change": {
    past: "MAC address changed",
    route: "stays",
    takes: [],
    // The network is told of it by a word that must be heard.
    needs: ["link"],
    silent: false,
    outlivesRun: true,
  },
  "pods-move": {
    past: "pods moved to other nodes",
    route: "leaves",
    takes: ["speaker", "routes", "pods"],
    // A node without pods of its own has nothing to announce of these.
    concerns: localServicesOf,
    heeds: ["to"],
    podsGo: true,
    silent: false,
    outlivesRun: true,
  },
  "kill-router": {
    past: "router killed",
    route: "router",
    takes: ["routes", "port"],
    befalls: "router",
    needsOurRouter: true,
    endsSession: true,
    silent: false,
    outlivesRun: false,
  },
  "kill-worker": {
    past: "worker killed",
    route: "stays",
    takes: [],
    needs: ["port"],
    befalls: "router",
    needsOurRouter: true,
    passes: true,
    silent: false,
    outlivesRun: false,
  },
  "mutate-bgp": {
    past: "UPDATEs are mutated",
    route: "leaves",
    takes: ["speaker", "routes"],
    heeds: ["seed"],
    needsOurRouter: true,
    // An UPDATE of IPv6 begins with another attribute.
    canBefall: ({ address6 }) => address6 === undefined,
    silent: false,
    outlivesRun: true,
  },
  "prefix-flood": {
    past: "prefixes flood the router",
    route: "stays",
    takes: ["speaker"],
    needs: ["routes"],
    heeds: ["prefixes"],
    canBefall: ({ kind }) => SPEAKERS[kind].flood !== undefined,
    silent: false,
    outlivesRun: false,
  },
  drain: {
    past: "node drained",
    route: "leaves",
    takes: ["speaker", "routes", "pods"],
    heeds: ["graceSeconds"],
    halves: true,
    podsGo: true,
    endsSession: true,
    silent: false,
    outlivesRun: true,
  },
};

/** What the experiment of a lab may be about. */
export const EVENTS = FAULT_KINDS.filter((kind) => FAULTS[kind].route === "leaves");

/** At our router's own port: the kernels at hand may lack netem. Several at once add up (`port-fault.ts`). */
function atPort(past: string): Fault {
  return { past, route: "stays", takes: [], needs: ["port"], needsOurRouter: true, silent: false, outlivesRun: false };
}

export function localServicesOf(lab: Lab, node: ClusterNode): readonly Service[] {
  return servicesOf(lab, node).filter(({ externalTrafficPolicy }) => externalTrafficPolicy === "Local");
}
