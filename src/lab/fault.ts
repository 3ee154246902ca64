/**
 * What may happen to a node of a lab, a row each: what it does, how it is undone, and what it means to the router. Experiments
 * (`lab.yaml`) and scenarios name a row; `run.ts` and `scenario-run.ts` begin and end it. The forecast is made from `route`
 * and `silent`, before anything happens.
 */
import { formatAddress } from "../net/address.ts";
import { type Cast, startRouter } from "./cast.ts";
import { ECMP_COMMAND } from "./ecmp-command.ts";
import { LabFailure } from "./failure.ts";
import { type FaultSettings, inNode, linkEnds, linkOf, type Target } from "./fault-target.ts";
import { type ClusterNode, type FaultKind, type Lab, type Service, servicesOf } from "./lab.ts";
import type { LabRouter } from "./lab-router.ts";
import { bringPodsBack, movePods } from "./moved-pods.ts";
import { drawMutation, leaveUpdates, mutateUpdates } from "./mutation.ts";
import { inNamespace } from "./namespace.ts";
import { dropNoted, dropPackets, endDropping, type FilterName, flowsDropped } from "./packet-filter.ts";
import { execute } from "./process.ts";
import { RouterProcess } from "./router-process.ts";
import { SPEAKERS } from "./speaker/kinds.ts";
import { ask, flood, restartSpeaker, speakerOf } from "./speaker-fault.ts";

const SMALL_MTU = 1000;
const DELAY_MS = 50;

/**
 * Whether the node's next hop leaves the groups until the fault ends, leaves and comes back at once, leaves and is not let back, or
 * stays; or it is the router that goes, and every path with it.
 */
export type RouteConsequence = "leaves" | "flaps" | "is-shut-out" | "stays" | "router";

export interface Fault {
  /** "n2's ...". */
  readonly past: string;
  readonly route: RouteConsequence;
  /** Of what it may be told, what it heeds. */
  readonly heeds?: keyof FaultSettings;
  /** Whom it befalls: a node, or the router itself. */
  readonly befalls?: "router";
  /** Whether a Linux router knows no such thing. */
  readonly needsOurRouter?: true;
  /** Of the nodes, those that it can befall. */
  readonly canBefall?: (node: ClusterNode) => boolean;
  /** It comes back by itself, and has no end. */
  readonly passes?: true;
  /** The services whose routes it concerns; absent: all that the node announces. */
  readonly concerns?: (lab: Lab, node: ClusterNode) => readonly Service[];
  /** While it lasts its node has no pods. */
  readonly podsGo?: true;
  /** Whether the router has to miss the node (hold timer, BFD); else the kernel or the speaker tells it at once. */
  readonly silent: boolean;
  /** Whether a speaker that restarts gracefully keeps its routes meanwhile, if it is back in time. */
  readonly graceful?: true;
  /** Whether it is in a kernel, and stays there when the processes of a run have gone. */
  readonly outlivesRun: boolean;
  readonly begin: (target: Target) => Promise<void>;
  /** What it does `graceSeconds` after it began. */
  readonly goOn?: (target: Target) => Promise<void>;
  /** Undoes it. */
  readonly end: (target: Target) => Promise<void>;
  /** The clients' flows of which it has thrown packets away, so far or until it ended. */
  readonly struck?: (target: Target) => Promise<readonly string[]>;
}

