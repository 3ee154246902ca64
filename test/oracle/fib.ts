/** The FIB's trie a second way: a map of prefixes and a walk over all of them. */
export interface SlowTrie {
  set(address: number, length: number, group: number): void;
  lookup(address: number): number;
  keys(): [number, number][];
}

export function createSlowTrie(): SlowTrie {
  const routes = new Map<string, number>();
  return {
    set(address, length, group) {
      if (group === 0) routes.delete(`${address}/${length}`);
      else routes.set(`${address}/${length}`, group);
    },
    lookup(address) {
      let best = -1;
      let found = 0;
      for (const [text, group] of routes) {
        const [network, length] = text.split("/").map(Number);
        const size = 2 ** (32 - length);
        if (length > best && Math.floor(address / size) === Math.floor(network / size)) {
          best = length;
          found = group;
        }
      }
      return found;
    },
    keys: () => [...routes.keys()].map((text) => text.split("/").map(Number) as [number, number]),
  };
}
