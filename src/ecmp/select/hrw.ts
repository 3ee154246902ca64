/**
 * Highest random weight, or rendezvous (Thaler and Ravishankar 1996; RFC 2991 section 4): every member has a score for the
 * bucket, and the highest wins. A departure moves the departed's buckets and no others, an arrival takes only what it wins,
 * and neither order nor history matters. With weights the score is -weight / ln(hash) (Schindelhauer and Schomaker 2005),
 * which keeps all of that and gives shares in proportion.
 *
 * RFC 2991 scores the flow itself; here a table's bucket stands for its flows, so that a packet costs one look whatever the
 * number of members. Shares are as even as drawing each bucket by lot: with B buckets a due of d strays by about sqrt(d).
 */
import { compareAddresses } from "../../net/address.ts";
import { haveEqualWeights, type Selector } from "../table.ts";
import { scatterAddress, scramble } from "./scatter.ts";
import { checkBuckets, emptyTable } from "./share-out.ts";

const DEFAULT_HRW_BUCKETS = 4096;

export const hrw: Selector = {
  name: "hrw",
  stateful: false,
  ordered: false,
  movement: "minimal",
  evenness: "sampled",
  fill: (members, { buckets = DEFAULT_HRW_BUCKETS, seed = 0 }) => {
    checkBuckets("hrw", buckets, members);
    if (members.length === 0) return emptyTable();
    // Of equal scores the first wins, so the addresses' own order decides, and not the members'.
    const ranked = [...members.keys()].sort((a, b) => compareAddresses(members[a].address, members[b].address));
    const words = Uint32Array.from(ranked, (index) => scatterAddress(members[index].address, seed));
    const weights = ranked.map((index) => members[index].weight);
    const winner = haveEqualWeights(members) ? winnerOfEqual : winnerByWeight;
    const owners = Uint16Array.from({ length: buckets }, (_, bucket) => ranked[winner(scramble(bucket), words, weights)]);
    return { members, reduction: "buckets", owners };
  },
};

/** The same as by weight, since ln rises: only cheaper. */
function winnerOfEqual(bucket: number, words: Uint32Array): number {
  let best = 0;
  let highest = -1;
  for (let i = 0; i < words.length; i++) {
    const hash = scramble(bucket ^ words[i]);
    if (hash <= highest) continue;
    highest = hash;
    best = i;
  }
  return best;
}

function winnerByWeight(bucket: number, words: Uint32Array, weights: readonly number[]): number {
  let best = 0;
  let highest = -1;
  for (let i = 0; i < words.length; i++) {
    // In the middle of its 2^-32, so that the logarithm is never of 0 or 1.
    const score = -weights[i] / Math.log((scramble(bucket ^ words[i]) + 0.5) / 0x100000000);
    if (score <= highest) continue;
    highest = score;
    best = i;
  }
  return best;
}
