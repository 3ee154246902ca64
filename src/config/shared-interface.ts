/**
 * Ports that share an interface, each with VLAN tags of its own or without: what they are called, and what only one of them may
 * have. The schema asks here where ports name their interfaces, and the router again once it knows which interface an address means.
 */
import { type Address, formatAddress } from "../net/address.ts";
import { formatPrefix, makePrefix, type Prefix, prefixContains } from "../net/prefix.ts";

export type VlanIds = readonly [outer: number, inner: number];

/** What of a port it looks at. */
export interface PortPlace {
  readonly interface?: string | undefined;
  readonly address?: Address | undefined;
  readonly kind?: string;
  readonly vlan?: VlanIds | undefined;
  readonly addresses?: readonly Prefix[] | undefined;
}

interface Clash {
  readonly path: (string | number)[];
  readonly wanted: string;
}

/** As Linux calls VLAN interfaces: eth0, eth0.10, and eth0.20.7 of two tags. */
export const portName = (interfaceName: string, [outer, inner]: VlanIds = [0, 0]): string =>
  [interfaceName, ...[outer, inner].filter((id) => id !== 0)].join(".");

/** Undefined: it names none, which is a mistake of its own. */
const interfaceOf = ({ interface: name, address }: PortPlace): string | undefined =>
  name || (address === undefined ? undefined : formatAddress(address));

const nameOf = (port: PortPlace): string | undefined => {
  const name = interfaceOf(port);
  return name === undefined ? undefined : portName(name, port.vlan);
};

export function findClashes(ports: readonly PortPlace[]): Clash[] {
  return ports.flatMap((port, i) => {
    const name = nameOf(port);
    if (name === undefined) return [];
    const same = ports.findIndex((other) => nameOf(other) === name);
    if (same < i) return [{ path: [i], wanted: `each interface and VLAN once; ports[${same}] is ${name} already` }];
    return [...findDivided(ports, i), ...findOverlaps(ports, i)];
  });
}

/** One ring or capture receives for all ports of an interface, and its addresses are one port's: if there is one, the untagged. */
function findDivided(ports: readonly PortPlace[], i: number): Clash[] {
  const port = ports[i];
  const siblings = [...ports.keys()].filter((other) => interfaceOf(ports[other]) === interfaceOf(port));
  const [first] = siblings;
  const clashes: Clash[] = [];
  if (siblings.length > 1 && port.kind === "capture-file")
    return [{ path: [i, "interface"], wanted: "a name of its own: files are one port's" }];
  if (port.kind !== ports[first].kind)
    clashes.push({ path: [i, "kind"], wanted: `${ports[first].kind}, as ports[${first}], which is of the same interface` });
  const without = siblings.filter((other) => ports[other].addresses === undefined);
  const owner = without.find((other) => ports[other].vlan === undefined) ?? without[0];
  if (port.addresses === undefined && owner !== i)
    clashes.push({ path: [i], wanted: `addresses for this VLAN; those of the interface are ports[${owner}]'s` });
  return clashes;
}

/** A subnet lies behind one port. */
function findOverlaps(ports: readonly PortPlace[], i: number): Clash[] {
  return (ports[i].addresses ?? []).flatMap((ours, j) => {
    for (const [other, { addresses = [] }] of ports.slice(0, i).entries()) {
      const theirs = addresses.find((one) => doOverlap(one, ours));
      if (theirs)
        return [{ path: [i, "addresses", j], wanted: `a subnet of its own; ports[${other}] has ${formatPrefix(theirs)}` }];
    }
    return [];
  });
}

const doOverlap = (one: Prefix, other: Prefix): boolean =>
  prefixContains(makePrefix(one.address, one.length), other.address) ||
  prefixContains(makePrefix(other.address, other.length), one.address);
