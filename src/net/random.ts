/**
 * Randomness as an argument. A `Random` gives unsigned 32-bit numbers; the same seed gives the same ones for ever. Nothing of
 * Node: the forwarding core reaches this, because one of the hashes draws lots.
 */
export type Random = () => number;

/** SplitMix32: one addition and one mixing step a number; full period, no state but the counter. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
}

/** The seed that begins where `seed` is after `count` numbers: parts of one sequence can be drawn apart. */
export const skipRandom = (seed: number, count: number): number => (seed + Math.imul(count, 0x9e3779b9)) >>> 0;

/** A seed nobody can guess, for those who did not ask for a particular one. */
export const entropySeed = (): number => crypto.getRandomValues(new Uint32Array(1))[0];

/** A number in [0, bound) without the bias of a bare remainder being worth a loop: 32 bits scaled. */
export const randomBelow = (random: Random, bound: number): number => Math.floor((random() / 0x100000000) * bound);
