/** The forecast of one change alone, a departure: each flow's next hop before and after it. */
import { isMoved } from "#src/experiment/disruption.ts";
import { forecastPaths } from "#src/experiment/forecast.ts";
import type { FibState } from "#src/fib/state.ts";
import type { Address } from "#src/net/address.ts";
import type { Flow } from "#src/net/flow.ts";

export const forecastRemoval = (state: FibState, flows: Iterable<Flow>, departed: Address) =>
  forecastPaths(state, flows, [{ kind: "departs", address: departed }]).map(({ flow, prefix, nextHops: [before, after] }) => {
    return { flow, prefix, before, after, moved: isMoved(before, after) };
  });