export const FAULTS: Readonly<Record<FaultKind, Fault>> = {
  "kill-speaker": {
    past: "speaker killed",
    route: "leaves",
    graceful: true,
    silent: false,
    outlivesRun: false,
    begin: async (target) => speakerOf(target).daemons[0].kill("SIGKILL"),
    end: restartSpeaker,
  },
  "stop-speaker": {
    past: "speaker stopped",
    route: "leaves",
    silent: true,
    outlivesRun: false,
    begin: async (target) => speakerOf(target).daemons[0].kill("SIGSTOP"),
    end: async (target) => speakerOf(target).daemons[0].kill("SIGCONT"),
  },
  withdraw: {
    past: "routes withdrawn",
    route: "leaves",
    silent: false,
    outlivesRun: false,
    begin: (target) => ask(target, "withdraw"),
    end: (target) => ask(target, "announce"),
  },
  "session-flap": {
    past: "session reset",
    route: "flaps",
    silent: false,
    outlivesRun: false,
    passes: true,
    begin: (target) => ask(target, "reset"),
    end: async () => {},
  },
  "link-down": {
    past: "link cut",
    route: "leaves",
    silent: true,
    outlivesRun: true,
    begin: (target) => setFarEnd(target, "down"),
    end: (target) => setFarEnd(target, "up"),
  },
  "silent-node": {
    past: "node fell silent",
    route: "leaves",
    silent: true,
    outlivesRun: true,
    begin: (target) => drop(target, "silent", "ingress"),
    end: ({ node }) => endDropping(node, "silent"),
  },
  "one-way-loss": {
    past: "words are lost on their way to the router",
    route: "leaves",
    silent: true,
    outlivesRun: true,
    begin: (target) => drop(target, "one-way", "egress"),
    end: ({ node }) => endDropping(node, "one-way"),
  },
  loss: {
    past: "packets are lost",
    route: "stays",
    heeds: "percent",
    silent: false,
    outlivesRun: true,
    begin: (target) => drop(target, "loss", "ingress", dropNoted(target.percent)),
    end: ({ node }) => endDropping(node, "loss"),
    struck: ({ cast, node }) => flowsDropped(cast.lab, node, "loss"),
  },
  delay: atPort("packets are late", () => ["--delay-ms", String(DELAY_MS)]),
  jitter: atPort("packets are late by chance", () => ["--delay-ms", String(DELAY_MS), "--jitter-ms", String(DELAY_MS)]),
  reorder: { ...atPort("packets overtake each other", (percent) => ["--reorder-pct", String(percent)]), heeds: "percent" },
  duplicate: { ...atPort("packets come twice", (percent) => ["--duplicate-pct", String(percent)]), heeds: "percent" },
  corrupt: { ...atPort("packets are damaged", (percent) => ["--corrupt-pct", String(percent)]), heeds: "percent" },
  mtu: {
    past: "link's MTU shrunk",
    route: "stays",
    silent: false,
    outlivesRun: true,
    begin: (target) => inNode(target, ["ip", "link", "set", linkOf(target).interface, "mtu", String(SMALL_MTU)]),
    end: (target) => inNode(target, ["ip", "link", "set", linkOf(target).interface, "mtu", "1500"]),
  },
  "mac-change": {
    past: "MAC address changed",
    route: "stays",
    silent: false,
    outlivesRun: true,
    begin: (target) => changeMac(target, "02"),
    end: (target) => changeMac(target, "06"),
  },
  "pods-move": {
    past: "pods moved to other nodes",
    route: "leaves",
    // A node without pods of its own has nothing to announce of these.
    concerns: localServicesOf,
    podsGo: true,
    silent: false,
    outlivesRun: true,
    begin: async (target) => {
      const { clock, cast, node } = target;
      await movePods(clock, cast, node);
      await ask(target, "withdraw", localServicesOf(cast.lab, node));
    },
    end: async (target) => {
      const { clock, cast, node } = target;
      await bringPodsBack(clock, cast, node);
      await ask(target, "announce", localServicesOf(cast.lab, node));
    },
  },
  "kill-router": {
    past: "router killed",
    route: "router",
    befalls: "router",
    needsOurRouter: true,
    silent: false,
    outlivesRun: false,
    begin: ({ clock, cast }) => ours(cast.router).kill(clock),
    end: async ({ clock, cast }) => {
      cast.router = await startRouter(clock, cast.lab, cast.router.node, cast.settings, cast.directory);
    },
  },
  "kill-worker": {
    past: "worker killed",
    route: "stays",
    befalls: "router",
    needsOurRouter: true,
    passes: true,
    silent: false,
    outlivesRun: false,
    begin: ({ cast }) => askRouter(cast, "kill-worker"),
    end: async () => {},
  },
  "mutate-bgp": {
    past: "UPDATEs are mutated",
    route: "leaves",
    heeds: "seed",
    needsOurRouter: true,
    // An UPDATE of IPv6 begins with another attribute.
    canBefall: ({ address6 }) => address6 === undefined,
    silent: false,
    outlivesRun: true,
    begin: async (target) => {
      await mutateUpdates(target.node, linkOf(target).interface, drawMutation(target.seed));
      await ask(target, "repeat");
    },
    end: async (target) => {
      await leaveUpdates(target.node);
      await ask(target, "repeat");
    },
  },
  "prefix-flood": {
    past: "prefixes flood the router",
    route: "stays",
    heeds: "prefixes",
    canBefall: ({ kind }) => SPEAKERS[kind].flood !== undefined,
    silent: false,
    outlivesRun: false,
    begin: (target) => flood(target, "begin"),
    end: (target) => flood(target, "end"),
  },
  drain: {
    past: "node drained",
    route: "leaves",
    heeds: "graceSeconds",
    podsGo: true,
    silent: false,
    outlivesRun: true,
    // Cordoned: nothing new comes to it. Then it goes.
    begin: (target) => ask(target, "withdraw"),
    goOn: async (target) => {
      await movePods(target.clock, target.cast, target.node);
      await Promise.all(speakerOf(target).daemons.map((daemon) => daemon.stop(target.clock)));
    },
    end: async (target) => {
      await bringPodsBack(target.clock, target.cast, target.node);
      await restartSpeaker(target);
    },
  },
};

