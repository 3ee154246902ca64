/** What a fault comes to, told from its row before it begins: whom it may befall, what its routes do, and what shows that it happened. Pure. */
import { FAULTS, type RouteConsequence } from "./fault.ts";
import { DEFAULT_PREFIXES, faultSettings } from "./fault-target.ts";
import type { FaultKind, Lab, SessionSettings } from "./lab.ts";
import { drawMutation } from "./mutation.ts";
import type { FaultStep } from "./scenario.ts";

/** Whom a fault may befall, by name. */
export const mayBefall = ({ router, nodes }: Lab, fault: FaultKind): string[] =>
  FAULTS[fault].befalls === "router"
    ? [router.name]
    : nodes.filter((node) => FAULTS[fault].canBefall?.(node) ?? true).map(({ name }) => name);

/** The event of the router that shows that what was meant to happen did; undefined: the change of its routes shows it. */
export function witnessOf(step: FaultStep, session: SessionSettings): string | undefined {
  if (step.fault === "kill-worker") return "worker-died";
  if (step.fault === "prefix-flood") return consequenceOf(step, session) === "is-shut-out" ? "prefix-limit-exceeded" : undefined;
  if (step.fault !== "mutate-bgp") return undefined;
  return drawMutation(faultSettings(step).seed).consequence === "session-reset" ? "session-down" : "update-fault";
}

/** What the fault of a step means to the router, as it is set. */
export function consequenceOf(
  { fault, prefixes = DEFAULT_PREFIXES }: FaultStep,
  { prefixLimit }: SessionSettings,
): RouteConsequence {
  // Its services are counted too, and it has one at least.
  if (fault === "prefix-flood" && prefixLimit !== undefined && prefixes >= prefixLimit) return "is-shut-out";
  return FAULTS[fault].route;
}
