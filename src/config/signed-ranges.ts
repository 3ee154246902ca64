/**
 * Neighbors and ranges that cannot be told from a range with a password around them. Linux keeps TCP-MD5 keys by prefix and takes
 * the longest that holds the peer (`__tcp_md5_do_lookup`, net/ipv4/tcp_ipv4.c); an empty key is the removal of one, so inside of
 * a signed prefix nobody can be unsigned, only have a key of its own. The schema asks once each field is right by itself.
 */
import { type Address, linkOfRouter } from "../net/address.ts";
import { formatPrefix, hostPrefix, type Prefix, prefixContains } from "../net/prefix.ts";

interface Signed {
  readonly password?: string | undefined;
  /** Of which only is known yet that it will have one. */
  readonly passwordFile?: string | undefined;
}

export interface SignedRanges {
  /** One that is a mistake by itself may be without an address. */
  readonly neighbors: readonly (Signed & { readonly address?: Address | undefined })[];
  readonly dynamicNeighbors: readonly (Signed & { readonly prefix: Prefix })[];
}

interface Finding {
  /** From `bgp` on. */
  readonly path: (string | number)[];
  readonly wanted: string;
}

const isSigned = ({ password, passwordFile }: Signed): boolean => password !== undefined || passwordFile !== undefined;

export function findUnsigned({ neighbors, dynamicNeighbors }: SignedRanges): Finding[] {
  const entries = [
    ...neighbors.flatMap(({ address, ...neighbor }, i) => {
      if (address === undefined) return [];
      const field = linkOfRouter(address) === undefined ? "address" : "interface";
      return [{ ...neighbor, source: hostPrefix(address), path: ["neighbors", i, field] }];
    }),
    ...dynamicNeighbors.map((range, i) => ({ ...range, source: range.prefix, path: ["dynamicNeighbors", i, "prefix"] })),
  ];
  const signed = dynamicNeighbors.filter(isSigned).map(({ prefix }) => prefix);
  return entries.flatMap(({ source, path, ...entry }) => {
    const around = isSigned(entry) ? undefined : signed.find((range) => isInside(source, range));
    if (!around) return [];
    const wanted = `a password of its own, or a place outside of ${formatPrefix(around)}: in there the kernel asks everybody to sign`;
    return [{ path, wanted }];
  });
}

/** Of a range of one address, whoever is named takes the place. */
const isInside = ({ address, length }: Prefix, range: Prefix): boolean => range.length < length && prefixContains(range, address);
