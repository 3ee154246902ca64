import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ORIGIN, SEGMENT } from "#src/bgp/path.ts";
import { asPathLength, decide, type MultipathOptions, RULES, TIE_BREAKS } from "#src/rib/decide.ts";
import type { Path } from "#src/rib/path.ts";
import { external, internal, type PathSketch, paths, sketch } from "./sketch.ts";

const ONE: MultipathOptions = { maximumPaths: 1, multipathRelax: false };
const MANY: MultipathOptions = { maximumPaths: 8, multipathRelax: false };
const RELAXED: MultipathOptions = { maximumPaths: 8, multipathRelax: true };

/** A winner, a loser, and everything else against the winner that a later rule could say. */
const CASES: Record<string, readonly [winner: PathSketch, loser: PathSketch]> = {
  "1. highest local preference": [
    { peer: internal(9), localPreference: 200, asns: [1, 2, 3], origin: ORIGIN.incomplete },
    { peer: internal(1), localPreference: 150, asns: [1], origin: ORIGIN.igp },
  ],
  "2. shortest AS path": [
    { peer: external(9), asns: [65009, 7], origin: ORIGIN.incomplete },
    { peer: external(1), asns: [65001, 7, 7], origin: ORIGIN.igp },
  ],
  "3. lowest origin": [
    { peer: external(9), origin: ORIGIN.egp, med: 50 },
    { peer: external(1), origin: ORIGIN.incomplete, med: 0 },
  ],
  "4. lowest MED": [
    { peer: internal(9), asns: [65001], med: 10 },
    { peer: external(1), asns: [65001], med: 20 },
  ],
  "5. external over internal": [
    { peer: external(9), asns: [65009] },
    { peer: internal(1), asns: [65009] },
  ],
  "7. lowest router id": [
    { peer: external(9, { routerId: 1 }), asns: [7], clusterList: [1, 2] },
    { peer: external(1, { routerId: 2 }), asns: [7] },
  ],
  "8. shortest cluster list": [
    { peer: internal(9, { routerId: 5 }), clusterList: [1] },
    { peer: internal(1, { routerId: 5 }), clusterList: [1, 2] },
  ],
  "9. lowest peer address": [
    { peer: external(1, { routerId: 5 }), asns: [7] },
    { peer: external(2, { routerId: 5 }), asns: [7] },
  ],
  "10. lowest path identifier": [
    { peer: external(1), asns: [7], pathId: 1 },
    { peer: external(1), asns: [7], pathId: 2 },
  ],
};

/** Who loses by one of these was no rival of anybody who comes later. */
const BEFORE_MED = new Set<string>(RULES.filter(({ number }) => number <= 4).map(({ name }) => name));

describe("decide, rule by rule", () => {
  const rules = [...RULES, ...TIE_BREAKS];

  it("has a case for every rule, under its number and name", () => {
    expect(Object.keys(CASES)).toEqual(rules.map(({ number, name }) => `${number}. ${name}`));
  });

  for (const { number, name } of rules) {
    it(`${number}. ${name}`, () => {
      const [winner, loser] = CASES[`${number}. ${name}`].map(sketch);
      for (const order of [
        [winner, loser],
        [loser, winner],
      ]) {
        expect(decide(order, ONE)).toEqual({ best: winner, multipath: [winner], lost: [{ path: loser, reason: name }] });
      }
    });
  }
});

