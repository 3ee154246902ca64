/**
 * Real speakers with graceful restart configured, killed and started again: their routes stay in use meanwhile, those that
 * they do not announce any more go at End-of-RIB, and all of them when they do not come back in the time that they asked for. A
 * replay of what was recorded tells the RIB the same. That packets go on meanwhile is in test/router/foreign-speakers.test.ts.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { SessionRecord } from "#src/mrt/record.ts";
import { formatPrefix } from "#src/net/prefix.ts";
import type { RouteUpdate } from "#src/rib/route.ts";
import { Replay } from "#src/speaker/replay.ts";
import { staleLimitsOf } from "#src/speaker/settings.ts";
import type { Speaker } from "#src/speaker/speaker.ts";
import { inNamespace, run } from "../common/namespace.ts";
import { Daemon, missingProgram } from "./daemon.ts";
import {
  birdConfiguration,
  exabgpConfiguration,
  frrConfiguration,
  gobgpConfiguration,
  gobgpFamilies,
} from "./daemon-configuration.ts";
import { type DaemonKind, daemonNamed } from "./daemons.ts";
import { address, Recorder, recordedSpeaker } from "./recorder.ts";

const OURS = "10.9.0.1";
const [STAYS, GOES] = ["203.0.113.10/32", "203.0.113.20/32"];
/** First time enough for a machine on which many others run; then not. */
const RESTART_TIME_SECONDS = { first: 100, again: 3 };

const restartTimeSeconds = (isRestart: boolean): number => RESTART_TIME_SECONDS[isRestart ? "again" : "first"];

/** As daemons that announce `prefixes`; the restart time is what they ask for. */
const RESTARTING: Record<string, (prefixes: readonly string[], isRestart: boolean) => DaemonKind> = {
  FRR: (prefixes, isRestart) => ({
    ...daemonNamed("FRR"),
    configuration: (plan) =>
      frrConfiguration(plan, {
        global: ["", " preserve-fw-state", ` restart-time ${restartTimeSeconds(isRestart)}`].map(
          (words) => `bgp graceful-restart${words}`,
        ),
        ipv4: prefixes.map((prefix) => `network ${prefix}`),
      }),
  }),
  BIRD: (prefixes, isRestart) => ({
    ...daemonNamed("BIRD"),
    configuration: (plan) =>
      birdConfiguration(plan, {
        routes: prefixes,
        session: `multihop 2; graceful restart on; graceful restart time ${restartTimeSeconds(isRestart)};`,
      }),
    command: (plan, path) => [...daemonNamed("BIRD").command(plan, path), ...(isRestart ? ["-R"] : [])],
  }),
  GoBGP: (prefixes, isRestart) => ({
    ...daemonNamed("GoBGP"),
    configuration: (plan) =>
      gobgpConfiguration(plan, {
        neighbor: [
          `[neighbors.graceful-restart.config]\nenabled = true\nrestart-time = ${restartTimeSeconds(isRestart)}\ndeferral-time = 2`,
          gobgpFamilies(["ipv4-unicast"], "[neighbors.afi-safis.mp-graceful-restart.config]\nenabled = true"),
        ].join("\n"),
      }),
    command: (plan, path) => [...daemonNamed("GoBGP").command(plan, path), ...(isRestart ? ["--graceful-restart"] : [])],
    announce: (plan) => [
      ...["sh", "-ec"],
      prefixes.map((prefix) => `gobgp -u ${plan.address} global rib add ${prefix}`).join("\n"),
    ],
  }),
  ExaBGP: (prefixes, isRestart) => ({
    ...daemonNamed("ExaBGP"),
    configuration: (plan) =>
      exabgpConfiguration(plan, {
        blocks: [
          `capability { graceful-restart ${restartTimeSeconds(isRestart)}; }`,
          "family { ipv4 unicast; }",
          // Its End-of-RIB is about what is written here, and not about what its programs say.
          `static { ${prefixes.map((prefix) => `route ${prefix} next-hop self;`).join(" ")} }`,
        ],
      }),
    announce: () => ["true"],
  }),
};

