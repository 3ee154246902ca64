/**
 * Arista's resilient ECMP (EOS, `ip hardware fib ecmp resilience PREFIX capacity N redundancy M`): a table of N x M slots for
 * at most N next hops. With all N there, each has M slots; with fewer, duplicates fill the rest. The slots of survivors stay
 * as they are when one departs; an arrival takes over duplicates. The layout depends on the order of events.
 *
 *   capacity 3, redundancy 2     a b c a b c
 *   b departs                    a a c a c c     (b's slots hold duplicates of a and c)
 *   b returns                    a a c b c b     (two duplicates become b again, not the same two)
 *
 * Our reading: which duplicate goes where is not published; each goes to the one that has fewest, and the last ones go first.
 * `ordered` groups, where the layout follows from the set alone, are not modelled. A group above its capacity is refused.
 */
import { MAXIMUM_BUCKETS, type Selector } from "../table.ts";
import { fillResilient } from "./resilient.ts";

const DEFAULT_ARISTA_CAPACITY = 16;
const DEFAULT_ARISTA_REDUNDANCY = 8;

export const aristaRecmp: Selector = {
  name: "arista-recmp",
  stateful: true,
  ordered: true,
  movement: "minimal",
  evenness: "exact",
  fill: (members, { capacity = DEFAULT_ARISTA_CAPACITY, redundancy = DEFAULT_ARISTA_REDUNDANCY }, previous) => {
    const slots = capacity * redundancy;
    if (!Number.isInteger(capacity) || !Number.isInteger(redundancy) || redundancy < 1 || slots > MAXIMUM_BUCKETS) {
      throw new RangeError(
        `Cannot fill an arista-recmp table: capacity ${capacity} with redundancy ${redundancy}, wanted whole numbers from 1 whose product is at most ${MAXIMUM_BUCKETS}`,
      );
    }
    if (members.length > capacity || capacity < 1) {
      throw new RangeError(
        `Cannot fill an arista-recmp table: ${members.length} members, wanted at most its capacity ${capacity}`,
      );
    }
    return fillResilient(members, slots, previous);
  },
};
