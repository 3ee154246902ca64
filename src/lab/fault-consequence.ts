/**
 * What a fault comes to, told from its row before it begins: whom it may befall, what its routes do, and what shows that it
 * happened. Pure.
 */
import { FAULTS, type RouteConsequence } from "./fault.ts";
import { faultSettings, type ToldFault } from "./fault-setting.ts";
import type { FaultKind, Lab, SessionSettings } from "./lab.ts";
import { drawMutation } from "./mutation.ts";

/** Of what a router agrees on with a neighbor: who is shut out. */
export type ShutOut = Pick<SessionSettings, "prefixLimit">;

/** Whom a fault may befall, by name. */
export const mayBefall = ({ router, nodes }: Lab, fault: FaultKind): string[] =>
  FAULTS[fault].befalls === "router"
    ? [router.name]
    : nodes.filter((node) => FAULTS[fault].canBefall?.(node) ?? true).map(({ name }) => name);

/** The event of the router that shows that what was meant to happen did; undefined: the change of its routes shows it. */
export function witnessOf(step: ToldFault, session: ShutOut): string | undefined {
  if (step.fault === "kill-worker") return "worker-died";
  if (step.fault === "prefix-flood") return consequenceOf(step, session) === "is-shut-out" ? "prefix-limit-exceeded" : undefined;
  if (step.fault !== "mutate-bgp") return undefined;
  return drawMutation(faultSettings(step).seed).consequence === "session-reset" ? "session-down" : "update-fault";
}

/** What the fault of a step means to the router, as it is set. */
export function consequenceOf(step: ToldFault, { prefixLimit }: ShutOut): RouteConsequence {
  // Its services are counted too, and it has one at least.
  const isTooMuch = prefixLimit !== undefined && faultSettings(step).prefixes >= prefixLimit;
  return step.fault === "prefix-flood" && isTooMuch ? "is-shut-out" : FAULTS[step.fault].route;
}

/** Whether no session with whom it befalls is Established from then on, until it ends. */
export const endsSession = (step: ToldFault, session: ShutOut): boolean =>
  FAULTS[step.fault].endsSession === true ||
  consequenceOf(step, session) === "is-shut-out" ||
  witnessOf(step, session) === "session-down";
