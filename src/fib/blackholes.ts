/** The prefixes whose packets are thrown away on purpose: what they have in place of a group of next hops. For `fib.ts`. */
import { type Prefix, prefixKey } from "../net/prefix.ts";
import type { RouteChange } from "../rib/route.ts";

export interface Blackholes {
  has(prefix: Prefix): boolean;
  /** The prefixes that are thrown away from now on, or no longer. */
  take(changes: readonly RouteChange[]): Prefix[];
}

export function createBlackholes(): Blackholes {
  const keys = new Set<number | string>();
  return {
    has: (prefix) => keys.has(prefixKey(prefix)),
    take(changes) {
      const turned: Prefix[] = [];
      for (const { prefixes, isBlackhole = false } of changes) {
        // Mostly there are none, and nothing to look up for prefixes by the thousand.
        if (!isBlackhole && keys.size === 0) continue;
        for (const prefix of prefixes) {
          const key = prefixKey(prefix);
          if (keys.has(key) === isBlackhole) continue;
          if (isBlackhole) keys.add(key);
          else keys.delete(key);
          turned.push(prefix);
        }
      }
      return turned;
    },
  };
}
