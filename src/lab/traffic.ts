/**
 * Connections as flows (for the forecast) and as targets (for the load client), in one order: those of a lab's clients here,
 * those of a scenario in `scenario-traffic.ts`. Pure.
 */
import { addressFamily, formatAddress } from "../net/address.ts";
import { type Flow, formatFlow, PROTOCOLS } from "../net/flow.ts";
import type { ConnectionTarget } from "./connection.ts";
import { hostAddresses, type Lab, ofFamily, type Service, type ServiceProtocol, serviceNamed } from "./lab.ts";

export interface PlannedConnection {
  readonly service: Service;
  readonly flow: Flow;
  readonly target: ConnectionTarget;
}

export const planConnections = (lab: Lab): PlannedConnection[] =>
  lab.clients.flatMap(({ node, service, connections, firstSourcePort }) =>
    Array.from({ length: connections }, (_, i) => planConnection(lab, node, serviceNamed(lab, service), firstSourcePort + i)),
  );

export function planConnection(
  lab: Lab,
  host: string,
  service: Service,
  sourcePort: number,
  protocol: ServiceProtocol = "tcp",
): PlannedConnection {
  const { address: destination, port: destinationPort } = service;
  const source = ofFamily(hostAddresses(lab, host), addressFamily(destination))?.address;
  if (source === undefined) throw new Error(`${host} has no address for ${service.name}, and the lab file was checked for that`);
  const flow: Flow = { protocol: PROTOCOLS[protocol], source, destination, sourcePort, destinationPort };
  const target = {
    flow: formatFlow(flow),
    sourceAddress: formatAddress(source),
    sourcePort,
    destinationAddress: formatAddress(destination),
    destinationPort,
  };
  return { service, flow, target };
}
