/** A service's group, drawn: its buckets, and its balance where anything entered by it. */
import { type Lab, routersOf } from "../lab.ts";
import { drawBalance } from "./balance-chart.ts";
import { drawStrip } from "./bucket-strip.ts";
import { figure } from "./document.ts";
import type { GroupReport } from "./groups.ts";

const BAND =
  "Bars: connections, flows of datagrams and requests before the event, by the node that they entered by. Outlined: where 95 % of fair draws fall, the central part of the binomial distribution of that many flows and the node's share of the hash space; the tick is its mean. One node in twenty lies outside by chance.";

export function drawGroup(lab: Lab, { router, service, address, exact, phases, balance }: GroupReport): string[] {
  const owners = [...lab.nodes, ...routersOf(lab)].map(({ name }) => name);
  const indexOf = (name: string) => (owners.includes(name) ? owners.indexOf(name) : owners.length);
  const title = `${service}, ${address}${lab.furtherRouters.length > 0 ? `, on ${router}` : ""}`;
  const moved = phases.slice(1).map((phase) => phase.moved);
  const parts = `${moved.join(", then ") || "None"} of ${phases[0].owners.length} parts change hands`;
  const sampled = exact ? "" : " Sampled: the tables are finer.";
  const rows =
    phases.length > 1
      ? "The first row is what the router told, the others are forecast."
      : "The only row is what the router told, and is forecast to stay.";
  const words = `${parts}. ${rows} Below: the parts of each owner, row by row.${sampled}`;
  const buckets = figure(`Buckets of ${title}`, drawStrip(phases, indexOf), words);
  const isUsed = balance.some(({ count }) => count > 0);
  return isUsed ? [buckets, figure(`Balance of ${title}`, drawBalance(balance, indexOf), BAND)] : [buckets];
}