/** What our router's own port does to packets on their way to a node: the kernels at hand may lack netem. */
function atPort(past: string, rule: (percent: number) => readonly string[]): Fault {
  return {
    past,
    route: "stays",
    silent: false,
    outlivesRun: false,
    needsOurRouter: true,
    begin: (target) => askPort(target, "set", ...rule(target.percent)),
    end: (target) => askPort(target, "clear"),
  };
}

function ours(router: LabRouter): RouterProcess {
  if (router instanceof RouterProcess) return router;
  throw new LabFailure("fault", "a Linux router, whose kernel forwards on without its daemons", "our router");
}

function localServicesOf(lab: Lab, node: ClusterNode): readonly Service[] {
  return servicesOf(lab, node).filter(({ externalTrafficPolicy }) => externalTrafficPolicy === "Local");
}

/** The end that is not the node's goes down: the node loses its carrier and keeps its routes, as when a cable is pulled. */
async function setFarEnd({ cast, node }: Target, state: "up" | "down"): Promise<void> {
  const [, far] = linkEnds(cast.lab, node);
  await execute(["ip", "-n", far.node, "link", "set", far.interface, state]);
}

const drop = (target: Target, what: FilterName, hook: "ingress" | "egress", rule = "drop"): Promise<void> =>
  dropPackets(target.node, linkOf(target).interface, what, hook, rule);

async function askPort({ cast, node }: Target, action: "set" | "clear", ...options: string[]): Promise<void> {
  const port = cast.lab.router.ports.at(-1)?.interface ?? "";
  await askRouter(cast, action, port, "--next-hop", formatAddress(node.address.address), ...options);
}

async function askRouter({ lab, router }: Cast, ...words: string[]): Promise<void> {
  const { controlSocket } = router.view;
  if (controlSocket === undefined) throw new LabFailure("fault", "a router without a control socket", "a lab with our router");
  await execute(inNamespace(lab.router.name, [...ECMP_COMMAND, "fault", ...words, "--control", controlSocket]));
}

/** A locally administered address of the node's own, and the word about it that a kernel owes its neighbors (arp_notify). */
async function changeMac(target: Target, first: string): Promise<void> {
  const { interface: name } = linkOf(target);
  const digits = (target.node.address.address as number).toString(16).padStart(8, "0").match(/../g) ?? [];
  await inNode(target, ["sysctl", "--quiet", "--write", `net.ipv4.conf.${name}.arp_notify=1`]);
  await inNode(target, ["ip", "link", "set", name, "address", [first, "00", ...digits].join(":")]);
}