await inNamespace(import.meta.url, () => {
  const cleanUps: (() => unknown)[] = [];
  afterAll(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  });
  run("ip link set lo up");
  run(`ip address add ${OURS}/32 dev lo`);

  /** One speaker of ours for all, each neighbor with a recorder of its own. */
  const told = new Map<number, Recorder>();
  const records = new Map<number, SessionRecord[]>();
  const speaker: Promise<Speaker> = (async () => {
    const { speaker } = recordedSpeaker({
      asn: 65000,
      routerId: address(OURS),
      listen: { address: address(OURS), port: 179 },
      onUpdate: (update) => told.get(update.peer.address as number)?.onUpdate(update),
      onEvent: (event) => told.get(event.neighbor as number)?.onEvent(event),
      record: (record) => records.get(record.peer as number)?.push(record),
    });
    cleanUps.push(() => speaker.stop());
    await speaker.start();
    return speaker;
  })();

  /** A neighbor of ours at an address of its own, where a daemon may be launched again and again. */
  async function neighborAt(index: number) {
    const theirs = `10.9.1.${index}`;
    run(`ip address add ${theirs}/32 dev lo`);
    const recorder = new Recorder();
    told.set(address(theirs), recorder);
    records.set(address(theirs), []);
    const isReplayed = (): void => {
      const again: RouteUpdate[] = [];
      const limitsOf = () => staleLimitsOf({});
      const replay = new Replay({ localAsn: 65000, limitsOf, onUpdate: (update) => again.push(update) });
      for (const record of records.get(address(theirs)) ?? []) replay.take(record);
      expect(again).toEqual(recorder.updates);
    };
    (await speaker).addNeighbor({ address: address(theirs), remoteAsn: 65001, localAddress: address(OURS), passive: true });
    const folder = mkdtempSync(join(tmpdir(), "ecmp-restart-"));
    cleanUps.push(() => rmSync(folder, { recursive: true, force: true }));
    const launch = (kind: DaemonKind): Daemon => {
      const plan = { address: theirs, asn: 65001, peers: [{ address: OURS, asn: 65000 }], prefix: STAYS, folder };
      const daemon = new Daemon(kind, plan);
      cleanUps.push(() => daemon.end());
      return daemon;
    };
    const hears = (what: string, prefix: string, since = 0) => {
      const announced = () =>
        recorder.updates.slice(since).flatMap((update) => (update.kind === "update" ? update.announced : []));
      return recorder.until(`${what} of ${theirs}`, () => announced().some((one) => formatPrefix(one) === prefix), 30_000);
    };
    return { theirs, recorder, isReplayed, launch, hears };
  }

  async function restart(name: string, index: number) {
    const { theirs, recorder, isReplayed, launch, hears } = await neighborAt(index);
    const kindOf = RESTARTING[name] as (typeof RESTARTING)[string];
    const first = launch(kindOf([STAYS, GOES], false));
    await Promise.race([first.failed, first.announce()]);
    await Promise.race([first.failed, Promise.all([hears("a route", STAYS), hears("another", GOES)])]);
    first.kill();
    await recorder.until("its end", () => recorder.hasEvent("session-down", address(theirs)));
    isReplayed();
    const since = recorder.updates.length;
    const second = launch(kindOf([STAYS], true));
    await Promise.race([second.failed, second.announce()]);
    await Promise.race([second.failed, hears("the route again", STAYS, since)]);
    await recorder.until(`End-of-RIB of ${name}`, () => recorder.routes.includes("lost ipv4 stale"), 30_000);
    isReplayed();
    const routesOfRestart = recorder.routes.slice(since);
    const atMs = recorder.events.length;
    second.kill();
    await recorder.until("its second end", () => recorder.hasEvent("session-down", address(theirs), 2));
    await recorder.until(`the end of patience with ${name}`, () => recorder.events.slice(atMs).some(isOverdue), 30_000);
    return { recorder, since, routesOfRestart };
  }
  const isOverdue = (event: object): boolean => "reason" in event && event.reason === "the peer did not come back in time";

  const restarts = Object.keys(RESTARTING).flatMap((name, index) => {
    const missing = missingProgram(daemonNamed(name));
    if (missing) test.skip(`${name}: ${missing} is not installed`, () => undefined);
    return missing ? [] : [{ name, restarted: restart(name, index + 2) }];
  });
  for (const { restarted } of restarts) restarted.catch(() => undefined);

  test.each(restarts)("$name keeps its routes over a restart", { timeout: 90_000 }, async ({ restarted }) => {
    const { recorder, since, routesOfRestart } = await restarted;
    // Of the families that came up, only what it said in its OPEN to be restarting is kept; nothing is lost until it is back.
    expect(recorder.routes.slice(0, since).filter((text) => text.startsWith("lost"))).toEqual([]);
    expect(recorder.routes[since - 1]).toBe("stale ipv4");
    expect(routesOfRestart).toEqual([`+${STAYS}`, "lost ipv4 stale"]);
    const kinds = recorder.events.filter(({ kind }) => /routes|session/.test(kind)).map(({ kind }) => kind);
    const once = ["session-up", "session-down", "routes-kept"];
    expect(kinds).toEqual([...once, once[0], "stale-routes-gone", ...once.slice(1), "stale-routes-gone"]);
    const [kept, overdue] = ["routes-kept", "stale-routes-gone"].map((kind) =>
      recorder.events.findLast((one) => one.kind === kind),
    );
    expect(kept).toMatchObject({ families: ["ipv4"], seconds: RESTART_TIME_SECONDS.again });
    expect((overdue?.atMs ?? 0) - (kept?.atMs ?? 0)).toBeGreaterThanOrEqual(RESTART_TIME_SECONDS.again * 1000 - 5);
  });

  const openbgpd = daemonNamed("OpenBGPD");
  const missing = missingProgram(openbgpd);
  if (missing) return void test.skip(`OpenBGPD: ${missing} is not installed`);
  test("OpenBGPD lists no family in its OPEN: its routes go with it, and come with a mark", { timeout: 90_000 }, async () => {
    const { theirs, recorder, isReplayed, launch, hears } = await neighborAt(Object.keys(RESTARTING).length + 2);
    const marked = (times: number) =>
      recorder.until("End-of-RIB", () => recorder.hasEvent("end-of-rib", address(theirs), times), 30_000);
    const first = launch(openbgpd);
    await Promise.race([first.failed, Promise.all([hears("its route", STAYS), marked(1)])]);
    const state = (await speaker).neighbors().find((neighbor) => neighbor.address === address(theirs));
    const said = state?.capabilities.received.find(({ name }) => name === "graceful-restart");
    expect(said).toMatchObject({ families: [] });
    first.kill();
    await recorder.until("its end", () => recorder.hasEvent("session-down", address(theirs)));
    expect(recorder.routes).toEqual([`+${STAYS}`, "lost"]);
    const second = launch(openbgpd);
    await Promise.race([second.failed, Promise.all([hears("the route again", STAYS, 2), marked(2)])]);
    expect(recorder.routes).toEqual([`+${STAYS}`, "lost", `+${STAYS}`]);
    expect(recorder.events.some(({ kind }) => kind === "routes-kept" || kind === "stale-routes-gone")).toBe(false);
    isReplayed();
  });
});
