/** The prefixes whose packets are thrown away on purpose: what they have in place of a group of next hops. For `fib.ts`. */
import { comparePrefixes, formatPrefix, type Prefix, prefixKey } from "../net/prefix.ts";
import type { RouteAction, RouteChange } from "../rib/route.ts";
import type { ActionState } from "./state.ts";

export interface RouteActions {
  of(prefix: Prefix): RouteAction | undefined;
  /** The prefixes with which something else is done from now on. */
  take(changes: readonly RouteChange[]): Prefix[];
  /** Nothing, where there are none. */
  state(): { readonly actions?: readonly ActionState[] };
}

export function createRouteActions(): RouteActions {
  const known = new Map<number | string, { readonly prefix: Prefix; readonly action: RouteAction }>();
  const actionOf = (prefix: Prefix): RouteAction | undefined => known.get(prefixKey(prefix))?.action;
  return {
    of: actionOf,
    take(changes) {
      const turned: Prefix[] = [];
      for (const { prefixes, action } of changes) {
        // Mostly there are none, and nothing to look up for prefixes by the thousand.
        if (action === undefined && known.size === 0) continue;
        for (const prefix of prefixes) {
          if (actionOf(prefix) === action) continue;
          if (action === undefined) known.delete(prefixKey(prefix));
          else known.set(prefixKey(prefix), { prefix, action });
          turned.push(prefix);
        }
      }
      return turned;
    },
    state() {
      if (known.size === 0) return {};
      const sorted = [...known.values()].sort((a, b) => comparePrefixes(a.prefix, b.prefix));
      return { actions: sorted.map(({ prefix, action }) => ({ prefix: formatPrefix(prefix), action })) };
    },
  };
}
