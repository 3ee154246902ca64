import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { COMMUNITY } from "#src/bgp/communities.ts";
import { type AsPathSegment, type PathAttributes, SEGMENT } from "#src/bgp/path.ts";
import { type Address, formatAddress, parseAddress } from "#src/net/address.ts";
import { formatPrefix, hostPrefix, type Prefix, parseInterfaceAddress, parsePrefix, prefixContains } from "#src/net/prefix.ts";
import type { RoutePeer, RouteUpdate } from "#src/rib/route.ts";
import { createRib, type Rib, type RibChange, type RibConfiguration } from "#src/rib/table.ts";
import { slowNextHops } from "../oracle/rib.ts";
import { ACCEPT_ALL, external, internal, LOCAL_ASN, type PathSketch, ribConfiguration, sketchAttributes } from "./sketch.ts";

const prefix = (text: string): Prefix => parsePrefix(text) as Prefix;
const address = (text: string): Address => parseAddress(text) as Address;
const interfaces = (...texts: string[]): Prefix[] => texts.map((text) => parseInterfaceAddress(text) as Prefix);

const CONFIGURATION = ribConfiguration({
  interfaces: interfaces("10.0.0.254/24", "2001:db8:1::fe/64"),
  maximumPaths: 4,
  multipathRelax: true,
});

function startRib(more: Partial<RibConfiguration> = {}): Rib {
  const rib = createRib();
  rib.configure({ ...CONFIGURATION, ...more });
  return rib;
}

const announce = (prefixes: string[], path: PathSketch): RouteUpdate => ({
  kind: "update",
  peer: path.peer,
  withdrawn: [],
  announced: prefixes.map(prefix),
  attributes: sketchAttributes(path),
});

const withdraw = (peer: RoutePeer, ...prefixes: string[]): RouteUpdate => ({
  kind: "update",
  peer,
  withdrawn: prefixes.map(prefix),
  announced: [],
});

const lose = (peer: RoutePeer): RouteUpdate => ({ kind: "lost", peer, reason: "hold timer expired" });

/** "198.51.100.10/32 -> 10.0.0.1 10.0.0.2*3" */
const written = ({ routes }: RibChange): string[] =>
  routes.flatMap(({ prefixes, nextHops }) => {
    const hops = nextHops.map(({ address, weight }) => formatAddress(address) + (weight === 1 ? "" : `*${weight}`));
    return prefixes.map((prefix) => [formatPrefix(prefix), "->", ...hops].join(" "));
  });

const SERVICE = "198.51.100.10/32";

const withAttributes = (update: RouteUpdate, more: Partial<PathAttributes>): RouteUpdate =>
  update.kind === "update" && update.attributes ? { ...update, attributes: { ...update.attributes, ...more } } : update;

/** Link bandwidth of AS 65000, behind a community of another kind. */
function encodeBandwidth(bytesPerSecond: number): Uint8Array {
  const encoded = Uint8Array.of(0, 2, 0xfd, 0xe8, 0, 0, 0, 1, 0x40, 4, 0xfd, 0xe8, 0, 0, 0, 0);
  new DataView(encoded.buffer).setFloat32(12, bytesPerSecond);
  return encoded;
}

