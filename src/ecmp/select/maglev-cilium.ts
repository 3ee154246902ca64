/**
 * Maglev as Cilium fills it (cilium/cilium `pkg/maglev/maglev.go`): a backend's offset and skip are the two halves of
 * MurmurHash3_x64_128 of its name, "[10.0.0.1:80/TCP,State:active]", seeded by the first four bytes of the cluster's seed;
 * backends take turns in the order of their names. Weights alter how often, and are not looked at while their mean is below 2.
 *
 * Bit-exact by the source's own test ("TestReproducible"). `buckets` is `maglev.tableSize` and `hashSeed` `maglev.hashSeed`.
 * A member has no port here, so all have `backendPort`; the protocol is TCP.
 */
import { type Address, formatAddress, isIpv4 } from "../../net/address.ts";
import { DEFAULT_CILIUM_SEED, parseCiliumSeed } from "../cilium-seed.ts";
import { haveEqualWeights, type Selector } from "../table.ts";
import { checkPrime, type Turn, takeTurns, turnInOrder } from "./maglev.ts";
import { murmur3x64 } from "./murmur3-x64-128.ts";
import { emptyTable } from "./share-out.ts";

const DEFAULT_CILIUM_BUCKETS = 16381;
const DEFAULT_BACKEND_PORT = 80;

export interface CiliumBackend {
  readonly address: Address;
  readonly port: number;
  readonly weight: number;
}

export const maglevCilium: Selector = {
  name: "maglev-cilium",
  stateful: false,
  ordered: false,
  movement: "bounded",
  evenness: "turns",
  ignoresWeights: (members) =>
    haveEqualWeights(members) || countsWeights(members.map(({ weight }) => weight))
      ? undefined
      : "looks at no weights while their mean is below 2",
  fill: (members, { buckets = DEFAULT_CILIUM_BUCKETS, hashSeed = DEFAULT_CILIUM_SEED, backendPort = DEFAULT_BACKEND_PORT }) => {
    checkPrime("maglev-cilium", buckets, members);
    if (members.length === 0) return emptyTable();
    const backends = members.map((member) => ({ ...member, port: backendPort }));
    return { members, reduction: "buckets", owners: ciliumTable(backends, buckets, parseCiliumSeed(hashSeed).backends) };
  },
};

/** For each place the index of its backend. */
export function ciliumTable(backends: readonly CiliumBackend[], places: number, seed: number): Uint16Array {
  const named = backends.map((backend, index) => ({ name: backendName(backend), weight: backend.weight, index }));
  named.sort((a, b) => (a.name < b.name ? -1 : 1));
  const halves = named.map(({ name }) => murmur3x64(new TextEncoder().encode(name), seed));
  const permutations = {
    offsets: Int32Array.from(halves, ([first]) => Number(first % BigInt(places))),
    skips: Int32Array.from(halves, ([, second]) => Number(second % BigInt(places - 1)) + 1),
  };
  const owners = takeTurns(permutations, places, ciliumTurn(named.map(({ weight }) => weight)));
  return owners.map((owner) => named[owner].index);
}

function backendName({ address, port }: CiliumBackend): string {
  const host = isIpv4(address) ? formatAddress(address) : `[${formatAddress(address)}]`;
  return `[${host}:${port}/TCP,State:active]`;
}

/** The source divides whole numbers. */
const countsWeights = (weights: readonly number[]): boolean =>
  Math.floor(weights.reduce((sum, weight) => sum + weight, 0) / weights.length) > 1;

/** The n-th turn goes to the n-th backend in order, or the next one that is not ahead of what its weight entitles it to. */
function ciliumTurn(weights: readonly number[]): Turn {
  const count = weights.length;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (!countsWeights(weights)) return turnInOrder(count);
  const paid = weights.map((weight) => weight / count);
  let turns = 0;
  return () => {
    let next = turns++ % count;
    while (turns * weights[next] < Math.floor(paid[next])) next = (next + 1) % count;
    paid[next] += total;
    return next;
  };
}
