/**
 * What goes beyond RFC 4271, with the speakers that people run: roles and route leaks (RFC 9234), several paths to a prefix (RFC
 * 7911), shares by link bandwidth, neighbors by prefix. Each daemon is of an AS of its own, all are neighbors of one speaker of
 * ours, which has a RIB and announces from it: so they start at once, and their tests are one file of more than 300 lines.
 *
 *        FRR (provider)      BIRD "peer"
 *               \             /
 *                AS 65000 ----                  GoBGP, BIRD "two" and FRR "transit": two paths
 *               /      |      \
 *   BIRD "customer"  BIRD     BIRD "confused"   three BIRDs in a range that takes two
 *                  "leaker"
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PathAttributes } from "#src/bgp/path.ts";
import { formatAddress } from "#src/net/address.ts";
import { formatPrefix, type Prefix, parsePrefix } from "#src/net/prefix.ts";
import { type PrefixRule, parsePrefixRule } from "#src/net/prefix-rule.ts";
import { createAdjOut } from "#src/rib/adj-out.ts";
import { ACCEPT_EVERYTHING } from "#src/rib/policy.ts";
import { createRib } from "#src/rib/table.ts";
import type { NeighborOptions } from "#src/speaker/neighbor.ts";
import { inNamespace, run } from "../common/namespace.ts";
import { ribConfiguration } from "../rib/sketch.ts";
import { Daemon, missingProgram } from "./daemon.ts";
import { birdConfiguration, frrConfiguration, gobgpConfiguration, gobgpFamilies } from "./daemon-configuration.ts";
import { type DaemonKind, type DaemonPeer, daemonNamed } from "./daemons.ts";
import { address, eventually, Recorder, recordedSpeaker } from "./recorder.ts";

const OURS = "10.9.0.1";
const ASN = 65000;
const OWN = "198.51.100.0/24";
const [OF_PROVIDER, OF_CUSTOMER, OF_PEER, LEAKED, SHARED, TWICE, BEHIND, INSIDE, LEAVING] = [
  10, 20, 30, 40, 50, 60, 70, 80, 90,
].map((n) => `203.0.113.${n}/32`);
const DEADLINE_MS = 60_000;

const prefix = (text: string): Prefix => parsePrefix(text) as Prefix;
interface Part {
  readonly name: string;
  readonly kind: DaemonKind;
  readonly asn: number;
  /** What our speaker is to it, and takes from it. */
  readonly neighbor?: Partial<NeighborOptions>;
  /** Whom it talks to, if not to ours alone. */
  readonly peers?: readonly DaemonPeer[];
}

const OUR_PEER: DaemonPeer = { address: OURS, asn: ASN };
/** A BIRD that has no session with us: FRR "transit" passes on both of its paths. */
const ORIGIN: DaemonPeer = { address: "10.9.2.1", asn: 65010 };

/** A BIRD with these static routes, and words of its own in its session and its export filter. */
const bird = (routes: readonly string[], session = "", filter = "", channel = ""): DaemonKind => ({
  ...daemonNamed("BIRD"),
  configuration: (plan) =>
    birdConfiguration(plan, {
      routes,
      session: `multihop 2; ${session}`,
      channels: `ipv4 { import all; export filter { if source != RTS_STATIC then reject; ${filter} accept; }; next hop self; ${channel} };`,
    }),
});

