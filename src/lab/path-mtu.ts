/**
 * A narrow link on the clients' side of a lab, and what it means to a large answer: the hop before it cannot pass it on and tells
 * the sender so by ICMP (RFC 1191), at the service's own address. That packet is the router's to lead, and only the node that has
 * the connection can use it; wherever else it goes, the answer is sent again and again, and never arrives. Said before anything
 * happens, by the router's own rule (`ecmp.hash.icmpErrors`). Pure.
 */
import type { Address } from "../net/address.ts";
import { type Flow, PROTOCOLS } from "../net/flow.ts";
import { type Lab, portTo } from "./lab.ts";
import { forecastTiers, type RouterStates } from "./tiers.ts";

export interface NarrowLink {
  readonly mtu: number;
  /** Who complains: the host at its near end, by its address towards the router. */
  readonly complainer: Address;
}

/** Clients take a narrow link of their own into account themselves (the MSS of their SYN); this is one behind it. */
export function narrowLinkOf(lab: Lab): NarrowLink | undefined {
  const clients = new Set(lab.clients.map(({ node }) => node));
  for (const [a, b] of lab.links) {
    const ends = [a.node, b.node];
    if (a.mtu === undefined || !ends.every((name) => lab.hosts.includes(name) && !clients.has(name))) continue;
    for (const host of ends) {
      const near = lab.links.flat().find(({ node, address }) => node === host && address && portTo(lab.router, { address }));
      if (near?.address) return { mtu: a.mtu, complainer: near.address.address };
    }
  }
  return undefined;
}

/** The headers of IPv4 and TCP, options left out: what surely does not fit. */
const HEADER_BYTES = 40;

/** Of each flow, whether an answer of so many bytes gets stuck. */
export function forecastStuck(
  lab: Lab,
  states: RouterStates,
  flows: readonly { readonly flow: Flow; readonly bytes?: number }[],
): boolean[] {
  const narrow = narrowLinkOf(lab);
  if (!narrow) return flows.map(() => false);
  const { mtu, complainer } = narrow;
  const endsOf = (each: readonly Flow[]) => forecastTiers(lab, states, each, []).map(({ nextHops }) => nextHops[0]);
  const answers = endsOf(flows.map(({ flow }) => flow));
  const complaints = endsOf(flows.map(({ flow }) => complaintAbout(flow, complainer, states[lab.router.name].hash.icmpErrors)));
  return flows.map(({ bytes = 0 }, i) => bytes + HEADER_BYTES > mtu && answers[i] !== complaints[i]);
}

/** As what the router hashes it. */
function complaintAbout(flow: Flow, complainer: Address, rule: string | undefined): Flow {
  if (rule === "quoted") return flow;
  const withoutPorts = { sourcePort: 0, destinationPort: 0 };
  if (rule === "quoted-addresses") return { ...flow, ...withoutPorts };
  return { ...flow, protocol: PROTOCOLS.icmp, source: complainer, ...withoutPorts };
}
