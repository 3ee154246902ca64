/**
 * What may happen to a node of a lab, a row each: what it does, how it is undone, and what it means to the router. Experiments
 * (`lab.yaml`) and scenarios name a row; `run.ts` and `scenario-run.ts` begin and end it. The forecast is made from `route`
 * and `silent`, before anything happens.
 */
import { formatAddress } from "../net/address.ts";
import type { Clock } from "../net/clock.ts";
import { type Cast, startRouter } from "./cast.ts";
import { ECMP_COMMAND } from "./ecmp-command.ts";
import { LabFailure } from "./failure.ts";
import { type ClusterNode, type Endpoint, type FaultKind, type Lab, nodeNamed } from "./lab.ts";
import type { LabRouter } from "./lab-router.ts";
import { bringPodsBack, movePods } from "./moved-pods.ts";
import { executeUntilDone, inNamespace } from "./namespace.ts";
import { dropNoted, dropPackets, endDropping, type FilterName, flowsDropped } from "./packet-filter.ts";
import { placeOf } from "./place.ts";
import { execute } from "./process.ts";
import { RouterProcess } from "./router-process.ts";
import { SPEAKERS } from "./speaker/kinds.ts";
import { type Speaker, startSpeaker } from "./speakers.ts";

/** A busy speaker is asked again until then. */
const ASK_DEADLINE_MS = 5000;
const SMALL_MTU = 1000;
const DELAY_MS = 50;

export interface Target {
  readonly clock: Clock;
  readonly cast: Cast;
  readonly node: ClusterNode;
  /** Of packets, where a fault befalls some. */
  readonly percent: number;
}

export interface Fault {
  /** "n2's ...". */
  readonly past: string;
  /**
   * Whether the node's next hop leaves the groups until the fault ends, leaves and comes back at once, or stays; or it is the router
   * that goes, and every path with it.
   */
  readonly route: "leaves" | "flaps" | "stays" | "router";
  /** Whether the router has to miss the node (hold timer, BFD); else the kernel or the speaker tells it at once. */
  readonly silent: boolean;
  /** Whether a speaker that restarts gracefully keeps its routes meanwhile, if it is back in time. */
  readonly graceful?: true;
  /** Whether it is in a kernel, and stays there when the processes of a run have gone. */
  readonly outlivesRun: boolean;
  readonly begin: (target: Target) => Promise<void>;
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
    silent: false,
    outlivesRun: true,
    begin: (target) => drop(target, "loss", "ingress", dropNoted(target.percent)),
    end: ({ node }) => endDropping(node, "loss"),
    struck: ({ cast, node }) => flowsDropped(cast.lab, node, "loss"),
  },
  delay: atPort("packets are late", () => ["--delay-ms", String(DELAY_MS)]),
  jitter: atPort("packets are late by chance", () => ["--delay-ms", String(DELAY_MS), "--jitter-ms", String(DELAY_MS)]),
  reorder: atPort("packets overtake each other", (percent) => ["--reorder-pct", String(percent)]),
  duplicate: atPort("packets come twice", (percent) => ["--duplicate-pct", String(percent)]),
  corrupt: atPort("packets are damaged", (percent) => ["--corrupt-pct", String(percent)]),
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
    route: "stays",
    silent: false,
    outlivesRun: true,
    begin: ({ clock, cast, node }) => movePods(clock, cast, node),
    end: ({ clock, cast, node }) => bringPodsBack(clock, cast, node),
  },
  "kill-router": {
    past: "router killed",
    route: "router",
    silent: false,
    outlivesRun: false,
    begin: ({ clock, cast }) => ours(cast.router).kill(clock),
    end: async ({ clock, cast }) => {
      cast.router = await startRouter(clock, cast.lab, cast.router.node, cast.settings, cast.directory);
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
    begin: (target) => askRouter(target, "set", ...rule(target.percent)),
    end: (target) => askRouter(target, "clear"),
  };
}

