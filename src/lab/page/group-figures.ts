/** A service's group, drawn: its buckets, and its balance where anything entered by it. */
import type { Lab } from "../lab.ts";
import { drawBalance } from "./balance-chart.ts";
import { drawStrip } from "./bucket-strip.ts";
import { figure } from "./document.ts";
import type { GroupReport } from "./groups.ts";

const BAND =
  "Outlined: where 95 % of fair draws fall, the central part of the binomial distribution of that many flows and the node's share of the hash space; the tick is its mean. One node in twenty lies outside by chance.";

export function drawGroup(lab: Lab, { router, service, address, exact, phases, balance }: GroupReport): string[] {
  const indexOf = (name: string) =>
    Math.max(
      0,
      lab.nodes.findIndex((node) => node.name === name),
    );
  const title = `${service}, ${address}${lab.furtherRouters.length > 0 ? `, on ${router}` : ""}`;
  const moved = phases.slice(1).map((phase) => phase.moved);
  const parts = `${moved.join(", then ") || "None"} of ${phases[0].owners.length} parts change hands`;
  const sampled = exact ? "" : " Sampled: the tables are finer.";
  const words = `${parts}; before as the router told it, after as forecast. Colors as in the balance.${sampled}`;
  const buckets = figure(`Buckets of ${title}`, drawStrip(phases, indexOf), words);
  const isUsed = balance.some(({ count }) => count > 0);
  return isUsed ? [buckets, figure(`Balance of ${title}`, drawBalance(balance, indexOf), BAND)] : [buckets];
}
