/**
 * The faults of a running router's ports: what the configuration says, until `ecmp fault` says otherwise. A rule is known by its
 * port, direction and next hop. Next hops are addresses here and indexes in the workers, and get theirs when a route names
 * them: until then such a rule waits.
 */
import { type FaultRuleConfig, faultTarget } from "../config/port-schema.ts";
import { type Address, formatAddress } from "../net/address.ts";
import { createFaultMemory, type FaultMemory, type FaultRule, readFaultCounts } from "../port/fault-rule.ts";
import { setSharedValue } from "../port/shared-value.ts";

export type PortFaults = ReturnType<typeof createPortFaults>;

export interface PortFaultOptions {
  /** Names, by port. */
  readonly ports: readonly string[];
  readonly workers: number;
  indexOf(nextHop: Address): number | undefined;
  /** Another rule is in force, or one less. */
  onChange?(): void;
}

export function createPortFaults({ ports, workers, indexOf, onChange }: PortFaultOptions) {
  const memories: FaultMemory[] = ports.map(() => createFaultMemory(workers));
  const wanted: FaultRuleConfig[][] = ports.map(() => []);
  const published: string[] = ports.map(() => "[]");
  const configured: string[] = ports.map(() => "[]");

  const publish = (port: number): void => {
    const rules = wanted[port].map((rule) => toRule(rule, indexOf)).filter((rule) => rule !== undefined);
    const text = JSON.stringify(rules);
    if (text === published[port]) return;
    published[port] = text;
    setSharedValue(memories[port].rules, rules);
    onChange?.();
  };

  const portOf = (name: string): number => {
    const port = ports.indexOf(name);
    if (port < 0) throw new Error(`port: ${JSON.stringify(name)}, wanted one of ${ports.join(", ")}`);
    return port;
  };

  return {
    memories,

    /** Whether there is a rule that is in force. */
    areAny: (): boolean => published.some((rules) => rules !== "[]"),

    /** All rules of a port, if the configuration says others than before: what was set since stays otherwise. */
    configure(port: number, rules: readonly FaultRuleConfig[]): void {
      if (JSON.stringify(rules) === configured[port]) return;
      configured[port] = JSON.stringify(rules);
      wanted[port] = inOrder(rules);
      publish(port);
    },

    /** In the place of the rule for the same next hop and direction, if there is one. */
    set(name: string, rule: FaultRuleConfig): void {
      const port = portOf(name);
      wanted[port] = inOrder([...wanted[port].filter((other) => faultTarget(other) !== faultTarget(rule)), rule]);
      publish(port);
    },

    /** Without a port those of all; with a target that one alone. How many there were. */
    clear(name: string | undefined, target: string | undefined): number {
      let cleared = 0;
      for (const port of name === undefined ? ports.keys() : [portOf(name)]) {
        const kept = wanted[port].filter((rule) => target !== undefined && faultTarget(rule) !== target);
        cleared += wanted[port].length - kept.length;
        wanted[port] = kept;
        publish(port);
      }
      return cleared;
    },

    /** Next hops have come or gone. */
    refresh(): void {
      for (const port of ports.keys()) if (wanted[port].some(({ nextHop }) => nextHop !== undefined)) publish(port);
    },

    list: () =>
      ports.map((name, port) => ({
        interface: name,
        rules: wanted[port].map((rule) => describe(rule, indexOf)),
        counts: readFaultCounts(memories[port]),
      })),
  };
}

/** The first rule that matches is the one: those for a next hop go before the one for all. */
const inOrder = (rules: readonly FaultRuleConfig[]): FaultRuleConfig[] =>
  rules.toSorted((a, b) => Number(a.nextHop === undefined) - Number(b.nextHop === undefined));

function toRule({ nextHop, ...rule }: FaultRuleConfig, indexOf: (nextHop: Address) => number | undefined): FaultRule | undefined {
  const id = JSON.stringify({ nextHop, ...rule });
  if (nextHop === undefined) return { id, ...rule };
  const index = indexOf(nextHop);
  return index === undefined ? undefined : { id, ...rule, nextHop: index };
}

/** What is zero is left out. */
function describe({ nextHop, direction, seed, ...faults }: FaultRuleConfig, indexOf: (nextHop: Address) => number | undefined) {
  const waits = nextHop !== undefined && indexOf(nextHop) === undefined;
  return {
    direction,
    ...(nextHop === undefined ? {} : { nextHop: formatAddress(nextHop) }),
    ...Object.fromEntries(Object.entries(faults).filter(([, value]) => value !== 0)),
    seed,
    ...(waits ? { waits: true } : {}),
  };
}
