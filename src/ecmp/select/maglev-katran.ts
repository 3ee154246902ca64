/**
 * Maglev as Katran fills it (facebookincubator/katran `katran/lib/MaglevBase.cpp`, `MaglevHash.cpp`, `MaglevHashV2.cpp`):
 * offset and skip are MurmurHash3_x64 of the backend's 64-bit hash with the constants below, and the ring has 65537 places.
 *
 * Two versions that differ in weights. The first gives a backend as many turns as its weight says in the *first* round and
 * one in each later round, so that at 65537 places weights hardly count; the second lets it gain its weight in each round
 * and take a turn when it has reached the heaviest's.
 *
 * The turns, the constants and the arithmetic (32 bits, which may wrap) are the source's; `katranRing` reproduces it from
 * the backends' hashes. Ours: the hash of a member is its address as a number (the last 64 bits of an IPv6 one), where Katran
 * uses Folly's hash of the address, and members take turns in member order, where Katran sorts by that hash.
 */
import { type Address, isIpv4 } from "../../net/address.ts";
import { type Evenness, haveEqualWeights, type Selector } from "../table.ts";
import { checkPrime, DEFAULT_MAGLEV_BUCKETS, type Turn, turnByWeight } from "./maglev.ts";
import { murmur3x64 } from "./murmur3-x64-128.ts";
import { emptyTable } from "./share-out.ts";

export interface KatranBackend {
  readonly hash: bigint;
  readonly weight: number;
}

/** Weights count in the first round only, so the departure from them is Katran's own. */
export const maglevKatranV1: Selector = {
  ...katranSelector("maglev-katran-v1", "first-turn", turnByWeightAtFirst),
  ignoresWeights: (members) => (haveEqualWeights(members) ? undefined : "counts weights in its first round of turns only"),
};
export const maglevKatranV2: Selector = katranSelector("maglev-katran-v2", "turns", turnByWeight);

function katranSelector(name: string, evenness: Evenness, turnOf: (weights: readonly number[]) => Turn): Selector {
  return {
    name,
    stateful: false,
    ordered: true,
    movement: "bounded",
    evenness,
    fill: (members, { buckets = DEFAULT_MAGLEV_BUCKETS }) => {
      checkPrime(name, buckets, members);
      if (members.length === 0) return emptyTable();
      const backends = members.map(({ address, weight }) => ({ hash: addressNumber(address), weight }));
      return {
        members,
        reduction: "buckets",
        owners: katranRing(backends, buckets, turnOf(backends.map(({ weight }) => weight))),
      };
    },
  };
}

const addressNumber = (address: Address): bigint => (isIpv4(address) ? BigInt(address) : BigInt(`0x${address.slice(16)}`));

const FREE = 0xffff;

export function katranRing(backends: readonly KatranBackend[], places: number, turn: Turn): Uint16Array {
  const offsets = Uint32Array.from(backends, ({ hash }) => Number(katranHash(hash, 42n, 0) % BigInt(places)));
  const skips = Uint32Array.from(backends, ({ hash }) => Number(katranHash(hash, 2718281828n, 2307) % BigInt(places - 1)) + 1);
  const steps = new Uint32Array(backends.length);
  const owners = new Uint16Array(places).fill(FREE);
  for (let taken = 0; taken < places; taken++) {
    const backend = turn();
    let place = 0;
    do {
      place = ((offsets[backend] + Math.imul(steps[backend]++, skips[backend])) >>> 0) % places;
    } while (owners[place] !== FREE);
    owners[place] = backend;
  }
  return owners;
}

/** Two words, the first half of their MurmurHash3_x64_128. */
function katranHash(first: bigint, second: bigint, seed: number): bigint {
  const bytes = new DataView(new ArrayBuffer(16));
  bytes.setBigUint64(0, first, true);
  bytes.setBigUint64(8, second, true);
  return murmur3x64(new Uint8Array(bytes.buffer), seed)[0];
}

/** As many turns in a row as the weight says in the first round, then one each. */
export function turnByWeightAtFirst(weights: readonly number[]): Turn {
  const left = [...weights];
  let member = 0;
  return () => {
    while (left[member] === 0) {
      left[member] = 1;
      member = (member + 1) % weights.length;
    }
    left[member]--;
    return member;
  };
}