const PARTS: readonly Part[] = [
  {
    name: "provider",
    asn: 65001,
    neighbor: { role: "customer" },
    kind: {
      ...daemonNamed("FRR"),
      configuration: (plan) =>
        frrConfiguration(plan, {
          global: ["bgp long-lived-graceful-restart stale-time 3600"],
          neighbor: ["ebgp-multihop 2", "local-role provider strict-mode"],
          ipv4: [`network ${OF_PROVIDER}`, `network ${SHARED} route-map bandwidth`],
          rest: "route-map bandwidth permit 10\n set extcommunity bandwidth 800",
        }),
    },
  },
  {
    name: "customer",
    asn: 65002,
    neighbor: { role: "provider" },
    // 300 MB/s as a float in an extended community, a transitive one as FRR has it (draft-ietf-idr-link-bandwidth).
    kind: bird(
      [OF_CUSTOMER, SHARED, INSIDE, LEAVING],
      "local role customer;",
      `if net = ${SHARED} then bgp_ext_community.add((generic, 0x0004fdea, 0x4d8f0d18));
      if net = ${INSIDE} then bgp_community.add((65535, 65281));
      if net = ${LEAVING} then bgp_community.add((65535, 0));`,
    ),
  },
  { name: "peer", asn: 65003, neighbor: { role: "peer", holdTimeSeconds: 0 }, kind: bird([OF_PEER], "local role peer;") },
  { name: "leaker", asn: 65004, neighbor: { role: "provider" }, kind: bird([LEAKED], "", "bgp_otc = 65077;") },
  { name: "confused", asn: 65005, neighbor: { role: "provider" }, kind: bird([], "local role provider;") },
  {
    name: "two",
    asn: 65006,
    neighbor: { addPath: "receive" },
    kind: bird([TWICE, TWICE, LEAVING], "", 'if proto = "service0" then bgp_med = 5;', "add paths tx;"),
  },
  {
    name: "GoBGP",
    asn: 65007,
    neighbor: { addPath: "receive" },
    kind: {
      ...daemonNamed("GoBGP"),
      configuration: (plan) =>
        gobgpConfiguration(plan, {
          neighbor: gobgpFamilies(["ipv4-unicast"], "[neighbors.afi-safis.add-paths.config]\nsend-max = 8"),
          rest: `
[global.apply-policy.config]
  import-policy-list = ["bandwidth"]
  default-import-policy = "accept-route"
[[policy-definitions]]
  name = "bandwidth"
  [[policy-definitions.statements]]
    [policy-definitions.statements.actions.bgp-actions.set-ext-community]
      options = "add"
      [policy-definitions.statements.actions.bgp-actions.set-ext-community.set-ext-community-method]
        communities-list = ["lb:${plan.asn}:200000000"]`,
        }),
      announce: (plan) => [
        ...["sh", "-ec"],
        [`${TWICE} identifier 10 med 10`, `${TWICE} identifier 11 med 11`, `${SHARED} origin igp`]
          .map((route) => `gobgp -u ${plan.address} global rib add ${route}`)
          .join("\n"),
      ],
    },
  },
  {
    name: "transit",
    asn: 65009,
    neighbor: { addPath: "receive" },
    peers: [OUR_PEER, ORIGIN],
    kind: {
      ...daemonNamed("FRR"),
      configuration: (plan) => frrConfiguration(plan, { ipv4: [`neighbor ${OURS} addpath-tx-all-paths`] }),
    },
  },
];