describe("the RIB", () => {
  it("looks at many next hops again once for many updates, and decides as if it had looked after each", () => {
    const [oneByOne, together] = [startRib(), startRib()];
    const finish = (rib: Rib): number => {
      let steps = 0;
      for (; rib.isBehind(); steps++) rib.goOn();
      return steps;
    };
    const over = (nextHop: string): RouteUpdate =>
      withAttributes(announce([`198.51.${nextHop.split(".")[2]}.${nextHop.split(".")[3]}/32`], { peer: external(1) }), {
        nextHop: address(nextHop),
      });
    const learned = [announce(["10.9.0.0/16"], { peer: external(1) })];
    for (let n = 0; n < 600; n++) learned.push(over(`10.9.${n >> 8}.${n & 255}`));
    for (const rib of [oneByOne, together])
      for (const update of learned) {
        rib.applyUpdate(update);
        finish(rib);
      }
    const flaps = Array.from({ length: 50 }, (_, n) => announce(["10.9.0.0/24"], { peer: external(2 + (n & 1)) }));
    let looks = 0;
    for (const flap of flaps) {
      oneByOne.applyUpdate(flap);
      looks += finish(oneByOne);
      together.applyUpdate(flap);
    }
    expect(looks).toBeGreaterThan(10);
    expect(finish(together)).toBeLessThanOrEqual(4);
    expect(together.routes()).toEqual(oneByOne.routes());
    expect(together.route(prefix("198.51.0.7/32"))?.nextHops.length).toBeGreaterThan(0);
  });

  it("gathers the next hops of equal paths, in member order, one change an update", () => {
    const rib = startRib();
    expect(written(rib.applyUpdate(announce([SERVICE], { peer: external(3) })))).toEqual([`${SERVICE} -> 10.0.0.3`]);
    expect(written(rib.applyUpdate(announce([SERVICE], { peer: external(1) })))).toEqual([`${SERVICE} -> 10.0.0.1 10.0.0.3`]);
    expect(written(rib.applyUpdate(announce([SERVICE], { peer: external(2) })))).toEqual([
      `${SERVICE} -> 10.0.0.1 10.0.0.2 10.0.0.3`,
    ]);
    expect(written(rib.applyUpdate(withdraw(external(1), SERVICE)))).toEqual([`${SERVICE} -> 10.0.0.2 10.0.0.3`]);
    expect(written(rib.applyUpdate(lose(external(3))))).toEqual([`${SERVICE} -> 10.0.0.2`]);
    expect(written(rib.applyUpdate(lose(external(2))))).toEqual([`${SERVICE} ->`]);
    expect(rib.routes(prefix(SERVICE))).toEqual([]);
  });

  it("does the same with IPv6", () => {
    const rib = startRib();
    const service = "2001:db8:ffff::10/128";
    const path = (nextHop: string, n: number): PathSketch => ({ peer: external(n), nextHop: address(nextHop) });
    rib.applyUpdate(announce([service], path("2001:db8:1::b", 1)));
    expect(written(rib.applyUpdate(announce([service], path("2001:db8:1::a", 2))))).toEqual([
      `${service} -> 2001:db8:1::a 2001:db8:1::b`,
    ]);
  });

  it("keeps stale routes in use, says that they are, and takes away those that are not said again", () => {
    const rib = startRib();
    const [before, after] = [1, 2].map((epoch) => ({ ...external(1), epoch }));
    const others = ["198.51.100.11/32", "2001:db8:10::1/128"];
    rib.applyUpdate(announce([SERVICE, others[0]], { peer: before }));
    rib.applyUpdate(announce([others[1]], { peer: before, nextHop: address("2001:db8:1::1") }));
    expect(rib.applyUpdate({ kind: "stale", peer: after, family: "ipv4" }).routes).toEqual([]);
    const stale = () => rib.routes().flatMap(({ prefix, paths }) => (paths[0]?.stale ? [formatPrefix(prefix)] : []));
    expect(stale()).toEqual([SERVICE, others[0]]);
    expect(written(rib.applyUpdate(announce([SERVICE], { peer: after })))).toEqual([]);
    expect(stale()).toEqual([others[0]]);
    const sweep: RouteUpdate = { kind: "lost", peer: after, family: "ipv4", staleOnly: true, reason: "End-of-RIB" };
    expect(written(rib.applyUpdate(sweep))).toEqual([`${others[0]} ->`]);
    expect(written(rib.applyUpdate(sweep))).toEqual([]);
    expect(written(rib.applyUpdate(lose(after))).sort()).toEqual([`${SERVICE} ->`, `${others[1]} ->`]);
  });

  it("takes several paths to a prefix from one peer, and back one by one", () => {
    const rib = startRib();
    const peer = external(1);
    const say = (pathId: number, nextHop: string): RouteUpdate => ({
      ...(announce([SERVICE], { peer, nextHop: address(nextHop) }) as Extract<RouteUpdate, { kind: "update" }>),
      announced: [{ ...prefix(SERVICE), pathId }],
    });
    const takeBack = (pathId: number): RouteUpdate => ({
      kind: "update",
      peer,
      withdrawn: [{ ...prefix(SERVICE), pathId }],
      announced: [],
    });
    rib.applyUpdate(say(1, "10.0.0.1"));
    expect(written(rib.applyUpdate(say(2, "10.0.0.2")))).toEqual([`${SERVICE} -> 10.0.0.1 10.0.0.2`]);
    expect(rib.routes(prefix(SERVICE))[0].paths.map(({ pathId }) => pathId)).toEqual([1, 2]);
    expect(rib.routes(prefix(SERVICE))[0].prefix).toEqual(prefix(SERVICE));
    expect(written(rib.applyUpdate(takeBack(1)))).toEqual([`${SERVICE} -> 10.0.0.2`]);
    expect(written(rib.applyUpdate(takeBack(1)))).toEqual([]);
    expect(written(rib.applyUpdate(takeBack(2)))).toEqual([`${SERVICE} ->`]);
  });

  it("says nothing when the next hops stay as they are", () => {
    const rib = startRib();
    rib.applyUpdate(announce([SERVICE], { peer: external(1) }));
    expect(rib.applyUpdate(announce([SERVICE], { peer: external(1), med: 30 })).routes).toEqual([]);
    expect(rib.applyUpdate(announce([SERVICE], { peer: external(2), asns: [65002, 7] })).routes).toEqual([]);
    expect(rib.applyUpdate(announce([SERVICE], { peer: external(3), nextHop: address("10.0.0.1") })).routes).toEqual([]);
    expect(rib.applyUpdate(withdraw(external(4), SERVICE)).routes).toEqual([]);
    expect(rib.applyUpdate(lose(external(5))).routes).toEqual([]);
  });

  it("takes a prefix that is withdrawn and announced in one update as announced", () => {
    const rib = startRib();
    rib.applyUpdate(announce([SERVICE], { peer: external(1) }));
    const update = announce([SERVICE], { peer: external(1), nextHop: address("10.0.0.9") });
    expect(written(rib.applyUpdate({ ...update, withdrawn: [prefix(SERVICE)] } as RouteUpdate))).toEqual([
      `${SERVICE} -> 10.0.0.9`,
    ]);
  });

  it("keeps a path whose next hop is unreachable, and uses it once it is reachable", () => {
    const rib = startRib();
    const far = { peer: external(1), nextHop: address("10.7.0.1") };
    expect(rib.applyUpdate(announce([SERVICE], far)).routes).toEqual([]);
    expect(rib.routes(prefix(SERVICE))).toMatchObject([
      {
        protocol: undefined,
        nextHops: [],
        paths: [{ status: "ineligible", reason: "no route to next hop (a default does not count)" }],
      },
    ]);
    expect(written(rib.configure({ ...CONFIGURATION, interfaces: interfaces("10.7.0.254/24") }))).toEqual([
      `${SERVICE} -> 10.7.0.1`,
    ]);
    expect(written(rib.configure(CONFIGURATION))).toEqual([`${SERVICE} ->`]);
  });

  it("sends what is behind a static route to that route's next hops", () => {
    const staticRoutes = [{ prefix: prefix("10.7.0.0/16"), nextHops: [{ address: address("10.0.0.9"), weight: 3 }] }];
    const rib = startRib({ staticRoutes });
    const far = { peer: external(1), nextHop: address("10.7.0.1") };
    expect(written(rib.applyUpdate(announce([SERVICE], far)))).toEqual([`${SERVICE} -> 10.0.0.9*3`]);
  });

  it("sends a static route to where its next hops lie, in the order they are written, and follows them", () => {
    const nextHops = [
      { address: address("10.7.0.1"), weight: 2 },
      { address: address("10.0.0.9"), weight: 1 },
      { address: address("10.0.0.254"), weight: 1 },
    ];
    const rib = startRib();
    const configured = rib.configure({ ...CONFIGURATION, staticRoutes: [{ prefix: prefix(SERVICE), nextHops }] });
    expect(written(configured)).toEqual([`${SERVICE} -> 10.0.0.9`]);
    expect(rib.routes(prefix(SERVICE))[0].far).toEqual([
      {
        address: address("10.7.0.1"),
        resolution: { eligible: false, reason: "no route to next hop (a default does not count)" },
      },
      { address: address("10.0.0.254"), resolution: { eligible: false, reason: "next hop is our own address" } },
    ]);
    expect(written(rib.applyUpdate(announce(["10.7.0.0/16"], { peer: external(2) })))).toEqual([
      "10.7.0.0/16 -> 10.0.0.2",
      `${SERVICE} -> 10.0.0.2*2 10.0.0.9`,
    ]);
    expect(rib.routes(prefix(SERVICE))[0]).toMatchObject({
      protocol: "static",
      far: [{ address: address("10.7.0.1"), resolution: { through: prefix("10.7.0.0/16") } }, {}],
    });
    expect(rib.onlyThrough(external(2).address)).toEqual(new Set());
    expect(written(rib.applyUpdate(announce(["10.7.0.0/24"], { peer: external(3), nextHop: address("10.0.0.9") })))).toEqual([
      "10.7.0.0/24 -> 10.0.0.9",
      `${SERVICE} -> 10.0.0.9*3`,
    ]);
    expect(written(rib.applyUpdate(lose(external(3))))).toEqual(["10.7.0.0/24 ->", `${SERVICE} -> 10.0.0.2*2 10.0.0.9`]);
    expect(written(rib.applyUpdate(lose(external(2))))).toEqual(["10.7.0.0/16 ->", `${SERVICE} -> 10.0.0.9`]);
  });

  it("has no static route whose next hops lie nowhere: BGP's is in force until they do", () => {
    const staticRoutes = [{ prefix: prefix(SERVICE), nextHops: [{ address: address("10.7.0.1"), weight: 1 }] }];
    const rib = startRib({ staticRoutes });
    expect(rib.route(prefix(SERVICE))).toBeUndefined();
    expect(rib.routes()).toMatchObject([
      { prefix: prefix("10.0.0.0/24") },
      { prefix: prefix(SERVICE), protocol: undefined, far: [{ address: address("10.7.0.1") }] },
      { prefix: prefix("2001:db8:1::/64") },
    ]);
    expect(written(rib.applyUpdate(announce([SERVICE], { peer: external(1) })))).toEqual([`${SERVICE} -> 10.0.0.1`]);
    expect(written(rib.applyUpdate(announce(["10.7.0.0/16"], { peer: external(2) })))).toEqual([
      "10.7.0.0/16 -> 10.0.0.2",
      `${SERVICE} -> 10.0.0.2`,
    ]);
    expect(rib.routes(prefix(SERVICE))[0]).toMatchObject({ protocol: "static", distance: 1, paths: [{ status: "best" }] });
    expect(written(rib.applyUpdate(lose(external(1))))).toEqual([]);
    expect(written(rib.applyUpdate(lose(external(2))))).toEqual(["10.7.0.0/16 ->", `${SERVICE} ->`]);
  });

  it("leads over no static route behind one that throws away, of a neighbor's wish or of ours", () => {
    const staticRoutes = [
      { prefix: prefix(SERVICE), nextHops: [{ address: address("10.7.0.1"), weight: 1 }] },
      { prefix: prefix("10.7.0.0/16"), nextHops: [{ address: address("10.0.0.9"), weight: 1 }] },
    ];
    const rib = startRib({ staticRoutes, importPolicy: () => ({ ...ACCEPT_ALL, allowBlackhole: true }) });
    expect(rib.route(prefix(SERVICE))?.nextHops).toEqual([{ address: address("10.0.0.9"), weight: 1 }]);
    const wish = withAttributes(announce(["10.7.0.1/32"], { peer: external(1) }), { communities: [COMMUNITY.blackhole] });
    expect(written(rib.applyUpdate(wish))).toEqual(["10.7.0.1/32 ->", `${SERVICE} ->`]);
    expect(written(rib.applyUpdate(lose(external(1))))).toEqual(["10.7.0.1/32 ->", `${SERVICE} -> 10.0.0.9`]);
    const thrown = { prefix: prefix("10.7.0.0/24"), nextHops: [], action: "unreachable" as const };
    expect(written(rib.configure({ ...CONFIGURATION, staticRoutes: [...staticRoutes, thrown] }))).toContain(`${SERVICE} ->`);
  });

  it("prefers connected to static to BGP, and goes back when they go", () => {
    const rib = startRib();
    const net = "10.5.0.0/24";
    rib.applyUpdate(announce([net], { peer: external(1) }));
    const staticRoutes = [
      { prefix: prefix(net), nextHops: [2, 1].map((n) => ({ address: address(`10.0.0.10${n}`), weight: n })) },
    ];
    expect(rib.configure({ ...CONFIGURATION, staticRoutes }).routes).toEqual([
      {
        prefixes: [prefix(net)],
        protocol: "static",
        nextHops: [
          { address: address("10.0.0.102"), weight: 2 },
          { address: address("10.0.0.101"), weight: 1 },
        ],
      },
    ]);
    expect(rib.routes(prefix(net))).toMatchObject([{ protocol: "static", distance: 1, paths: [{ status: "best" }] }]);
    const connected = [...CONFIGURATION.interfaces, ...interfaces("10.5.0.1/24")];
    expect(written(rib.configure({ ...CONFIGURATION, staticRoutes, interfaces: connected }))).toEqual([`${net} ->`]);
    expect(rib.routes(prefix(net))).toMatchObject([{ protocol: "connected", distance: 0 }]);
    expect(rib.applyUpdate(announce([net], { peer: external(2) })).routes).toEqual([]);
    expect(written(rib.configure(CONFIGURATION))).toEqual([`${net} -> 10.0.0.1 10.0.0.2`]);
  });

  it("shows every path with its status, and the rule or the reason that decided against it", () => {
    const rib = startRib({ maximumPaths: 2 });
    const peers = [1, 2, 3].map((n) => external(n));
    for (const peer of peers) rib.applyUpdate(announce([SERVICE], { peer }));
    rib.applyUpdate(announce([SERVICE], { peer: internal(4) }));
    rib.applyUpdate(announce([SERVICE], { peer: external(5), asns: [65005, LOCAL_ASN] }));
    rib.applyUpdate(announce([SERVICE], { peer: external(6), nextHop: address("10.0.0.254") }));
    rib.applyUpdate(announce([SERVICE], { peer: external(7), asns: [65007, 7] }));
    const [route] = rib.routes(prefix(SERVICE));
    expect(route).toMatchObject({ protocol: "bgp", distance: 200 });
    expect(route.paths.map((path) => [path.peer.routerId, path.status, "reason" in path ? path.reason : ""])).toEqual([
      [4, "best", ""],
      [1, "lost", "shortest AS path"],
      [2, "lost", "shortest AS path"],
      [3, "lost", "shortest AS path"],
      [7, "lost", "shortest AS path"],
      [6, "ineligible", "next hop is our own address"],
      [5, "refused", "AS loop"],
    ]);
    rib.applyUpdate(lose(internal(4)));
    expect(rib.routes(prefix(SERVICE))[0]).toMatchObject({
      distance: 20,
      nextHops: [{ address: address("10.0.0.1") }, { address: address("10.0.0.2") }],
      paths: [
        { status: "best", peer: peers[0] },
        { status: "multipath", peer: peers[1] },
        { status: "lost", reason: "maximum paths", peer: peers[2] },
        { status: "lost", reason: "shortest AS path" },
        { status: "ineligible" },
        { status: "refused" },
      ],
    });
  });

  it("lists all routes by prefix, IPv4 first", () => {
    const rib = startRib({ interfaces: interfaces("10.0.0.254/24") });
    rib.applyUpdate(announce(["198.51.100.0/24", "2001:db8::/32", "10.0.0.0/8"], { peer: external(1) }));
    expect(rib.routes().map(({ prefix }) => formatPrefix(prefix))).toEqual([
      "10.0.0.0/8",
      "10.0.0.0/24",
      "198.51.100.0/24",
      "2001:db8::/32",
    ]);
  });

  it("keeps the attributes of an update once, whatever the number of its prefixes", () => {
    const rib = startRib({ interfaces: interfaces("10.0.0.254/24") });
    const update = announce(["198.51.100.0/24", "203.0.113.0/24"], { peer: external(1) });
    rib.applyUpdate(update);
    const paths = rib.routes().flatMap(({ paths }) => paths);
    expect(paths).toHaveLength(2);
    for (const { attributes } of paths) expect(attributes).toBe(update.kind === "update" && update.attributes);
  });

  it("keeps what is refused, counts it by reason, and takes it when the policy allows it", () => {
    const importPolicy = ({ address }: RoutePeer) => ({
      ...ACCEPT_ALL,
      ...(address === external(1).address && { accept: [] }),
    });
    const rib = startRib({ importPolicy });
    expect(written(rib.applyUpdate(announce([SERVICE, "127.0.0.0/8"], { peer: external(1) })))).toEqual([]);
    rib.applyUpdate(announce(["10.20.0.0/16"], { peer: external(1), asns: [65001, LOCAL_ASN] }));
    expect(rib.peerPaths(external(1).address)).toEqual({
      received: 3,
      refused: { "not accepted": 1, "martian prefix": 1, "AS loop": 1 },
    });
    expect(rib.received(external(1).address, "ipv4")).toBe(3);
    expect(rib.routes(prefix(SERVICE))).toMatchObject([
      { protocol: undefined, paths: [{ status: "refused", reason: "not accepted" }] },
    ]);
    expect(written(rib.configure(CONFIGURATION))).toEqual([`${SERVICE} -> 10.0.0.1`]);
    expect(written(rib.configure({ ...CONFIGURATION, importPolicy }))).toEqual([`${SERVICE} ->`]);
    rib.applyUpdate(withdraw(external(1), SERVICE, "127.0.0.0/8", "10.20.0.0/16"));
    expect(rib.peerPaths(external(1).address)).toEqual({ received: 0, refused: {} });
  });

  it("sends what lies behind a BGP route there, and follows that route", () => {
    const rib = startRib();
    expect(rib.applyUpdate(announce([SERVICE], { peer: external(1), nextHop: address("10.7.0.1") })).routes).toEqual([]);
    expect(written(rib.applyUpdate(announce(["10.7.0.0/16"], { peer: external(2) })))).toEqual([
      "10.7.0.0/16 -> 10.0.0.2",
      `${SERVICE} -> 10.0.0.2`,
    ]);
    expect(written(rib.applyUpdate(announce(["10.7.0.0/16"], { peer: external(3) })))).toEqual([
      "10.7.0.0/16 -> 10.0.0.2 10.0.0.3",
      `${SERVICE} -> 10.0.0.2 10.0.0.3`,
    ]);
    // A route to the next hop that lies behind the next hop itself does not hold it.
    rib.applyUpdate(announce(["10.7.0.0/24"], { peer: external(4), nextHop: address("10.7.0.1") }));
    expect(rib.route(prefix(SERVICE))?.nextHops.map((one) => formatAddress(one.address))).toEqual(["10.0.0.2", "10.0.0.3"]);
    expect(written(rib.applyUpdate(lose(external(2))))).toEqual(
      expect.arrayContaining(["10.7.0.0/16 -> 10.0.0.3", `${SERVICE} -> 10.0.0.3`]),
    );
    expect(written(rib.applyUpdate(lose(external(3))))).toEqual(expect.arrayContaining(["10.7.0.0/16 ->", `${SERVICE} ->`]));
    expect(rib.routes(prefix(SERVICE))).toMatchObject([
      { paths: [{ status: "ineligible", reason: "no route to next hop (a default does not count)" }] },
    ]);
  });

  it("prefers whoever stays to whoever says GSHUT (RFC 8326)", () => {
    const rib = startRib();
    rib.applyUpdate(announce([SERVICE], { peer: external(1), asns: [65001, 7, 8] }));
    rib.applyUpdate(withAttributes(announce([SERVICE], { peer: external(2) }), { communities: [COMMUNITY.gracefulShutdown] }));
    expect(rib.routes(prefix(SERVICE))[0].paths).toMatchObject([
      { status: "best", peer: external(1) },
      { status: "lost", reason: "highest local preference", peer: external(2) },
    ]);
    expect(written(rib.applyUpdate(lose(external(1))))).toEqual([`${SERVICE} -> 10.0.0.2`]);
  });

  it("throws traffic away for a neighbor that may ask for it (RFC 7999), whatever its next hop", () => {
    const blackhole = withAttributes(announce([SERVICE], { peer: external(1), nextHop: address("192.0.2.1") }), {
      communities: [COMMUNITY.blackhole],
    });
    expect(startRib().applyUpdate(blackhole).routes).toEqual([]);
    const rib = startRib({ importPolicy: () => ({ ...ACCEPT_ALL, allowBlackhole: true }) });
    expect(rib.applyUpdate(blackhole).routes).toEqual([
      { prefixes: [prefix(SERVICE)], protocol: "bgp", nextHops: [], action: "blackhole" },
    ]);
    expect(rib.installed()).toEqual([{ prefixes: [prefix(SERVICE)], protocol: "bgp", nextHops: [], action: "blackhole" }]);
    expect(rib.applyUpdate(withdraw(external(1), SERVICE)).routes).toEqual([
      { prefixes: [prefix(SERVICE)], protocol: "bgp", nextHops: [] },
    ]);
  });

  it("has a number of paths of its own where the best is internal", () => {
    const rib = startRib({ maximumPathsIbgp: 2 });
    for (const n of [1, 2, 3]) rib.applyUpdate(announce([SERVICE], { peer: internal(n) }));
    expect(rib.route(prefix(SERVICE))?.nextHops).toHaveLength(2);
    rib.applyUpdate(lose(internal(1)));
    for (const n of [4, 5, 6]) rib.applyUpdate(announce([SERVICE], { peer: external(n), asns: [] }));
    expect(rib.route(prefix(SERVICE))?.nextHops).toHaveLength(3);
  });

  it.each([
    ["all-or-none", [3000, 1000, 2000], "10.0.0.1*50 10.0.0.2*16 10.0.0.3*33"],
    ["all-or-none", [2000, 2000, 2000], "10.0.0.1 10.0.0.2 10.0.0.3"],
    ["all-or-none", [3000, 1000, undefined], "10.0.0.1 10.0.0.2 10.0.0.3"],
    ["ignore", [3000, 1000, 1000], "10.0.0.1 10.0.0.2 10.0.0.3"],
    ["skip-missing", [3000, 1000, undefined], "10.0.0.1*3 10.0.0.2"],
    ["default-weight-for-missing", [3000, 1000, undefined], "10.0.0.1*75 10.0.0.2*25 10.0.0.3"],
    ["default-weight-for-missing", [undefined, undefined, undefined], "10.0.0.1 10.0.0.2 10.0.0.3"],
    ["all-or-none", [1e9, 1, 1e9], "10.0.0.1*49 10.0.0.2 10.0.0.3*49"],
  ] as const)("shares by link bandwidth, %s: %j", (linkBandwidth, bandwidths, wanted) => {
    const rib = startRib({ linkBandwidth });
    let change: RibChange | undefined;
    for (const [i, bandwidth] of bandwidths.entries()) {
      const update = announce([SERVICE], { peer: external(i + 1) });
      change = rib.applyUpdate(
        bandwidth === undefined ? update : withAttributes(update, { extendedCommunities: encodeBandwidth(bandwidth) }),
      );
    }
    const weights = rib.route(prefix(SERVICE))?.nextHops ?? [];
    expect(change).toBeDefined();
    expect(weights.map((one) => formatAddress(one.address) + (one.weight === 1 ? "" : `*${one.weight}`)).join(" ")).toBe(wanted);
  });

  it("has weights of 256 at most where shares by link bandwidth meet those of a static route, and nobody's becomes nothing", () => {
    const behind = [
      { address: address("10.0.0.9"), weight: 256 },
      { address: address("10.0.0.10"), weight: 1 },
    ];
    const rib = startRib({ staticRoutes: [{ prefix: prefix("10.7.0.0/16"), nextHops: behind }] });
    const say = (n: number, bandwidth: number, nextHop: string) =>
      rib.applyUpdate(
        withAttributes(announce([SERVICE], { peer: external(n), nextHop: address(nextHop) }), {
          extendedCommunities: encodeBandwidth(bandwidth),
        }),
      );
    say(1, 3000, "10.7.0.1");
    say(2, 1000, "10.0.0.2");
    expect(rib.route(prefix(SERVICE))?.nextHops).toEqual([
      { address: address("10.0.0.2"), weight: 1 },
      { address: address("10.0.0.9"), weight: 256 },
      { address: address("10.0.0.10"), weight: 1 },
    ]);
  });

  it("forgets 100,000 routes of a lost peer in steps, none of more than 4096, and counts them at once", () => {
    const rib = startRib();
    const loseAll = (peer: RoutePeer): number => {
      let prefixes = 0;
      for (let change = rib.applyUpdate(lose(peer)); ; change = rib.goOn()) {
        expect(rib.received(peer.address, "ipv4")).toBe(0);
        const ofStep = change.routes.reduce((sum, route) => sum + route.prefixes.length, 0);
        expect(ofStep).toBeLessThanOrEqual(4096);
        prefixes += ofStep;
        if (!rib.isBehind()) return prefixes;
      }
    };
    const announced = Array.from({ length: 100_000 }, (_, i) => hostPrefix(0x30000000 + i));
    for (const n of [1, 2]) {
      const peer = external(n);
      rib.applyUpdate({ kind: "update", peer, withdrawn: [], announced, attributes: sketchAttributes({ peer }) });
    }
    expect(loseAll(external(2))).toBe(100_000);
    expect(loseAll(external(1))).toBe(100_000);
    expect(rib.routes().filter(({ protocol }) => protocol !== "connected")).toEqual([]);
  });
});

