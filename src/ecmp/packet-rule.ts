/**
 * What a hash takes of two kinds of packets that are no conversation of their own: fragments, and ICMP errors, which quote a
 * packet of the flow that they are about. The names are settings (`ecmp.hash.fragments`, `ecmp.hash.icmpErrors`) and the
 * defaults of each profile; `dataplane/extract.ts` and the forwarding core do what they say.
 */

/**
 * `address-only`: no fragment has ports, so a datagram stays together, and may part from its whole neighbors.
 * `first-with-ports`: the first fragment has, and may part from the others.
 * `payload-as-ports`: whoever looks at no offset takes for ports what lies behind the fixed header, IPv4 options included; over
 * IPv6, where a header of its own says that it is one, a fragment has none. `dropped`: no fragment is forwarded.
 */
export const FRAGMENT_RULES = ["address-only", "first-with-ports", "payload-as-ports", "dropped"] as const;
export type FragmentRule = (typeof FRAGMENT_RULES)[number];

/**
 * `outer`: an ICMP error is a packet like any other. `quoted`: it goes the way of the flow that it is about, as the one who
 * gets it sends it. `quoted-addresses`: the same without ports.
 */
export const ICMP_ERROR_RULES = ["outer", "quoted", "quoted-addresses"] as const;
export type IcmpErrorRule = (typeof ICMP_ERROR_RULES)[number];