/** Who may come from here. BIRD has one session with an address, and so each member is a BIRD. */
const RANGE = "10.9.3.0/29";
const MEMBERS = [1, 2, 3].map((n) => `10.9.3.${n}`);
await inNamespace(import.meta.url, () => {
  const missing = PARTS.map(({ kind }) => kind)
    .map(missingProgram)
    .find((program) => program !== undefined);
  if (missing) return void test.skip(`roles, paths and shares: ${missing} is not installed`);

  const cleanUps: (() => unknown)[] = [];
  afterAll(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  });
  run("ip link set lo up");
  run(`ip address add ${OURS}/32 dev lo`);

  const rib = createRib();
  rib.configure(
    ribConfiguration({
      ...{ multipathRelax: true, interfaces: [], everyNextHopReachable: true },
      importPolicy: () => ({ ...ACCEPT_EVERYTHING, ownAsns: [ASN] }),
    }),
  );
  const announced = [parsePrefixRule("0.0.0.0/0 le 32") as PrefixRule];
  const adjOut = createAdjOut({
    rib,
    networks: () => [prefix(OWN)],
    policy: () => ({ announce: announced, nextHopSelf: false, prepend: [ASN] }),
  });
  const told = new Recorder();
  const { speaker } = recordedSpeaker({
    asn: ASN,
    routerId: address(OURS),
    listen: { address: address(OURS), port: 179 },
    onUpdate: (update) => {
      const { touched } = rib.applyUpdate(update);
      for (const [neighbor, news] of adjOut.look(touched)) speaker.announce(neighbor, news);
      told.onUpdate(update);
    },
    onEvent: (event) => {
      if (event.kind === "session-down") adjOut.close(event.neighbor);
      told.onEvent(event);
    },
    onUp: ({ address: at, type, role, localAddress }) =>
      adjOut.open({ address: at, type, role, nextHops: { ipv4: localAddress } }),
  });

  const addressOf = (name: string): string => `10.9.1.${PARTS.findIndex((part) => part.name === name) + 1}`;
  const folders = new Map<string, string>();
  function launch(name: string, kind: DaemonKind, own: string, asn: number, peers: readonly DaemonPeer[] = [OUR_PEER]): Daemon {
    const folder = mkdtempSync(join(tmpdir(), "ecmp-features-"));
    cleanUps.push(() => rmSync(folder, { recursive: true, force: true }));
    folders.set(name, folder);
    const daemon = new Daemon(kind, { address: own, asn, peers, prefix: OF_PROVIDER, folder });
    cleanUps.push(() => daemon.end());
    return daemon;
  }

  beforeAll(async () => {
    cleanUps.push(() => speaker.stop());
    await speaker.start();
    speaker.addRange({ prefix: prefix(RANGE), remoteAsn: 65008, limit: 2 });
    for (const own of [...PARTS.map(({ name }) => addressOf(name)), ...MEMBERS, ORIGIN.address])
      run(`ip address add ${own}/32 dev lo`);
    const daemons = PARTS.map(({ name, kind, asn, neighbor, peers }) => {
      const at = { address: address(addressOf(name)), localAddress: address(OURS) };
      speaker.addNeighbor({ ...at, remoteAsn: asn, passive: true, ...neighbor });
      return launch(name, kind, addressOf(name), asn, peers);
    });
    const behind = bird([BEHIND, BEHIND], "", 'if proto = "service0" then bgp_community.add((0, 5));', "add paths tx;");
    daemons.push(launch("origin", behind, ORIGIN.address, ORIGIN.asn, [{ address: addressOf("transit"), asn: 65009 }]));
    daemons.push(...MEMBERS.map((own) => launch(own, bird([]), own, 65008)));
    await Promise.all(daemons.map((daemon) => Promise.race([daemon.failed, daemon.announce()])));
  }, DEADLINE_MS);

  /** BIRD's client fails, with its answer on stdout, where there is no such network. */
  const ask = (name: string, ...words: string[]): string =>
    spawnSync("birdc", ["-s", join(folders.get(name) ?? "", "control"), ...words], { encoding: "utf8" }).stdout;
  const birdHas = (name: string, text: string): string => ask(name, "show", "route", text, "all");
  const routeTo = (text: string) => rib.routes(prefix(text)).find((route) => formatPrefix(route.prefix) === text);
  const pathsTo = (text: string, from: string) =>
    (routeTo(text)?.paths ?? []).filter(({ peer }) => peer.address === address(addressOf(from)));
  const there = (text: string, from: string): Promise<void> =>
    eventually(`${text} of ${from}`, () => pathsTo(text, from).length > 0, DEADLINE_MS);
  const birdLearns = (name: string, text: string): Promise<void> =>
    eventually(`${name} learns ${text}`, () => birdHas(name, text).includes("BGP.as_path"), DEADLINE_MS);
  const frrHas = (text: string): string => {
    const command = ["--vty_socket", folders.get("provider") ?? "", "-c", `show bgp ipv4 unicast ${text} json`];
    return spawnSync("vtysh", command, { encoding: "utf8" }).stdout;
  };
  const frrLearns = (text: string): Promise<void> =>
    eventually(`FRR learns ${text}`, () => frrHas(text).includes('"aspath"'), DEADLINE_MS);

  describe.concurrent("roles (RFC 9234)", () => {
    test("what a provider says has its mark, and goes to customers only", { timeout: DEADLINE_MS }, async () => {
      await there(OF_PROVIDER, "provider");
      expect(pathsTo(OF_PROVIDER, "provider")[0].attributes.onlyToCustomer).toBe(65001);
      await birdLearns("customer", OF_PROVIDER);
      expect(birdHas("customer", OF_PROVIDER)).toContain("BGP.otc: 65001");
      await birdLearns("peer", OF_CUSTOMER);
      expect(birdHas("peer", OF_PROVIDER)).not.toContain("BGP.as_path");
    });

    test("what a peer says has its mark, and goes to customers only", { timeout: DEADLINE_MS }, async () => {
      await there(OF_PEER, "peer");
      expect(pathsTo(OF_PEER, "peer")[0].attributes.onlyToCustomer).toBe(65003);
      await birdLearns("customer", OF_PEER);
      expect(birdHas("customer", OF_PEER)).toContain("BGP.otc: 65003");
      await frrLearns(OF_CUSTOMER);
      expect(frrHas(OF_PEER)).not.toContain('"aspath"');
    });

    test("what is ours, or a customer's, goes everywhere: marked beside and below, unmarked up", {
      timeout: DEADLINE_MS,
    }, async () => {
      for (const text of [OWN, OF_CUSTOMER]) {
        await birdLearns("peer", text);
        expect(birdHas("peer", text)).toContain(`BGP.otc: ${ASN}`);
        await frrLearns(text);
        expect(frrHas(text)).not.toMatch(/"otc"/i);
      }
      await birdLearns("customer", OWN);
      expect(birdHas("customer", OWN)).toContain(`BGP.otc: ${ASN}`);
    });

    test("a leak is refused by name, counted, and goes nowhere", { timeout: DEADLINE_MS }, async () => {
      await there(LEAKED, "leaker");
      expect(pathsTo(LEAKED, "leaker")).toMatchObject([{ status: "refused", reason: "route leak" }]);
      expect(rib.peerPaths(address(addressOf("leaker"))).refused).toEqual({ "route leak": 1 });
      expect(routeTo(LEAKED)?.nextHops).toEqual([]);
      expect(
        PARTS.flatMap(({ name }) => adjOut.told(address(addressOf(name)))).map((one) => formatPrefix(one.prefix)),
      ).not.toContain(LEAKED);
    });

    test("two providers do not talk to each other", { timeout: DEADLINE_MS }, async () => {
      const isRefused = () =>
        told.events.some((event) => event.kind === "notification" && event.neighbor === address(addressOf("confused")));
      await told.until("a NOTIFICATION", isRefused, DEADLINE_MS);
      const [event] = told.events.filter(
        ({ kind, neighbor }) => kind === "notification" && neighbor === address(addressOf("confused")),
      );
      expect(event).toMatchObject({ notification: { code: 2, subcode: 11, name: "OPEN Message Error/Role Mismatch" } });
    });
  });

  describe.concurrent("several paths to a prefix (RFC 7911)", () => {
    /** A MED goes no farther than one AS. */
    const markOf = ({ multiExitDiscriminator, communities = [] }: PathAttributes) => multiExitDiscriminator ?? communities[0];
    const both = async (name: string, text = TWICE): Promise<void> => {
      await eventually("both", () => pathsTo(text, name).length === 2, DEADLINE_MS);
      const paths = pathsTo(text, name);
      expect(new Set(paths.map(({ pathId }) => pathId)).size).toBe(2);
      expect(new Set(paths.map(({ attributes }) => markOf(attributes))).size).toBe(2);
      expect(paths.filter(({ status }) => status === "refused" || status === "ineligible")).toEqual([]);
    };
    const oneLeft = async (name: string, text: string, of: string): Promise<void> => {
      ask(of, "disable", "service1");
      await eventually("one is left", () => pathsTo(text, name).length === 1, DEADLINE_MS);
      expect(markOf(pathsTo(text, name)[0].attributes)).toBe(5);
    };

    test("of GoBGP: both are held, each with its identifier", { timeout: DEADLINE_MS }, () => both("GoBGP"));

    test("of FRR, which passes on what it heard: both are held; when one is taken back, the other stays", {
      timeout: DEADLINE_MS,
    }, async () => {
      await both("transit", BEHIND);
      expect(new Set(pathsTo(BEHIND, "transit").map(({ attributes }) => attributes.asPath[0].asns.join(" ")))).toEqual(
        new Set(["65009 65010"]),
      );
      await oneLeft("transit", BEHIND, "origin");
    });

    test("of BIRD: both are held; when one is taken back, the other stays", { timeout: DEADLINE_MS }, async () => {
      await both("two");
      await oneLeft("two", TWICE, "two");
    });
  });

  describe.concurrent("communities that every router knows", () => {
    test("NO_EXPORT stays with us, and is used", { timeout: DEADLINE_MS }, async () => {
      await there(INSIDE, "customer");
      // What came after it in one run of the RIB is told: it was considered, and held back.
      await birdLearns("peer", OF_CUSTOMER);
      await frrLearns(OF_CUSTOMER);
      expect(routeTo(INSIDE)?.nextHops).toMatchObject([{ address: address(addressOf("customer")) }]);
      expect([birdHas("peer", INSIDE), frrHas(INSIDE)].join()).not.toMatch(/BGP.as_path|"aspath"/);
    });

    test("GRACEFUL_SHUTDOWN (RFC 8326): whoever stays is preferred, by local preference", { timeout: DEADLINE_MS }, async () => {
      await Promise.all(["customer", "two"].map((name) => there(LEAVING, name)));
      expect(routeTo(LEAVING)?.nextHops).toMatchObject([{ address: address(addressOf("two")) }]);
      expect(pathsTo(LEAVING, "customer")).toMatchObject([{ status: "lost" }]);
    });
  });

  test.concurrent("what FRR offers besides is taken note of: long-lived graceful restart, its name", {
    timeout: DEADLINE_MS,
  }, async () => {
    await there(OF_PROVIDER, "provider");
    const received = speaker.neighbors().find((one) => one.address === address(addressOf("provider")))?.capabilities.received;
    expect(received).toContainEqual(expect.objectContaining({ name: "fqdn", hostname: expect.stringMatching(/./) }));
    expect(received).toContainEqual(expect.objectContaining({ name: "long-lived-graceful-restart" }));
  });

  test.concurrent("hold time 0 with BIRD: up, and nobody says more than the first KEEPALIVE", {
    timeout: DEADLINE_MS,
  }, async () => {
    await there(OF_PEER, "peer");
    expect(speaker.neighbors().find((one) => one.address === address(addressOf("peer")))).toMatchObject({
      ...{ state: "Established", holdTimeSeconds: 0 },
      ...{ messagesSent: { keepalive: 1 }, messagesReceived: { keepalive: 1 } },
    });
  });

  test.concurrent("link bandwidth: 100 of FRR, 300 of BIRD and 200 of GoBGP are whole percents, as FRR deals them", {
    timeout: DEADLINE_MS,
  }, async () => {
    // FRR may hear of another's route from us before it says its own, and says that first.
    await eventually("three ways", () => routeTo(SHARED)?.nextHops.length === 3, DEADLINE_MS);
    const shares = { provider: 16, customer: 50, GoBGP: 33 };
    expect(routeTo(SHARED)?.nextHops).toEqual(
      Object.entries(shares).map(([name, weight]) => ({ address: address(addressOf(name)), weight })),
    );
  });

  test.concurrent("a range takes as many members as it may, and another when one has gone", {
    timeout: DEADLINE_MS,
  }, async () => {
    const members = () => speaker.neighbors().filter(({ range }) => range !== undefined);
    const areUp = () => members().filter(({ state }) => state === "Established").length === 2;
    await eventually("two members", areUp, DEADLINE_MS);
    const isRefused = () =>
      told.events.some(({ kind, ...event }) => kind === "refused-connection" && "reason" in event && /2/.test(event.reason));
    await told.until("the third is refused", isRefused, DEADLINE_MS);
    const [first] = members();
    const before = members().map((one) => one.address);
    ask(formatAddress(first.address), "disable", "upstream0");
    await eventually("the third", () => areUp() && members().some((one) => !before.includes(one.address)), DEADLINE_MS);
    expect(members().length).toBe(2);
  });
});