describe("the RIB, under random updates", () => {
  const prefixes = ["10.20.0.0/16", "10.20.30.0/24", "198.51.100.10/32", "2001:db8:5::/48"].map(prefix);
  const peers = [external(1), external(2, { asn: 65001 }), external(3), internal(4), internal(5)];
  const peer = fc.record({ peer: fc.constantFrom(...peers), epoch: fc.nat(2) }).map(({ peer, epoch }) => ({ ...peer, epoch }));
  const nextHops = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.7.7.7", "10.0.0.254"].map(address);
  const few = fc.integer({ min: 0, max: 1 });
  const segment: fc.Arbitrary<AsPathSegment> = fc.record({
    type: fc.constantFrom(SEGMENT.set, SEGMENT.sequence),
    asns: fc.array(fc.constantFrom(65001, 65003, 7, LOCAL_ASN), { minLength: 1, maxLength: 2 }),
  });
  const attributes: fc.Arbitrary<PathAttributes> = fc.record(
    {
      origin: fc.constantFrom(0, 1, 2),
      asPath: fc.array(segment, { maxLength: 2 }),
      nextHop: fc.constantFrom(...nextHops),
      multiExitDiscriminator: few,
      localPreference: fc.constantFrom(100, 101),
      originatorId: fc.constantFrom(1, 9),
      clusterList: fc.array(few, { maxLength: 2 }),
    },
    { requiredKeys: ["origin", "asPath", "nextHop"] },
  );
  const update: fc.Arbitrary<RouteUpdate> = fc.oneof(
    {
      weight: 1,
      arbitrary: fc.record(
        {
          kind: fc.constant("lost" as const),
          peer,
          reason: fc.constant(""),
          family: fc.constantFrom("ipv4" as const, "ipv6" as const),
          staleOnly: fc.constant(true as const),
        },
        { requiredKeys: ["kind", "peer", "reason"] },
      ),
    },
    {
      weight: 8,
      arbitrary: fc.record({
        kind: fc.constant("update" as const),
        peer,
        withdrawn: fc.subarray(prefixes, { maxLength: 2 }),
        announced: fc.subarray(prefixes),
        attributes,
      }),
    },
  );
  const options = fc.record({ maximumPaths: fc.integer({ min: 1, max: 4 }), multipathRelax: fc.boolean() });

  it("tells the FIB what the slow twin believes, no more and no less", () => {
    const [subnet] = interfaces("10.0.0.254/24");
    fc.assert(
      fc.property(options, fc.array(update, { minLength: 1, maxLength: 25 }), (options, history) => {
        const rib = startRib({ ...options, interfaces: [subnet] });
        const told = new Map<string, Address[]>();
        const reachable = (nextHop: Address): boolean =>
          nextHop !== subnet.address && prefixContains(prefix("10.0.0.0/24"), nextHop);
        for (const [i, update] of history.entries()) {
          for (const change of rib.applyUpdate(update).routes) {
            const nextHops = change.nextHops.map(({ address }) => address);
            for (const text of change.prefixes.map(formatPrefix)) {
              expect(nextHops).not.toEqual(told.get(text) ?? []);
              told.set(text, nextHops);
            }
          }
          const slow = { localAsn: LOCAL_ASN, ...options, reachable, history: history.slice(0, i + 1) };
          for (const prefix of prefixes) expect(told.get(formatPrefix(prefix)) ?? []).toEqual(slowNextHops(slow, prefix));
        }
      }),
      { numRuns: 300 },
    );
  });
});
