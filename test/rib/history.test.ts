/**
 * What the RIB believes must not depend on how it came to believe it. After any sequence of announcements, withdrawals,
 * restarts, losses and reloads, it is compared with one that is told the last words only, in another order: the same routes, the
 * same decisions with the same reasons, the same counts; and the FIB that followed every change with one that is told the
 * outcome.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { COMMUNITY } from "#src/bgp/communities.ts";
import type { Nlri, PathAttributes } from "#src/bgp/path.ts";
import { createFib, type Fib } from "#src/fib/fib.ts";
import { createImage } from "#src/fib/image.ts";
import { type Address, parseAddress } from "#src/net/address.ts";
import { type Prefix, parsePrefix, prefixContains } from "#src/net/prefix.ts";
import type { RoutePeer, RouteUpdate } from "#src/rib/route.ts";
import { createRib, type Rib, type RibChange, type RibConfiguration } from "#src/rib/table.ts";
import { newestWords, staleMarks } from "../oracle/rib.ts";
import { ACCEPT_ALL, external, internal, LOCAL_ASN, ribConfiguration } from "./sketch.ts";

const prefix = (text: string): Prefix => parsePrefix(text) as Prefix;
const PREFIXES = ["10.7.0.0/16", "10.20.30.0/24", "198.51.100.10/32", "198.51.100.11/32", "2001:db8:5::/48"].map(prefix);
const PEERS = [external(1), external(2), external(3), internal(4)];
const FAMILIES = ["ipv4", "ipv6"] as const;

type Step =
  | RouteUpdate
  | { readonly kind: "configure"; readonly configuration: RibConfiguration }
  /** So many steps of what a loss has left to do. */
  | { readonly kind: "go-on"; readonly steps: number };

/** Of 1024: losses are not over when the next thing happens. */
const PLACES_AT_ONCE = 100;

const peer: fc.Arbitrary<RoutePeer> = fc
  .record({ peer: fc.constantFrom(...PEERS), epoch: fc.nat(2) })
  .map(({ peer, epoch }) => ({ ...peer, epoch }));

const nlri: fc.Arbitrary<Nlri> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...PREFIXES) },
  {
    weight: 1,
    arbitrary: fc
      .record({ prefix: fc.constantFrom(...PREFIXES), pathId: fc.nat(1) })
      .map(({ prefix, pathId }) => ({ ...prefix, pathId })),
  },
);

/** Behind the first of the prefixes. */
const FAR = parseAddress("10.7.7.7") as Address;
const nextHops = [
  FAR,
  ...["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.254", "192.0.2.1"].map((text) => parseAddress(text) as Address),
];

const attributes: fc.Arbitrary<PathAttributes> = fc.record(
  {
    origin: fc.constantFrom(0, 1),
    asPath: fc
      .array(fc.constantFrom(65001, 65003, LOCAL_ASN), { maxLength: 2 })
      .map((asns) => (asns.length > 0 ? [{ type: 2 as const, asns }] : [])),
    nextHop: fc.constantFrom(...nextHops),
    multiExitDiscriminator: fc.nat(1),
    communities: fc.constantFrom([COMMUNITY.gracefulShutdown], [COMMUNITY.blackhole]),
    localPreference: fc.constantFrom(100, 101),
  },
  { requiredKeys: ["origin", "asPath", "nextHop"] },
);

const configuration: fc.Arbitrary<RibConfiguration> = fc
  .record({
    maximumPaths: fc.integer({ min: 1, max: 3 }),
    multipathRelax: fc.boolean(),
    allowBlackhole: fc.boolean(),
    shut: fc.nat(3),
    isFar: fc.boolean(),
    /** Connected, behind the first prefix, behind nothing. */
    staticBy: fc.constantFrom([], ["10.0.0.9"], ["10.7.7.7"], ["10.0.0.9", "10.7.7.7"], ["192.0.2.1"]),
  })
  .map(({ maximumPaths, multipathRelax, allowBlackhole, shut, isFar, staticBy }) => ({
    ...ribConfiguration({ maximumPaths, multipathRelax }),
    ...(isFar && { interfaces: [{ address: 0xc00002fe, length: 24 }] }),
    staticRoutes:
      staticBy.length > 0
        ? [{ prefix: PREFIXES[2], nextHops: staticBy.map((text) => ({ address: parseAddress(text) as Address, weight: 2 })) }]
        : [],
    importPolicy: ({ address }) => ({ ...ACCEPT_ALL, allowBlackhole, ...(address === PEERS[shut].address && { accept: [] }) }),
  }));

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .record({
        kind: fc.constant("update" as const),
        peer,
        withdrawn: fc.array(nlri, { maxLength: 2 }),
        announced: fc.uniqueArray(nlri, { maxLength: 4, selector: (one) => `${one.address} ${one.length} ${one.pathId}` }),
        attributes,
      })
      // A route over a next hop that it leads to itself has two truths, and its past decides between them.
      .filter(({ announced, attributes }) => attributes.nextHop !== FAR || !announced.some((one) => prefixContains(one, FAR))),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("stale" as const), peer, family: fc.constantFrom(...FAMILIES) }) },
  {
    weight: 2,
    arbitrary: fc.record(
      {
        kind: fc.constant("lost" as const),
        peer,
        reason: fc.constant(""),
        family: fc.constantFrom(...FAMILIES),
        staleOnly: fc.constant(true as const),
      },
      { requiredKeys: ["kind", "peer", "reason"] },
    ),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("go-on" as const), steps: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 1, arbitrary: configuration.map((configuration) => ({ kind: "configure" as const, configuration })) },
);

