/**
 * What our router's own port does to packets on their way to a node, for the faults that are in it. A port has one rule for a next
 * hop, so what several faults ask for adds up to one: each comes and goes without the others noticing. The rows of
 * `fault-deed.ts` that begin and end such a fault call this.
 */
import { formatAddress } from "../net/address.ts";
import { type Cast, routersIn } from "./cast.ts";
import { ECMP_COMMAND } from "./ecmp-command.ts";
import { LabFailure } from "./failure.ts";
import type { FaultSettings } from "./fault.ts";
import type { Target } from "./fault-target.ts";
import { type FaultKind, nextHopsOf, type RouterNode, routersAt } from "./lab.ts";
import { inNamespace } from "./namespace.ts";
import { execute } from "./process.ts";

const DELAY_MS = 50;
/** On a busy machine; one that is stopped never answers. */
const ANSWER_DEADLINE_MS = 10_000;

/** The numbers of a rule, by the options of `ecmp fault set`; those of delay and jitter are milliseconds, the others percents. */
const OPTIONS = {
  delayMs: "--delay-ms",
  jitterMs: "--jitter-ms",
  reorderPct: "--reorder-pct",
  duplicatePct: "--duplicate-pct",
  corruptPct: "--corrupt-pct",
} as const;
type RuleNumber = keyof typeof OPTIONS;
type PortRule = Readonly<Partial<Record<RuleNumber, number>>>;

/** What each asks for. */
const RULES = {
  delay: () => ({ delayMs: DELAY_MS }),
  // Around a delay: alone, half of it would have to be negative.
  jitter: () => ({ delayMs: DELAY_MS, jitterMs: DELAY_MS }),
  reorder: ({ percent }) => ({ reorderPct: percent }),
  duplicate: ({ percent }) => ({ duplicatePct: percent }),
  corrupt: ({ percent }) => ({ corruptPct: percent }),
} as const satisfies Readonly<Partial<Record<FaultKind, (settings: FaultSettings) => PortRule>>>;

export type PortFaultKind = keyof typeof RULES;

const isPortFault = (kind: FaultKind): kind is PortFaultKind => Object.hasOwn(RULES, kind);

/** Pure: undefined when nothing is asked for. */
export function addUp(faults: readonly { readonly fault: FaultKind; readonly settings: FaultSettings }[]): PortRule | undefined {
  const sum: Partial<Record<RuleNumber, number>> = {};
  for (const { fault, settings } of faults) {
    if (!isPortFault(fault)) continue;
    for (const [name, value] of Object.entries(RULES[fault](settings)) as [RuleNumber, number][])
      sum[name] = (sum[name] ?? 0) + value;
  }
  return Object.keys(sum).length > 0 ? sum : undefined;
}

/** Every router that speaks with the node goes by the sum of these faults from now on. */
export async function setPortRule({ cast, node }: Target, faults: Parameters<typeof addUp>[0]): Promise<void> {
  const rule = addUp(faults);
  const options = Object.entries(rule ?? {}).flatMap(([name, value]) => [OPTIONS[name as RuleNumber], String(value)]);
  for (const { router, port } of routersAt(cast.lab, node)) {
    for (const address of nextHopsOf(node)) {
      const where = [port.interface, "--next-hop", formatAddress(address)];
      await askRouter(cast, router, rule ? "set" : "clear", ...where, ...options);
    }
  }
}

/** Whether the routers do what this fault asks for, as they say themselves. */
export async function isInPortRule({ cast, node, settings }: Target, kind: PortFaultKind): Promise<boolean> {
  const hops = nextHopsOf(node).map(formatAddress);
  for (const { router, port } of routersAt(cast.lab, node)) {
    const ports = JSON.parse(await askRouter(cast, router, "list", "--json")) as ListedPort[];
    const rules = ports.find((each) => each.interface === port.interface)?.rules ?? [];
    const has = (rule: ListedPort["rules"][number]) =>
      Object.entries(RULES[kind](settings)).every(([name, value]) => (rule[name as RuleNumber] ?? 0) >= value);
    if (!hops.every((hop) => rules.some((rule) => rule.nextHop === hop && has(rule)))) return false;
  }
  return true;
}

interface ListedPort {
  readonly interface: string;
  readonly rules: readonly (PortRule & { readonly nextHop?: string })[];
}

/** `ecmp fault ...words` of a router of ours. */
export async function askRouter(cast: Cast, router: RouterNode, ...words: string[]): Promise<string> {
  const controlSocket = routersIn(cast).find(({ node }) => node.name === router.name)?.view.controlSocket;
  if (controlSocket === undefined) throw new LabFailure("fault", "a router without a control socket", "a lab with our router");
  return await execute(
    inNamespace(router.name, [...ECMP_COMMAND, "fault", ...words, "--control", controlSocket]),
    "",
    ANSWER_DEADLINE_MS,
  );
}