function ours(router: LabRouter): RouterProcess {
  if (router instanceof RouterProcess) return router;
  throw new LabFailure("fault", "a Linux router, whose kernel forwards on without its daemons", "our router");
}

/** `name`: of the node that it befalls, or of the router; who is a node is asked only by what befalls one. */
export const makeTarget = (clock: Clock, cast: Cast, name: string, percent: number): Target => ({
  clock,
  cast,
  percent,
  get node() {
    return nodeNamed(cast.lab, name);
  },
});

/** Whom a fault may befall, by name. */
export const mayBefall = ({ router, nodes }: Lab, fault: FaultKind): string[] =>
  FAULTS[fault].route === "router" ? [router.name] : nodes.map(({ name }) => name);

function speakerOf({ cast, node }: Target): Speaker {
  const speaker = cast.speakers.find((candidate) => candidate.node.name === node.name);
  if (!speaker) throw new Error(`no speaker plays ${node.name}`);
  return speaker;
}

async function restartSpeaker({ clock, cast, node }: Target): Promise<void> {
  const index = cast.speakers.findIndex((candidate) => candidate.node.name === node.name);
  const { daemons, plan } = cast.speakers[index];
  await Promise.all(daemons.map((daemon) => daemon.stop(clock)));
  cast.speakers[index] = await startSpeaker(clock, cast.lab, node, placeOf(node.name), plan.directory);
}

async function ask(target: Target, what: "withdraw" | "announce" | "reset"): Promise<void> {
  const { plan } = speakerOf(target);
  for (const command of SPEAKERS[target.node.kind][what](plan)) {
    await executeUntilDone(target.clock, placeOf(target.node.name)(command), ASK_DEADLINE_MS);
  }
}

const inNode = async ({ node }: Target, command: readonly string[]): Promise<void> =>
  void (await execute(inNamespace(node.name, command)));

/** The node's end of its link to the fabric, and the other one. */
function linkEnds({ links }: Lab, node: ClusterNode): readonly [Endpoint, Endpoint] {
  for (const [a, b] of links) {
    if (a.node === node.name && a.address) return [a, b];
    if (b.node === node.name && b.address) return [b, a];
  }
  throw new Error(`${node.name} has no link, and the lab file was checked for that`);
}

const linkOf = ({ cast, node }: Target): Endpoint => linkEnds(cast.lab, node)[0];

/** The end that is not the node's goes down: the node loses its carrier and keeps its routes, as when a cable is pulled. */
async function setFarEnd({ cast, node }: Target, state: "up" | "down"): Promise<void> {
  const [, far] = linkEnds(cast.lab, node);
  await execute(["ip", "-n", far.node, "link", "set", far.interface, state]);
}

const drop = (target: Target, what: FilterName, hook: "ingress" | "egress", rule = "drop"): Promise<void> =>
  dropPackets(target.node, linkOf(target).interface, what, hook, rule);

async function askRouter({ cast, node }: Target, ...words: string[]): Promise<void> {
  const { controlSocket } = cast.router.view;
  if (controlSocket === undefined) throw new LabFailure("fault", "a router without a control socket", "a lab with our router");
  const port = cast.lab.router.ports.at(-1)?.interface ?? "";
  const nextHop = formatAddress(node.address.address);
  const [action, ...options] = words;
  const request = ["fault", action, port, "--next-hop", nextHop, ...options, "--control", controlSocket];
  await execute(inNamespace(cast.lab.router.name, [...ECMP_COMMAND, ...request]));
}

/** A locally administered address of the node's own, and the word about it that a kernel owes its neighbors (arp_notify). */
async function changeMac(target: Target, first: string): Promise<void> {
  const { interface: name } = linkOf(target);
  const digits = (target.node.address.address as number).toString(16).padStart(8, "0").match(/../g) ?? [];
  await inNode(target, ["sysctl", "--quiet", "--write", `net.ipv4.conf.${name}.arp_notify=1`]);
  await inNode(target, ["ip", "link", "set", name, "address", [first, "00", ...digits].join(":")]);
}
