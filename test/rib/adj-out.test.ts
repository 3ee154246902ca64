import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { COMMUNITY } from "#src/bgp/communities.ts";
import { ORIGIN, type PathAttributes, SEGMENT } from "#src/bgp/path.ts";
import { type Address, parseAddress } from "#src/net/address.ts";
import { formatPrefix, type Prefix, parsePrefix } from "#src/net/prefix.ts";
import { type PrefixRule, parsePrefixRule } from "#src/net/prefix-rule.ts";
import { createAdjOut, type Pieces } from "#src/rib/adj-out.ts";
import type { Route } from "#src/rib/choose.ts";
import { type ExportPolicy, exportRoute } from "#src/rib/export.ts";
import type { Audience, RouteAnnouncements } from "#src/rib/route.ts";
import { external, internal, LOCAL_ASN, type PathSketch, sketch } from "./sketch.ts";

const OURS = 0x0a0000fe;
const OURS6 = parseAddress("2001:db8:1::fe") as Address;
const prefix = (text: string): Prefix => parsePrefix(text) as Prefix;
const rules = (...texts: string[]): PrefixRule[] => texts.map((text) => parsePrefixRule(text) as PrefixRule);
const policy = (more: Partial<ExportPolicy> = {}): ExportPolicy => ({
  announce: rules("0.0.0.0/0 le 32", "::/0 le 128"),
  nextHopSelf: false,
  prepend: [LOCAL_ASN],
  ...more,
});
const audience = (n: number, type: Audience["type"] = "external"): Audience => ({
  address: 0x0a000000 + n,
  type,
  nextHops: { ipv4: OURS },
});
const SERVICE = "198.51.100.10/32";

function routeOf(path: PathSketch, more: Partial<PathAttributes> = {}): Route {
  const { peer, attributes } = sketch(path);
  return { protocol: "bgp", nextHops: [], best: { peer, attributes: { ...attributes, ...more } } };
}
const STATIC: Route = { protocol: "static", nextHops: [{ address: 0x0a000009, weight: 1 }] };

describe("what is announced", () => {
  it("of our own has our AS for external peers and none for internal ones", () => {
    expect(exportRoute(prefix("0.0.0.0/0"), undefined, audience(1), policy())).toEqual({
      origin: ORIGIN.igp,
      asPath: [{ type: SEGMENT.sequence, asns: [LOCAL_ASN] }],
      nextHop: OURS,
    });
    expect(exportRoute(prefix(SERVICE), STATIC, audience(1, "internal"), policy())).toEqual({
      origin: ORIGIN.incomplete,
      asPath: [],
      nextHop: OURS,
      localPreference: 100,
    });
  });

  it("to an external peer is stripped of what is for inside", () => {
    const bandwidth = [0x40, 0x04, 0xfd, 0xe8, 0, 0, 0, 1];
    const target = [0x00, 0x02, 0xfd, 0xe8, 0, 0, 0, 2];
    const route = routeOf(
      { peer: internal(2), asns: [7], med: 5, localPreference: 200, originatorId: 3, clusterList: [4] },
      {
        communities: [1],
        extendedCommunities: Uint8Array.from([...bandwidth, ...target]),
        unrecognized: [{ type: 99, flags: 0xe0, value: Uint8Array.of(1) }],
      },
    );
    expect(exportRoute(prefix(SERVICE), route, audience(1), policy({ prepend: [64999, LOCAL_ASN] }))).toEqual({
      origin: ORIGIN.igp,
      asPath: [{ type: SEGMENT.sequence, asns: [64999, LOCAL_ASN, 7] }],
      nextHop: OURS,
      communities: [1],
      extendedCommunities: Uint8Array.from(target),
      unrecognized: [{ type: 99, flags: 0xe0, value: Uint8Array.of(1) }],
    });
  });

  it("to an internal peer is as it came, with our address as next hop if it shall be", () => {
    const route = routeOf({ peer: external(2), nextHop: 0x0a000063, med: 5 });
    const to = audience(1, "internal");
    expect(exportRoute(prefix(SERVICE), route, to, policy())).toEqual({
      ...route.best?.attributes,
      localPreference: 100,
    });
    expect(exportRoute(prefix(SERVICE), route, to, policy({ nextHopSelf: true }))?.nextHop).toBe(OURS);
  });

  it("puts our AS in front of a set, and leaves a confederation's segments inside", () => {
    const asPath = [
      { type: SEGMENT.confederationSequence, asns: [65100] },
      { type: SEGMENT.set, asns: [7, 8] },
    ];
    expect(exportRoute(prefix(SERVICE), routeOf({ peer: internal(2), asPath }), audience(1), policy())?.asPath).toEqual([
      { type: SEGMENT.sequence, asns: [LOCAL_ASN] },
      { type: SEGMENT.set, asns: [7, 8] },
    ]);
  });

  const says = (community: number): Route => routeOf({ peer: external(2) }, { communities: [community] });
  it.each([
    ["no prefix list names it", routeOf({ peer: external(2) }), audience(1), policy({ announce: rules("0.0.0.0/0") })],
    ["the list is empty", routeOf({ peer: external(2) }), audience(1), policy({ announce: [] })],
    ["it came from there", routeOf({ peer: external(1) }), audience(1), policy()],
    ["it came from inside and would stay there", routeOf({ peer: internal(2) }), audience(1, "internal"), policy()],
    ["NO_EXPORT, outside", says(COMMUNITY.noExport), audience(1), policy()],
    ["NO_EXPORT_SUBCONFED, outside", says(COMMUNITY.noExportSubconfed), audience(1), policy()],
    ["NO_ADVERTISE, outside", says(COMMUNITY.noAdvertise), audience(1), policy()],
    ["NO_ADVERTISE, inside", says(COMMUNITY.noAdvertise), audience(1, "internal"), policy()],
    ["it is thrown away here", { ...routeOf({ peer: external(2) }), action: "blackhole" }, audience(1), policy()],
    ["the family was not agreed on", routeOf({ peer: external(2) }), { ...audience(1), nextHops: { ipv6: OURS6 } }, policy()],
  ] as const)("nothing: %s", (_, route, to, exportPolicy) => {
    expect(exportRoute(prefix(SERVICE), route, to, exportPolicy)).toBeUndefined();
  });

  it.each([COMMUNITY.noExport, COMMUNITY.noExportSubconfed])("community %i stays inside and goes on there", (community) => {
    expect(exportRoute(prefix(SERVICE), says(community), audience(1, "internal"), policy())).toBeDefined();
  });
});