function startFib(): Fib {
  const hash = { algorithm: "xxh32", fields: ["5-tuple"], seed: 1 };
  const options = { selector: "modulo", selectorOptions: {}, hash, workers: 0 };
  return createFib({ buffers: createImage(1 << 16), ...options });
}

const state = (rib: Rib) => ({
  routes: rib.routes(),
  peers: PEERS.map(({ address }) => ({
    ...rib.peerPaths(address),
    families: FAMILIES.map((family) => rib.received(address, family)),
  })),
});

const groups = (fib: Fib): string[] =>
  fib
    .state()
    .groups.flatMap(({ prefixes, members }) => prefixes.map((one) => `${one} ${JSON.stringify(members)}`))
    .sort();

/** Told the last words only, peer by peer, those that were said first at the end. */
function startAnew(configuration: RibConfiguration, history: readonly RouteUpdate[]): Rib {
  const rib = createRib();
  rib.configure(configuration);
  for (const prefix of PREFIXES) {
    for (const { nlri, peer, attributes } of newestWords(history, prefix).reverse())
      rib.applyUpdate({ kind: "update", peer, withdrawn: [], announced: [nlri], attributes });
  }
  for (const mark of staleMarks(history)) rib.applyUpdate(mark);
  return rib;
}

/** As the router does it: a lost peer leaves the FIB first. `look` sees the RIB after each step. */
function live(steps: readonly Step[], fib?: Fib, look?: (rib: Rib, history: readonly RouteUpdate[]) => void) {
  const rib = createRib(PLACES_AT_ONCE);
  let configuration = ribConfiguration();
  const take = ({ routes }: RibChange): void => void fib?.apply(routes);
  const goOn = (atMost: number): void => {
    for (let i = 0; i < atMost && rib.isBehind(); i++) take(rib.goOn());
  };
  take(rib.configure(configuration));
  const history: RouteUpdate[] = [];
  for (const step of steps) {
    if (step.kind === "go-on") goOn(step.steps);
    else if (step.kind === "configure") {
      configuration = step.configuration;
      take(rib.configure(configuration));
    } else {
      history.push(step);
      if (step.kind === "lost" && !step.family && !step.staleOnly) fib?.withdraw(rib.onlyThrough(step.peer.address));
      take(rib.applyUpdate(step));
    }
    look?.(rib, history);
  }
  goOn(MANY);
  expect(rib.isBehind()).toBe(false);
  return { rib, anew: startAnew(configuration, history) };
}

/** A walk over 1024 places is eleven steps; where next hops lie behind routes, some walks follow from others. */
const MANY = 100;

const steps = fc.array(step, { minLength: 1, maxLength: 20 });

describe("the RIB and its past", () => {
  it("believes what it would believe without it, for the same reasons", () => {
    fc.assert(
      fc.property(steps, (steps) => {
        const { rib, anew } = live(steps);
        expect(state(rib)).toEqual(state(anew));
      }),
      { numRuns: 400 },
    );
  });

  it("counts what a peer has said, and shows none of what is gone, before a loss is over", () => {
    fc.assert(
      fc.property(steps, (steps) => {
        live(steps, undefined, (rib, history) => {
          const words = PREFIXES.flatMap((one) => newestWords(history, one).map((word) => [one, word] as const));
          for (const { address } of PEERS)
            expect(rib.peerPaths(address).received).toBe(words.filter(([, { peer }]) => peer.address === address).length);
          expect(rib.routes().flatMap(({ paths }) => paths)).toHaveLength(words.length);
        });
      }),
      { numRuns: 100 },
    );
  });

  it("and forwards so", () => {
    fc.assert(
      fc.property(steps, (steps) => {
        const [fib, fibAnew] = [startFib(), startFib()];
        fibAnew.apply(live(steps, fib).anew.installed());
        expect(groups(fib)).toEqual(groups(fibAnew));
      }),
      { numRuns: 25 },
    );
  });
});
