/**
 * Consistent hashing on a ring (Karger et al., STOC 1997): each member has points on the circle of the 2^32 hashes, as many
 * as `replicas` times its weight, and a hash belongs to the member of the next point at or above it. A departure moves the
 * hashes of the departed and no others; neither order nor history matters.
 *
 *   points    1000 a | 5000 b | 9000 a | f000 c      bounds  1000 5000 9000 f000 ffff
 *                                                    owners     a    b    a    c    a   (past the last point: the first)
 *
 * So a ring is a table of bounds. Shares are as even as points at random are: with p points a member's share strays by about
 * 1/sqrt(p) of itself. Two members that meet in one point: the lower address has it.
 */
import { compareAddresses } from "../../net/address.ts";
import { MAXIMUM_BUCKETS, type Selector } from "../table.ts";
import { scatterAddress, scramble } from "./scatter.ts";
import { emptyTable } from "./share-out.ts";

const DEFAULT_RING_REPLICAS = 100;

export const ring: Selector = {
  name: "ring",
  stateful: false,
  ordered: false,
  movement: "minimal",
  evenness: "points",
  hashBits: 32,
  fill: (members, { replicas = DEFAULT_RING_REPLICAS, seed = 0 }) => {
    if (members.length === 0) return emptyTable();
    const count = members.reduce((sum, { weight }) => sum + weight * replicas, 0);
    if (!Number.isInteger(replicas) || replicas < 1 || count >= MAXIMUM_BUCKETS) {
      throw new RangeError(
        `Cannot fill a ring: ${replicas} replicas make ${count} points of the weights, wanted at least 1 replica and fewer than ${MAXIMUM_BUCKETS} points`,
      );
    }
    const ranked = [...members.keys()].sort((a, b) => compareAddresses(members[a].address, members[b].address));
    // Point and rank in one number that sorts by both: 32 and 16 bits, exact in a double.
    const points = new Float64Array(count);
    let next = 0;
    ranked.forEach((index, rank) => {
      const { address, weight } = members[index];
      const word = scatterAddress(address, seed);
      for (let replica = 0; replica < weight * replicas; replica++) {
        points[next++] = scramble(word ^ scramble(replica)) * 0x10000 + rank;
      }
    });
    points.sort();
    const bounds = new Uint32Array(count + 1).fill(0xffffffff);
    const owners = new Uint16Array(count + 1);
    points.forEach((point, i) => {
      bounds[i] = Math.floor(point / 0x10000);
      owners[i] = ranked[point % 0x10000];
    });
    owners[count] = owners[0];
    return { members, reduction: "bounds", bounds, owners };
  },
};
