/**
 * Addresses that are nobody else's, as far as the file says: those of its ports, and the broadcasts of their subnets. No gateway
 * and no neighbor has one. What interfaces have is the kernel's to say, and only known where the router runs.
 */
import type { Address } from "../net/address.ts";
import { formatPrefix, makePrefix, type Prefix, subnetBroadcast } from "../net/prefix.ts";

/** What of a port it looks at; what is a mistake by itself has no value. */
export interface AddressedPort {
  readonly address?: Address | undefined;
  readonly addresses?: readonly Prefix[] | undefined;
}

interface Addressed {
  readonly ports: readonly (AddressedPort | undefined)[];
  readonly routes: readonly { readonly nextHops: readonly { readonly address: Address }[] }[];
  readonly bgp?: { readonly neighbors: readonly { readonly address?: Address | undefined }[] } | undefined;
}

interface Finding {
  readonly path: (string | number)[];
  readonly wanted: string;
}

/** Why nobody else at the port has the address, if it is so; `whose` names the port. */
export function refusalOfOwn({ address: own, addresses = [] }: AddressedPort, whose: string, address: Address) {
  if (own === address || addresses.some((one) => one.address === address))
    return `the address of somebody else; this is our own, of ${whose}`;
  const subnet = addresses.find((one) => subnetBroadcast(one) === address);
  return (
    subnet &&
    `the address of a host; this is the broadcast of ${formatPrefix(makePrefix(subnet.address, subnet.length))} (${whose})`
  );
}

export function findOwn({ ports, routes, bgp }: Addressed): Finding[] {
  const find = (path: Finding["path"], address: Address | undefined): Finding[] => {
    if (address === undefined) return [];
    for (const [i, port] of ports.entries()) {
      const wanted = port && refusalOfOwn(port, `ports[${i}]`, address);
      if (wanted !== undefined) return [{ path, wanted }];
    }
    return [];
  };
  return [
    ...routes.flatMap(({ nextHops }, i) =>
      nextHops.flatMap(({ address }, j) => find(["routes", i, "nextHops", j, "address"], address)),
    ),
    ...(bgp?.neighbors ?? []).flatMap(({ address }, i) => find(["bgp", "neighbors", i, "address"], address)),
  ];
}
