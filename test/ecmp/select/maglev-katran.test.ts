import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { turnByWeight } from "#src/ecmp/select/maglev.ts";
import { katranRing, maglevKatranV1, maglevKatranV2, turnByWeightAtFirst } from "#src/ecmp/select/maglev-katran.ts";
import { equalMembers, memberShares } from "#src/ecmp/table.ts";
import { slowKatranRing } from "../../oracle/selectors-maglev.ts";

const shares = (ring: Uint16Array, count: number) =>
  Array.from({ length: count }, (_, backend) => ring.filter((owner) => owner === backend).length);

describe("Maglev as Katran fills it", () => {
  // Katran's own tests, katran/lib/tests/MaglevHashTest.cpp and CHHelpersTest.cpp: what they say of the counts.
  it("gives weights 2 and 1 on a ring of 7 four and three places in version 1, five and two in version 2", () => {
    const backends = [
      { hash: 1000n, weight: 2 },
      { hash: 2000n, weight: 1 },
    ];
    expect(shares(katranRing(backends, 7, turnByWeightAtFirst([2, 1])), 2)).toEqual([4, 3]);
    expect(shares(katranRing(backends, 7, turnByWeight([2, 1])), 2)).toEqual([5, 2]);
  });

  it("differs by one place at most between 400 backends of equal weight on a ring of 65537", () => {
    const weights = new Array<number>(400).fill(1);
    const backends = weights.map((weight, hash) => ({ hash: BigInt(hash), weight }));
    const counts = shares(katranRing(backends, 65537, turnByWeightAtFirst(weights)), 400);
    expect(Math.max(...counts) - Math.min(...counts)).toBe(1);
    expect(katranRing(backends, 65537, turnByWeight(weights))).toEqual(katranRing(backends, 65537, turnByWeightAtFirst(weights)));
  });

  it("does what the slow twin does, over any hashes and weights", () => {
    const backend = fc.record({ hash: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), weight: fc.integer({ min: 1, max: 9 }) });
    fc.assert(
      fc.property(fc.array(backend, { minLength: 2, maxLength: 8 }), fc.constantFrom(11, 251, 1021), (backends, places) => {
        const weights = backends.map(({ weight }) => weight);
        expect([...katranRing(backends, places, turnByWeightAtFirst(weights))]).toEqual(slowKatranRing(backends, places, 1));
        expect([...katranRing(backends, places, turnByWeight(weights))]).toEqual(slowKatranRing(backends, places, 2));
      }),
    );
  });

  it("hardly knows weights in version 1", () => {
    const members = [10, 1].map((weight, i) => ({ ...equalMembers(2)[i], weight }));
    const [heavy, light] = memberShares(maglevKatranV1.fill(members, {}));
    expect(heavy - light).toBeLessThanOrEqual(10);
    const [heavier, lighter] = memberShares(maglevKatranV2.fill(members, {}));
    expect(heavier / lighter).toBeCloseTo(10, 2);
  });
});
