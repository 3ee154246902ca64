/** What a peer announces now, for its intake: prefixes in typed arrays, and the rare ones with a path identifier in a Set. */
import { type Nlri, nlriKey } from "../bgp/path.ts";
import { createPrefixTable } from "../net/prefix-table.ts";

export interface NlriSet {
  add(nlri: Nlri): void;
  delete(nlri: Nlri): void;
  readonly size: number;
}

const HERE = 1;

export function createNlriSet(): NlriSet {
  const prefixes = createPrefixTable();
  const paths = new Set<number | string>();
  return {
    add(nlri) {
      if (nlri.pathId === undefined) prefixes.set(nlri, HERE);
      else paths.add(nlriKey(nlri));
    },
    delete(nlri) {
      if (nlri.pathId === undefined) prefixes.set(nlri, 0);
      else paths.delete(nlriKey(nlri));
    },
    get size() {
      return prefixes.size + paths.size;
    },
  };
}
