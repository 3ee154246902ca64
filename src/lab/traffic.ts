/** The connections of a lab's clients, as flows (for the forecast) and as targets (for the load client), in one order. */
import { formatAddress, type Ipv4Address } from "../net/address.ts";
import { type Flow, formatFlow, PROTOCOLS } from "../net/flow.ts";
import type { ConnectionTarget } from "./connection.ts";
import { hostAddress, type Lab } from "./lab.ts";

export interface PlannedConnection {
  readonly service: string;
  readonly flow: Flow;
  readonly target: ConnectionTarget;
}

export function planConnections(lab: Lab): PlannedConnection[] {
  return lab.clients.flatMap((client) => {
    const service = lab.services.find((candidate) => candidate.name === client.service);
    if (!service) throw new Error(`no service ${client.service}, and the lab file was checked for that`);
    const source = hostAddress(lab, client.node).address as Ipv4Address;
    return Array.from({ length: client.connections }, (_, index): PlannedConnection => {
      const sourcePort = client.firstSourcePort + index;
      const { address: destination, port: destinationPort } = service;
      const flow: Flow = { protocol: PROTOCOLS.tcp, source, destination, sourcePort, destinationPort };
      const target = {
        flow: formatFlow(flow),
        sourceAddress: formatAddress(source),
        sourcePort,
        destinationAddress: formatAddress(destination),
        destinationPort,
      };
      return { service: client.service, flow, target };
    });
  });
}
