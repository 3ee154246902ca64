/**
 * What becomes of a service's group in the changes of its members: the parts of its hash space by phases, and the loads of its
 * members beside their shares. The state is what the router told before anything happened; what follows it is the forecast.
 */
import { computeStrip, movedCells } from "../../experiment/bucket-strip.ts";
import { forecastTables, type MemberChange } from "../../experiment/forecast.ts";
import type { FibState } from "../../fib/state.ts";
import { formatAddress } from "../../net/address.ts";
import type { Flow } from "../../net/flow.ts";
import { formatPrefix, hostPrefix } from "../../net/prefix.ts";
import { type Lab, nextHopsOf, type Service } from "../lab.ts";
import { drawBalance, type NodeLoad } from "./balance-chart.ts";
import { drawStrip, type NodeOf } from "./bucket-strip.ts";
import { figure } from "./document.ts";

/** A change, or several at once, and what its strip is called. */
export interface GroupPhase {
  readonly name: string;
  readonly changes: readonly MemberChange[];
}

export interface GroupStory {
  readonly state: FibState;
  readonly phases: readonly GroupPhase[];
  /** In use all through. */
  readonly flows: readonly Flow[];
  /** How many of the service's flows entered by each node at first. */
  readonly perNode: Readonly<Record<string, number>>;
}

const BAND =
  "Outlined: where 95 % of fair draws fall, the central part of the binomial distribution of that many flows and the node's share of the hash space; the tick is its mean. One node in twenty lies outside by chance.";

/** The buckets and the balance of a service; nothing where no group leads to it. */
export function drawGroup(lab: Lab, service: Service, { state, phases, flows, perNode }: GroupStory): string[] {
  const prefix = formatPrefix(hostPrefix(service.address));
  const group = state.groups.find(({ prefixes }) => prefixes.includes(prefix));
  const changes = phases.flatMap((phase) => phase.changes);
  const forecast = forecastTables(state, changes, flows).find(({ prefixes }) => prefixes.includes(prefix));
  if (!group || !forecast) return [];
  const ends = phases.map((_, index) => phases.slice(0, index + 1).reduce((sum, phase) => sum + phase.changes.length, 0));
  const whole = computeStrip([0, ...ends].map((at) => forecast.tables[at]));
  // What changes nothing here has no strip of its own.
  const kept = whole.phases.flatMap((owners, at) => (at === 0 || movedCells(whole.phases[at - 1], owners) > 0 ? [at] : []));
  const strip = { ...whole, phases: kept.map((at) => whole.phases[at]) };
  const names = kept.map((at) => (at === 0 ? "before" : phases[at - 1].name));
  const moved = strip.phases.slice(1).map((after, index) => movedCells(strip.phases[index], after));
  const parts = `${moved.length === 0 ? "None" : moved.join(", then ")} of ${strip.phases[0].length} parts change hands`;
  const sampled = strip.exact ? "" : " Sampled at equal distances: the tables are finer.";
  const words = `${parts}; before as the router told it, after as forecast. Colors as in the balance.${sampled}`;
  const title = `${service.name}, ${formatAddress(service.address)}`;
  const buckets = figure(`Buckets of ${title}`, drawStrip(strip, names, nodeOfLab(lab)), words);
  const loads = loadsOf(lab, group.members, perNode);
  const isUsed = loads.some(({ count }) => count > 0);
  return isUsed ? [buckets, figure(`Balance of ${title}`, drawBalance(loads), BAND)] : [buckets];
}

/** The members of a group, in the lab's order. */
function loadsOf(lab: Lab, members: FibState["groups"][number]["members"], perNode: GroupStory["perNode"]): NodeLoad[] {
  const whole = members.reduce((sum, { share }) => sum + share, 0);
  return lab.nodes.flatMap((node, index) => {
    const own = nextHopsOf(node).map(formatAddress);
    const member = members.find(({ address }) => own.includes(address));
    return member ? [{ name: node.name, index, count: perNode[node.name] ?? 0, share: member.share / whole }] : [];
  });
}

const nodeOfLab =
  (lab: Lab): NodeOf =>
  (address) => {
    const index = lab.nodes.findIndex((node) => nextHopsOf(node).includes(address));
    return { name: lab.nodes[index]?.name ?? formatAddress(address), index: Math.max(0, index) };
  };