/** What comes in pieces, as if it came at once. */
const whole = (pieces: Pieces): RouteAnnouncements => {
  const all = [...pieces];
  return {
    withdrawn: all.flatMap(({ withdrawn }) => withdrawn),
    announcements: all.flatMap(({ announcements }) => announcements),
  };
};

/** A peer that takes what it is told, to the letter. */
function listen(held: Map<string, string>, { withdrawn, announcements }: RouteAnnouncements): void {
  for (const prefix of withdrawn) {
    expect(held.has(formatPrefix(prefix))).toBe(true);
    held.delete(formatPrefix(prefix));
  }
  for (const { prefixes, attributes } of announcements)
    for (const prefix of prefixes) held.set(formatPrefix(prefix), JSON.stringify(attributes));
}

describe("an adj-out", () => {
  it("tells what is new, once, and takes back what is gone", () => {
    const routes = new Map<string, Route>([["10.1.0.0/16", STATIC]]);
    let networks = [prefix("0.0.0.0/0")];
    let exportPolicy = policy();
    const adjOut = createAdjOut({
      rib: { route: (one) => routes.get(formatPrefix(one)), prefixes: () => [[...routes.keys()].map(prefix)] },
      networks: () => networks,
      policy: () => exportPolicy,
    });
    const written = ({ withdrawn, announcements }: RouteAnnouncements) => [
      ...withdrawn.map((one) => `-${formatPrefix(one)}`),
      ...announcements.map(({ prefixes }) => `+${prefixes.map(formatPrefix).join(" ")}`),
    ];
    const looked = (...prefixes: string[]) => {
      const news = adjOut.look(prefixes.map(prefix)).get(audience(1).address);
      return news ? written(news) : [];
    };
    const lookedEverywhere = () => written(whole(adjOut.lookAtAll().get(audience(1).address) ?? []));
    expect(written(whole(adjOut.open(audience(1))))).toEqual(["+0.0.0.0/0", "+10.1.0.0/16"]);
    expect(looked("10.1.0.0/16")).toEqual([]);
    for (const text of ["10.2.0.0/16", "10.3.0.0/16"]) routes.set(text, STATIC);
    expect(looked("10.2.0.0/16", "10.3.0.0/16", "10.4.0.0/16")).toEqual(["+10.2.0.0/16 10.3.0.0/16"]);
    // What could not be said is as if it had never been: not held, not taken back, and tried again.
    adjOut.unsay(audience(1).address, [prefix("10.2.0.0/16")]);
    expect(adjOut.told(audience(1).address).map((one) => formatPrefix(one.prefix))).not.toContain("10.2.0.0/16");
    expect(looked("10.2.0.0/16")).toEqual(["+10.2.0.0/16"]);
    routes.delete("10.2.0.0/16");
    expect(looked("10.2.0.0/16")).toEqual(["-10.2.0.0/16"]);
    networks = [];
    expect(lookedEverywhere()).toEqual(["-0.0.0.0/0"]);
    expect(written(whole(adjOut.again(audience(1).address, "ipv4")))).toEqual(["+10.1.0.0/16 10.3.0.0/16"]);
    expect(written(whole(adjOut.again(audience(1).address, "ipv6")))).toEqual([]);
    expect(adjOut.size(audience(1).address)).toBe(2);
    exportPolicy = policy({ announce: [] });
    expect(lookedEverywhere()).toEqual(["-10.1.0.0/16", "-10.3.0.0/16"]);
    adjOut.close(audience(1).address);
    expect([lookedEverywhere(), adjOut.told(audience(1).address)]).toEqual([[], []]);
  });

  it("leaves each peer with what the policy says of the routes there are, whatever happened", () => {
    const texts = ["0.0.0.0/0", "10.1.0.0/16", "10.2.0.0/16"];
    const choices: readonly (Route | undefined)[] = [
      undefined,
      STATIC,
      routeOf({ peer: external(1) }),
      routeOf({ peer: external(2) }),
      routeOf({ peer: internal(4), med: 3 }),
      routeOf({ peer: external(2) }, { communities: [COMMUNITY.noExport] }),
    ];
    const audiences = [audience(1), audience(3), audience(5, "internal")];
    const lists = fc.subarray(rules("0.0.0.0/0", "10.0.0.0/8 le 16"));
    // Another route, another policy for all, or the next piece of what is asked for first.
    const step = fc.oneof(fc.tuple(fc.constantFrom(...texts), fc.constantFrom(...choices)), lists, fc.constant("piece" as const));
    const isPolicy = (one: unknown): one is readonly PrefixRule[] => Array.isArray(one) && typeof one[0] !== "string";
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), lists, fc.nat(20), (steps, first, openAt) => {
        let announce: readonly PrefixRule[] = first;
        const routes = new Map<string, Route>();
        /** Each prefix a piece. */
        const prefixes = function* () {
          for (const text of routes.keys()) yield [prefix(text)];
        };
        const networks = [prefix("0.0.0.0/0")];
        const adjOut = createAdjOut({
          rib: { route: (one) => routes.get(formatPrefix(one)), prefixes },
          networks: () => networks,
          policy: () => policy({ announce }),
        });
        const held = new Map(audiences.map(({ address }) => [address, new Map<string, string>()]));
        const hear = (address: Address, news: RouteAnnouncements) => listen(held.get(address) as Map<string, string>, news);
        const begun: { readonly address: Address; readonly pieces: Iterator<RouteAnnouncements> }[] = [];
        const begin = (address: Address, pieces: Pieces) => begun.push({ address, pieces: pieces[Symbol.iterator]() });
        const hearPiece = () => {
          const { done, value } = begun[0].pieces.next();
          if (done) begun.shift();
          else hear(begun[0].address, value);
        };
        const openAll = () => {
          for (const one of audiences) begin(one.address, adjOut.open(one));
        };
        for (const [i, one] of steps.entries()) {
          if (i === openAt) openAll();
          if (one === "piece") {
            if (begun.length > 0) hearPiece();
          } else if (isPolicy(one)) {
            announce = one;
            for (const [address, pieces] of adjOut.lookAtAll()) begin(address, pieces);
          } else {
            const [text, route] = one;
            if (route) routes.set(text, route);
            else routes.delete(text);
            for (const [address, news] of adjOut.look([prefix(text)])) hear(address, news);
          }
        }
        if (openAt >= steps.length) openAll();
        while (begun.length > 0) hearPiece();
        for (const one of audiences) {
          const wanted = new Map<string, string>();
          for (const text of texts) {
            const isOwn = text === "0.0.0.0/0";
            const route = routes.get(text);
            if (!isOwn && !route) continue;
            const attributes = exportRoute(prefix(text), isOwn ? undefined : route, one, policy({ announce }));
            if (attributes) wanted.set(text, JSON.stringify(attributes));
          }
          expect(held.get(one.address)).toEqual(wanted);
        }
      }),
    );
  });
});