describe("decide", () => {
  it("has nothing to say of no paths", () => {
    expect(decide([], MANY)).toBeUndefined();
  });

  it("takes 100 for a local preference that is missing, and does not hear an external peer's", () => {
    const [low, missing, loud] = paths(
      { peer: internal(1), localPreference: 99 },
      { peer: internal(2) },
      { peer: external(3), localPreference: 500, asns: [1, 2] },
    );
    expect(decide([low, missing, loud], ONE)?.best).toBe(missing);
    expect(decide([low, loud], ONE)?.best).toBe(loud);
  });

  it("counts a set as one AS and confederation segments as none", () => {
    expect(
      asPathLength([
        { type: SEGMENT.confederationSequence, asns: [64512, 64513] },
        { type: SEGMENT.sequence, asns: [1, 2] },
        { type: SEGMENT.set, asns: [3, 4, 5] },
        { type: SEGMENT.confederationSet, asns: [64514] },
      ]),
    ).toBe(3);
  });

  it("takes 0 for a MED that is missing", () => {
    const [missing, ten] = paths({ peer: external(2, { asn: 7 }) }, { peer: external(1, { asn: 7 }), med: 10 });
    expect(decide([ten, missing], ONE)).toMatchObject({ best: missing, lost: [{ path: ten, reason: "lowest MED" }] });
  });

  it("does not compare MEDs of different neighbor ASes", () => {
    const [high, low] = paths({ peer: external(1, { asn: 7 }), med: 100 }, { peer: external(2, { asn: 8 }), med: 0 });
    expect(decide([low, high], ONE)).toMatchObject({ best: high, lost: [{ path: low, reason: "lowest router id" }] });
  });

  it("judges MEDs within each neighbor AS first, whatever the order of arrival", () => {
    // Compared in pairs these three go round in a circle: a beats b by MED, b beats c and c beats a by router id.
    const [a, b, c] = paths(
      { peer: external(3, { asn: 7 }), med: 10 },
      { peer: external(1, { asn: 7 }), med: 20 },
      { peer: external(2, { asn: 8 }), med: 15 },
    );
    for (const order of [
      [a, b, c],
      [b, c, a],
      [c, a, b],
      [c, b, a],
      [a, c, b],
      [b, a, c],
    ]) {
      expect(decide(order, ONE)).toEqual({
        best: c,
        multipath: [c],
        lost: [
          { path: a, reason: "lowest router id" },
          { path: b, reason: "lowest MED" },
        ],
      });
    }
  });

  it("changes its mind when a loser is taken away that had struck a better one out by MED (RFC 3345)", () => {
    const [holder, struck, winner] = paths(
      { peer: external(2, { asn: 7, routerId: 3 }), med: 0 },
      { peer: external(3, { asn: 7, routerId: 1 }), med: 1 },
      { peer: external(1, { asn: 8, routerId: 2 }), med: 0 },
    );
    expect(decide([holder, struck, winner], ONE)?.best).toBe(winner);
    expect(decide([struck, winner], ONE)?.best).toBe(struck);
  });

  it("compares the originator's id where a route reflector tells it", () => {
    const [reflected, direct] = paths({ peer: internal(9), originatorId: 1 }, { peer: internal(2) });
    expect(decide([direct, reflected], ONE)?.best).toBe(reflected);
  });

  it("shares the traffic among paths that are equal up to the cut and have the same AS path", () => {
    const [first, second, longer] = paths(
      { peer: external(1, { asn: 7 }) },
      { peer: external(2, { asn: 7 }) },
      { peer: external(3, { asn: 7 }), asns: [7, 7] },
    );
    expect(decide([longer, second, first], MANY)).toEqual({
      best: first,
      multipath: [first, second],
      lost: [{ path: longer, reason: "shortest AS path" }],
    });
  });

  it("keeps another AS path of the same length apart, unless relaxed", () => {
    const [first, second] = paths({ peer: external(1), asns: [65001, 7] }, { peer: external(2), asns: [65002, 7] });
    expect(decide([second, first], MANY)).toEqual({
      best: first,
      multipath: [first],
      lost: [{ path: second, reason: "same AS path" }],
    });
    expect(decide([second, first], RELAXED)).toEqual({ best: first, multipath: [first, second], lost: [] });
  });

  it("tells a set from a sequence in the same AS path", () => {
    const [sequence, set] = paths(
      { peer: external(1, { asn: 7 }), asPath: [{ type: SEGMENT.sequence, asns: [7] }] },
      { peer: external(2, { asn: 7 }), asPath: [{ type: SEGMENT.set, asns: [7] }] },
    );
    expect(decide([sequence, set], MANY)?.lost).toEqual([{ path: set, reason: "same AS path" }]);
  });

  it("drops those that come last in the tie-break beyond the maximum", () => {
    const [a, b, c, d] = paths(...[1, 2, 3, 4].map((n) => ({ peer: external(n, { asn: 7 }) })));
    expect(decide([d, b, c, a], { maximumPaths: 2, multipathRelax: false })).toEqual({
      best: a,
      multipath: [a, b],
      lost: [
        { path: c, reason: "maximum paths" },
        { path: d, reason: "maximum paths" },
      ],
    });
  });
});

describe("decide, for any paths", () => {
  const segment = fc.record({
    type: fc.constantFrom(...Object.values(SEGMENT)),
    asns: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 2 }),
  });
  const few = fc.integer({ min: 0, max: 2 });
  const path = fc
    .record({
      n: fc.integer({ min: 1, max: 30 }),
      isExternal: fc.boolean(),
      asn: few,
      routerId: few,
      asPath: fc.array(segment, { maxLength: 2 }),
      origin: few,
      med: fc.option(few, { nil: undefined }),
      localPreference: fc.constantFrom(undefined, 100, 101),
    })
    .map(({ n, isExternal, asn, routerId, ...rest }) =>
      sketch({ peer: isExternal ? external(n, { asn, routerId }) : internal(n, { routerId }), ...rest } as PathSketch),
    );
  const pathLists = fc.uniqueArray(path, { selector: ({ peer }) => peer.address, minLength: 1, maxLength: 8 });
  const options = fc.record({ maximumPaths: fc.integer({ min: 1, max: 4 }), multipathRelax: fc.boolean() });

  it("does not depend on the order of arrival", () => {
    const shuffled = pathLists.chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
    );
    fc.assert(
      fc.property(shuffled, options, ([list, other], options) => {
        expect(decide(other, options)).toEqual(decide(list, options));
      }),
      { numRuns: 1000 },
    );
  });

  it("gives each path one place: best, sharing or lost for a reason", () => {
    fc.assert(
      fc.property(pathLists, options, (list, options) => {
        const decision = decide(list, options);
        const placed = [...(decision?.multipath ?? []), ...(decision?.lost.map(({ path }) => path) ?? [])];
        expect(new Set(placed)).toEqual(new Set<Path>(list));
        expect(placed).toHaveLength(list.length);
        expect(decision?.multipath[0]).toBe(decision?.best);
        expect(decision?.multipath.length).toBeLessThanOrEqual(options.maximumPaths);
      }),
    );
  });

  it("does not change its mind when a path that lost is taken away, unless it had struck others out by MED", () => {
    fc.assert(
      fc.property(pathLists, options, (list, options) => {
        const decision = decide(list, options);
        const medStruck = decision?.lost.some(({ reason }) => reason === "lowest MED");
        for (const { path: loser, reason } of decision?.lost ?? []) {
          if (medStruck && !BEFORE_MED.has(reason)) continue;
          const without = decide(
            list.filter((path) => path !== loser),
            options,
          );
          expect(without?.multipath).toEqual(decision?.multipath);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
