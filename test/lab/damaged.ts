/** Files as people get them wrong: a part of one replaced by something else, missing, or with something more in it. */
import fc from "fast-check";
import { seededRandom } from "#src/net/random.ts";

const junk = fc.oneof(
  fc.constantFrom<unknown>(null, [], {}, true, "", "x", -1, 0, 1.5, 1e9, [[]], [{}], { x: 1 }, "10.0.0.1/24", "n1", "n1:eth0"),
  fc.string(),
  fc.double(),
);

/** One of these files, damaged once or a few times. */
export const damagedFile = <Kind>(
  files: readonly (readonly [Kind, unknown])[],
  mostTimes: number,
): fc.Arbitrary<readonly [Kind, unknown]> =>
  fc
    .tuple(fc.constantFrom(...files), fc.array(junk, { minLength: 1, maxLength: mostTimes }), fc.nat())
    .map(([[kind, file], all, seed]) => {
      const draw = seededRandom(seed);
      const random = () => draw() / 2 ** 32;
      return [kind, all.reduce<unknown>((value, one) => damaged(value, random, one), file)];
    });

function damaged(value: unknown, random: () => number, junk: unknown): unknown {
  const isLeaf = typeof value !== "object" || value === null;
  if (isLeaf || random() < 0.2) return junk;
  const copy = (Array.isArray(value) ? [...value] : { ...value }) as Record<string, unknown>;
  const keys = Object.keys(copy);
  const key = keys[Math.floor(random() * keys.length)];
  if (key === undefined || random() < 0.05) copy.unheard = junk;
  else if (random() < 0.1 && !Array.isArray(copy)) delete copy[key];
  else copy[key] = damaged(copy[key], random, junk);
  return copy;
}
