/**
 * SONiC's fine-grained next-hop groups (sonic-swss `orchagent/fgnhgorch.cpp`; SONiC `doc/ecmp/fine_grained_next_hop_hld.md`):
 * next hops that share state form a bank, and each bank has a range of the buckets for its own.
 *
 *   banks {a b c} {d e f}, 12 buckets    a b c a b c | d e f d e f     (written from each bank's first member)
 *   b departs                            a a c a c c | d e f d e f     only b's buckets, only to its bank
 *   d, e and f depart                    a a c a c c | a c a c a c     a bank that is down is sprayed over the first that is up
 *   d returns                            a a c a c c | d d d d d d     and over its own as soon as one of them is back
 *
 * In a change of one bank, departures and arrivals are paired first: the newcomer gets exactly the buckets of the one it
 * replaces. The recommended number of buckets is the least common multiple of 1 to the most next hops, so that every number
 * of them divides it. All of that is the source's; ours: which bucket of a member goes first (the source goes by the order in
 * which it got them, we by their number), and weights, which the source does not have.
 */
import { haveEqualWeights, type Member, type SelectionTable, type Selector } from "../table.ts";
import { checkBuckets, emptyTable, keep, onlyDepartures, shareOut, usable, VACANT } from "./share-out.ts";

/** 60 is the least common multiple of 1 to 6. */
const DEFAULT_FINE_GRAINED_BUCKETS = 60;

export const sonicFgnhg: Selector = {
  name: "sonic-fgnhg",
  stateful: true,
  ordered: true,
  movement: "minimal",
  evenness: "exact",
  fill: (members, { buckets = DEFAULT_FINE_GRAINED_BUCKETS, banks }, previous) => {
    checkBuckets("sonic-fgnhg", buckets, members);
    if (members.length === 0) return emptyTable();
    const before = usable(previous, buckets);
    // Without banks, whoever is here or was here is of the only one.
    const lists = banks ?? [[...members, ...(before?.members ?? [])].map(({ address }) => address)];
    const ranges = bankRanges(banks ? lists.map(({ length }) => length) : [1], buckets);
    const up = lists.map((bank) => members.filter(({ address }) => bank.includes(address)));
    // As in the source, who is in no bank is left out; with nobody in any, there is nowhere to go.
    if (up.every((bank) => bank.length === 0)) return { ...emptyTable(), members };
    const indexOf = new Map(members.map((member, index) => [member, index]));
    const owners = new Uint16Array(buckets);
    ranges.forEach((range, bank) => {
      const was = before && sliceTable(before, range);
      const serverBefore = was && lists.findIndex((list) => list.includes(was.members[was.owners[0]].address));
      const server = findServer(up, bank, before, serverBefore);
      const served = up[server];
      const filled = was && server === serverBefore ? refill(was, served) : spray(range, served);
      const numbers = served.map((member) => indexOf.get(member) as number);
      owners.set(
        filled.map((owner) => numbers[owner]),
        range.start,
      );
    });
    return { members, reduction: "buckets", owners };
  },
};

interface Range {
  readonly start: number;
  readonly end: number;
}

/** Each bank has buckets for each of its members; what is left over goes round from the first bank on. */
function bankRanges(sizes: readonly number[], buckets: number): Range[] {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const each = Math.floor(buckets / total);
  if (each === 0)
    throw new RangeError(`Cannot fill a sonic-fgnhg table: ${buckets} buckets, wanted ${total}, one for each of a bank`);
  const rest = buckets - each * total;
  let end = 0;
  return sizes.map((size, bank) => {
    const start = end;
    end += each * size + Math.floor(rest / sizes.length) + (bank < rest % sizes.length ? 1 : 0);
    return { start, end };
  });
}

const sliceTable = (table: SelectionTable, { start, end }: Range): SelectionTable => ({
  members: table.members,
  reduction: "buckets",
  owners: table.owners.slice(start, end),
});

/**
 * The bank whose members serve a bank's range: itself, if any of it is up; else the one that did so far, while one of those
 * members is left; else the first that is up. At the beginning the banks that are down are spread over those that are up.
 */
function findServer(
  up: readonly (readonly Member[])[],
  bank: number,
  before: SelectionTable | undefined,
  serverBefore: number | undefined,
): number {
  if (up[bank].length > 0) return bank;
  const allUp = [...up.keys()].filter((other) => up[other].length > 0);
  if (!before || serverBefore === undefined) {
    const rankAmongDown = up.slice(0, bank).filter((members) => members.length === 0).length;
    return allUp[rankAmongDown % allUp.length];
  }
  const survivor = up[serverBefore]?.some((member) => before.members.some(({ address }) => address === member.address));
  return survivor ? serverBefore : allUp[0];
}

/** Over members of equal weight by the buckets' own numbers, from wherever the range begins. */
function spray({ start, end }: Range, members: readonly Member[]): Int32Array {
  const owners = new Int32Array(end - start).fill(VACANT);
  if (haveEqualWeights(members)) return owners.map((_, i) => (start + i) % members.length);
  shareOut(members, owners, true);
  return owners;
}

function refill(before: SelectionTable, members: readonly Member[]): Int32Array {
  const owners = keep(before, members);
  const departed = [...new Set(before.owners)]
    .sort((a, b) => a - b)
    .filter((owner) => members.every(({ address }) => address !== before.members[owner].address));
  const arrived = [...members.keys()].filter((index) =>
    before.members.every(({ address }) => address !== members[index].address),
  );
  const pairs = departed.slice(0, arrived.length);
  before.owners.forEach((owner, i) => {
    if (pairs.includes(owner)) owners[i] = arrived[pairs.indexOf(owner)];
  });
  const alike = pairs.every((owner, i) => before.members[owner].weight === members[arrived[i]].weight);
  const stayed = members.filter((_, index) => !arrived.includes(index));
  shareOut(members, owners, alike && arrived.length <= departed.length && onlyDepartures(before, stayed));
  return owners;
}
