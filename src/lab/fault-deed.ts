/**
 * What each fault of `fault.ts` does, a row each: how it begins, how it is undone, what shows that it is there. `timeline.ts` and
 * `faults-at-work.ts` call them. An end undoes whatever there is of its fault, half of it or nothing too: what a beginning that
 * failed has left is ended like the rest.
 */
import { startRouter } from "./cast.ts";
import { LabFailure } from "./failure.ts";
import { localServicesOf } from "./fault.ts";
import { inNode, linkEnds, linkOf, type Target } from "./fault-target.ts";
import type { FaultKind } from "./lab.ts";
import type { LabRouter } from "./lab-router.ts";
import { bringPodsBack, hasPods, movePods } from "./moved-pods.ts";
import { areMutated, drawMutation, leaveUpdates, mutateUpdates } from "./mutation.ts";
import { dropNoted, dropPackets, endDropping, type FilterName, flowsDropped, isDropping } from "./packet-filter.ts";
import { askRouter, isInPortRule, type PortFaultKind, setPortRule } from "./port-fault.ts";
import { type Daemon, execute } from "./process.ts";
import { RouterProcess } from "./router-process.ts";
import { ask, flood, restartSpeaker, speakerOf } from "./speaker-fault.ts";

const SMALL_MTU = 1000;
const USUAL_MTU = 1500;

export interface Deed {
  readonly begin: (target: Target) => Promise<void>;
  /** Of one that has halves, the second. */
  readonly goOn?: (target: Target) => Promise<void>;
  readonly end: (target: Target) => Promise<void>;
  /** Whether the lab itself shows it; of one without, nobody but its own end undoes it. */
  readonly shows?: (target: Target) => Promise<boolean>;
  /** It shows where nobody asked for it, too: a process has ended, or somebody has stopped it. */
  readonly happensByItself?: true;
  /** The clients' flows of which it has thrown packets away, so far or until it ended. */
  readonly struck?: (target: Target) => Promise<readonly string[]>;
}

const isIts =
  (state: Daemon["state"]) =>
  async (target: Target): Promise<boolean> =>
    speakerOf(target).daemons[0].state === state;
const lives = async (target: Target): Promise<boolean> => !(await isIts("ended")(target));

