/**
 * Neighbors and ranges whose own AS number is given as ours to them (`localAsn`): the session is internal then, as in a migration
 * of two ASes into one, and what nothing allows is taken all the same, where of an external neighbor it is refused (RFC 8212).
 * Not a mistake; `ecmp check` warns of it.
 */
import { formatPath } from "./read.ts";

interface Numbered {
  readonly remoteAsn: number | string;
  readonly localAsn?: number | undefined;
}

export interface Numbers {
  readonly asn: number;
  readonly neighbors: readonly Numbered[];
  readonly dynamicNeighbors: readonly Numbered[];
}

/** One text each. */
export function findMadeInternal(bgp: Numbers): string[] {
  return (["neighbors", "dynamicNeighbors"] as const).flatMap((list) =>
    bgp[list].flatMap(({ remoteAsn, localAsn }, i) => {
      if (localAsn === undefined || localAsn === bgp.asn || localAsn !== remoteAsn) return [];
      const where = formatPath(["bgp", list, i, "localAsn"]);
      return [`${where}: ${localAsn}, the neighbor's own AS, makes it internal: without an accept all its routes are taken`];
    }),
  );
}
