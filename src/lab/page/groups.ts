/**
 * What becomes of a service's group in the changes of its members: who owns the parts of its hash space, phase by phase, and how
 * many flows each member had beside what its share makes likely. The state is what the router told before anything happened; what
 * follows it is the forecast. Reports draw it and have it as data.
 */
import { computeStrip, movedCells } from "../../experiment/bucket-strip.ts";
import { forecastTables, type MemberChange } from "../../experiment/forecast.ts";
import type { FibState, MemberState } from "../../fib/state.ts";
import { type Address, formatAddress } from "../../net/address.ts";
import type { Flow } from "../../net/flow.ts";
import { formatPrefix, hostPrefix } from "../../net/prefix.ts";
import { type Lab, nextHopsOf, routersOf, type Service } from "../lab.ts";
import { type Band, binomialBand } from "./binomial.ts";

/** A change, or several at once, and what the phase that it begins is called. */
export interface Turn {
  readonly name: string;
  readonly changes: readonly MemberChange[];
}

export interface GroupStory {
  readonly router: string;
  readonly state: FibState;
  readonly turns: readonly Turn[];
  /** In use all through. */
  readonly flows: readonly Flow[];
  /** How many of the service's flows entered by each node at first; of a router that sees only some of them nobody says. */
  readonly perNode?: Readonly<Record<string, number>> | undefined;
}

export interface GroupPhase {
  readonly name: string;
  /** The node of each part, null where nobody is left. */
  readonly owners: readonly (string | null)[];
  /** Parts that were another's in the phase before. */
  readonly moved: number;
}

export interface NodeLoad {
  readonly node: string;
  readonly count: number;
  /** Where 95 % of fair draws fall. */
  readonly band: Band;
}

export interface GroupReport {
  readonly router: string;
  readonly service: string;
  readonly address: string;
  /** Whether a part has one owner all through; else parts are samples. */
  readonly exact: boolean;
  readonly phases: readonly GroupPhase[];
  readonly balance: readonly NodeLoad[];
}

/** Nothing where no group leads to the service. */
export function reportGroup(lab: Lab, service: Service, { router, state, turns, flows, perNode }: GroupStory): GroupReport[] {
  const prefix = formatPrefix(hostPrefix(service.address));
  const group = state.groups.find(({ prefixes }) => prefixes.includes(prefix));
  const changes = turns.flatMap((turn) => turn.changes);
  const forecast = forecastTables(state, changes, flows).find(({ prefixes }) => prefixes.includes(prefix));
  if (!group || !forecast) return [];
  let done = 0;
  const ends = turns.map((turn) => (done += turn.changes.length));
  const strip = computeStrip([0, ...ends].map((at) => forecast.tables[at]));
  const nameOf = nameIn(lab);
  const phases = strip.phases.map((owners, at) => ({
    name: at === 0 ? "before" : turns[at - 1].name,
    owners: owners.map((owner) => (owner === undefined ? null : nameOf(owner))),
    moved: at === 0 ? 0 : movedCells(strip.phases[at - 1], owners),
  }));
  return [
    {
      router,
      service: service.name,
      address: formatAddress(service.address),
      exact: strip.exact,
      // What changes nothing here begins no phase.
      phases: phases.filter(({ moved }, at) => at === 0 || moved > 0),
      balance: perNode ? balanceOf(lab, group.members, perNode) : [],
    },
  ];
}

/** The members that are nodes, in the lab's order. */
function balanceOf(lab: Lab, members: readonly MemberState[], perNode: Readonly<Record<string, number>>): NodeLoad[] {
  const whole = members.reduce((sum, { share }) => sum + share, 0);
  const loads = lab.nodes.flatMap((node) => {
    const own = nextHopsOf(node).map(formatAddress);
    const member = members.find(({ address }) => own.includes(address));
    return member ? [{ node: node.name, count: perNode[node.name] ?? 0, share: member.share / whole }] : [];
  });
  const total = loads.reduce((sum, { count }) => sum + count, 0);
  return loads.map(({ node, count, share }) => ({ node, count, band: binomialBand(total, share) }));
}

const nameIn =
  (lab: Lab) =>
  (address: Address): string =>
    lab.nodes.find((node) => nextHopsOf(node).includes(address))?.name ??
    routersOf(lab).find(({ ports }) => ports.some((port) => nextHopsOf(port).includes(address)))?.name ??
    formatAddress(address);
