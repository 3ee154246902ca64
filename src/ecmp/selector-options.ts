/**
 * Which options each selector looks at. What it would not look at is a mistake wherever a selector is built by hand: in a
 * configuration, a scenario, the flags of an experiment. A test fills every selector and watches what it reads.
 */
import type { SelectorName } from "./selector.ts";
import type { SelectorOptions } from "./table.ts";

export type SelectorOptionName = keyof SelectorOptions;

export const SELECTOR_OPTIONS: Readonly<Record<SelectorName, readonly SelectorOptionName[]>> = {
  modulo: [],
  threshold: [],
  "linux-threshold": [],
  hrw: ["buckets", "seed"],
  resilient: ["buckets"],
  "linux-resilient": ["buckets", "idleTimerSeconds", "unbalancedTimerSeconds"],
  "cumulus-broadcom": ["buckets", "seed"],
  "cumulus-spectrum": ["buckets", "idleTimerSeconds", "unbalancedTimerSeconds"],
  "sonic-fgnhg": ["buckets", "banks"],
  "arista-recmp": ["capacity", "redundancy"],
  "auto-recovery": ["buckets"],
  maglev: ["buckets", "seed"],
  "maglev-katran-v1": ["buckets"],
  "maglev-katran-v2": ["buckets"],
  "maglev-cilium": ["buckets", "hashSeed", "backendPort"],
  ring: ["replicas", "seed"],
  jump: ["buckets", "seed"],
  anchor: ["buckets", "capacity", "seed"],
};

export function takesOption(selector: string, option: string): boolean {
  const taken: readonly string[] = Object.hasOwn(SELECTOR_OPTIONS, selector) ? SELECTOR_OPTIONS[selector as SelectorName] : [];
  return taken.includes(option);
}

/** The selectors that take the option, for whoever gave it to another. */
export const selectorsWith = (option: string): string[] =>
  Object.keys(SELECTOR_OPTIONS).filter((selector) => takesOption(selector, option));