export const DEEDS: Readonly<Record<FaultKind, Deed>> = {
  "kill-speaker": {
    begin: async (target) => speakerOf(target).daemons[0].kill("SIGKILL"),
    end: restartSpeaker,
    shows: isIts("ended"),
    happensByItself: true,
  },
  "stop-speaker": {
    begin: async (target) => speakerOf(target).daemons[0].kill("SIGSTOP"),
    end: async (target) => speakerOf(target).daemons[0].kill("SIGCONT"),
    shows: isIts("stopped"),
    happensByItself: true,
  },
  // What a speaker was asked for, it forgets when it ends.
  withdraw: { begin: (target) => ask(target, "withdraw"), end: (target) => ask(target, "announce"), shows: lives },
  "session-flap": { begin: (target) => ask(target, "reset"), end: async () => {} },
  "link-down": {
    begin: (target) => setFarEnd(target, "down"),
    end: (target) => setFarEnd(target, "up"),
    shows: async ({ cast, node }) => {
      const [, far] = linkEnds(cast.lab, node);
      return !/<[^>]*\bUP\b/.test(await execute(["ip", "-n", far.node, "link", "show", far.interface]));
    },
  },
  "silent-node": dropping("silent", "ingress"),
  "one-way-loss": dropping("one-way", "egress"),
  loss: {
    ...dropping("loss", "ingress", ({ settings }) => dropNoted(settings.percent)),
    struck: ({ cast, node }) => flowsDropped(cast.lab, node, "loss"),
  },
  delay: atPort("delay"),
  jitter: atPort("jitter"),
  reorder: atPort("reorder"),
  duplicate: atPort("duplicate"),
  corrupt: atPort("corrupt"),
  mtu: {
    begin: (target) => setLink(target, "mtu", String(SMALL_MTU)),
    end: (target) => setLink(target, "mtu", String(linkOf(target).mtu ?? USUAL_MTU)),
    shows: async (target) => (await showLink(target)).includes(` mtu ${SMALL_MTU} `),
  },
  "mac-change": {
    begin: (target) => changeMac(target, CHANGED),
    end: (target) => changeMac(target, UNCHANGED),
    shows: async (target) => (await showLink(target)).includes(` ${macOf(target, CHANGED)} `),
  },
  "pods-move": {
    begin: async (target) => {
      const { clock, cast, node, settings } = target;
      await movePods(clock, cast, node, settings.to);
      await ask(target, "withdraw", localServicesOf(cast.lab, node));
    },
    end: async (target) => {
      const { clock, cast, node } = target;
      await bringPodsBack(clock, cast, node);
      await ask(target, "announce", localServicesOf(cast.lab, node));
    },
    shows: async ({ cast, node }) => !hasPods(cast, node),
  },
  "kill-router": {
    begin: ({ clock, cast }) => ours(cast.router).kill(clock),
    end: async ({ clock, cast }) => {
      if (ours(cast.router).running) return;
      cast.router = await startRouter(clock, cast.lab, cast.router.node, cast.settings, cast.directory);
    },
    shows: async ({ cast }) => !ours(cast.router).running,
    happensByItself: true,
  },
  "kill-worker": {
    begin: async ({ cast }) => void (await askRouter(cast, cast.router.node, "kill-worker")),
    end: async () => {},
  },
  "mutate-bgp": {
    begin: async (target) => {
      await mutateUpdates(target.node, linkOf(target).interface, drawMutation(target.settings.seed));
      await ask(target, "repeat");
    },
    end: async (target) => {
      await leaveUpdates(target.node);
      await ask(target, "repeat");
    },
    shows: ({ node }) => areMutated(node),
  },
  "prefix-flood": { begin: (target) => flood(target, "begin"), end: (target) => flood(target, "end"), shows: lives },
  drain: {
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

function dropping(what: FilterName, hook: "ingress" | "egress", rule: (target: Target) => string = () => "drop"): Deed {
  return {
    begin: (target) => dropPackets(target.node, linkOf(target).interface, what, hook, rule(target)),
    end: ({ node }) => endDropping(node, what),
    shows: ({ node }) => isDropping(node, what),
  };
}

function atPort(kind: PortFaultKind): Deed {
  return {
    begin: (target) => setPortRule(target, [...target.beside, { fault: kind, settings: target.settings }]),
    end: (target) => setPortRule(target, target.beside),
    shows: (target) => isInPortRule(target, kind),
  };
}

function ours(router: LabRouter): RouterProcess {
  if (router instanceof RouterProcess) return router;
  throw new LabFailure("fault", "a Linux router, whose kernel forwards on without its daemons", "our router");
}

/** The end that is not the node's goes down: the node loses its carrier and keeps its routes, as when a cable is pulled. */
async function setFarEnd({ cast, node }: Target, state: "up" | "down"): Promise<void> {
  const [, far] = linkEnds(cast.lab, node);
  await execute(["ip", "-n", far.node, "link", "set", far.interface, state]);
}

const setLink = async (target: Target, ...words: string[]): Promise<void> =>
  void (await inNode(target, ["ip", "link", "set", linkOf(target).interface, ...words]));

const showLink = (target: Target): Promise<string> => inNode(target, ["ip", "link", "show", linkOf(target).interface]);

/** Locally administered addresses. */
const [CHANGED, UNCHANGED] = ["02", "06"];

/** One of the node's own. */
function macOf({ node }: Target, first: string): string {
  const digits = (node.address.address as number).toString(16).padStart(8, "0").match(/../g) ?? [];
  return [first, "00", ...digits].join(":");
}

/** And the word about it that a kernel owes its neighbors (arp_notify). */
async function changeMac(target: Target, first: string): Promise<void> {
  const { interface: name } = linkOf(target);
  await inNode(target, ["sysctl", "--quiet", "--write", `net.ipv4.conf.${name}.arp_notify=1`]);
  await setLink(target, "address", macOf(target, first));
}
