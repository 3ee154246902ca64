/**
 * The router's answers to `ecmp fault`: rules are put around a port, taken away and listed, and workers killed, while packets
 * pass.
 */
import { type FaultRequest, readFaultRequest } from "../config/fault-request.ts";
import { faultTarget } from "../config/port-schema.ts";
import type { ControlAnswer } from "./control.ts";
import type { Router } from "./router.ts";

export function answerFault(router: Router, value: unknown): ControlAnswer {
  const request = readFaultRequest(value);
  const { faults, killWorker } = router.dataplane();
  if (request.action === "kill-worker") {
    if (!killWorker(request.worker)) return { error: `worker: found ${request.worker}, wanted one that the router has` };
    return { value: faults.list() };
  }
  if (request.action === "set") faults.set(request.interface, request.rule);
  else if (request.action === "clear") faults.clear(request.interface, targetOf(request));
  const ports = faults.list();
  if (request.action !== "list") {
    const rules = ports.filter(({ rules }) => rules.length > 0).map(({ interface: name, rules }) => ({ interface: name, rules }));
    router.events.add("faults", { action: request.action, ports: rules });
  }
  return { value: ports };
}

/** Neither named: every rule. */
const targetOf = ({ nextHop, direction }: Extract<FaultRequest, { action: "clear" }>): string | undefined =>
  nextHop === undefined && direction === undefined ? undefined : faultTarget({ nextHop, direction: direction ?? "out" });
