/**
 * The journal, over real TCP on loopback: what it holds gives the same RIB again, in either form and from any of its
 * files. What a disk can do to it is in `rotating-file.test.ts`.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { frame } from "#src/bgp/framer.ts";
import type { SessionRecord } from "#src/mrt/record.ts";
import { type Clock, systemClock } from "#src/net/clock.ts";
import { ACCEPT_EVERYTHING } from "#src/rib/policy.ts";
import type { RouteUpdate } from "#src/rib/route.ts";
import { createRib } from "#src/rib/table.ts";
import { replayBgp } from "#src/router/replay-bgp.ts";
import { describeBgpRoute } from "#src/router/show.ts";
import { Journal, type JournalOptions } from "#src/speaker/journal.ts";
import { Replay } from "#src/speaker/replay.ts";
import { staleLimitsOf } from "#src/speaker/settings.ts";
import type { Speaker } from "#src/speaker/speaker.ts";
import { updateBody } from "../bgp/hex.ts";
import { createFakeClock, type FakeClock } from "../common/fake-clock.ts";
import { ribConfiguration } from "../rib/sketch.ts";
import { RawPeer } from "./raw-peer.ts";
import { address, recordedSpeaker } from "./recorder.ts";

const OURS = address("127.0.5.1");
const PEERS = [address("127.0.5.2"), address("127.0.5.3")];

let folder = "";
const cleanUps: (() => unknown)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ecmp-journal-"));
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  rmSync(folder, { recursive: true, force: true });
});

const PATH = "400101 00 400206 0201 0000fde9 400304";
const announce = (nlri: string, nextHop: string) => frame(2, updateBody("", `${PATH} ${nextHop}`, nlri));
const withdraw = (nlri: string) => frame(2, updateBody(nlri, "", ""));

/** A speaker with a RIB and a journal, and two peers that say a few things; then one is lost. */
async function live(options: JournalOptions, clock: Clock = systemClock) {
  const records: SessionRecord[] = [];
  const failures: string[] = [];
  const journal = new Journal((file, problem) => failures.push(`${file}: ${problem}`));
  await journal.configure(options);
  cleanUps.push(() => journal.configure(undefined));
  const rib = createRib();
  rib.configure(CONFIGURATION);
  const { speaker, told } = recordedSpeaker({
    asn: 65000,
    routerId: OURS,
    listen: { address: OURS, port: 0 },
    clock,
    record: (record) => {
      records.push(record);
      journal.record(record);
    },
  });
  await speaker.start();
  cleanUps.push(() => speaker.stop());
  const port = speaker.listening()?.port ?? 0;
  const dial = async (index: number, capabilities?: string): Promise<RawPeer> => {
    const peer = RawPeer.dial(PEERS[index], OURS, port);
    cleanUps.push(() => peer.socket.destroy());
    peer.open(65001, PEERS[index], capabilities);
    const ups = () => told.events.filter(({ kind, neighbor }) => kind === "session-up" && neighbor === PEERS[index]).length;
    const before = ups();
    await told.until("session up", () => ups() > before);
    return peer;
  };
  for (const peer of PEERS) speaker.addNeighbor({ address: peer, remoteAsn: 65001, passive: true });
  const routes = () => {
    for (const update of told.updates.splice(0)) rib.applyUpdate(update);
    return rib.routes().map(describeBgpRoute);
  };
  /** What a replay of all that was recorded until now knows. */
  const replayed = () => {
    const again = createRib();
    again.configure(CONFIGURATION);
    const onUpdate = (update: RouteUpdate) => void again.applyUpdate(update);
    const replay = new Replay({ localAsn: 65000, limitsOf: () => staleLimitsOf({}), onUpdate });
    for (const record of records) replay.take(record);
    return again.routes().map(describeBgpRoute);
  };
  return { journal, speaker, told, port, dial, routes, replayed, failures };
}

const CONFIGURATION = ribConfiguration({
  ...{ maximumPaths: 512, multipathRelax: true, interfaces: [], everyNextHopReachable: true },
  importPolicy: () => ACCEPT_EVERYTHING,
});

async function tellAll({ told, dial }: Awaited<ReturnType<typeof live>>): Promise<RawPeer> {
  const [first, second] = [await dial(0), await dial(1)];
  const faulty = frame(2, updateBody("", "400101 07", "20 c0000203"));
  first.write(announce("18 c00002 20 c6336401", "0a000002"), withdraw("18 c00002"), announce("20 c0000203", "0a000002"), faulty);
  second.write(announce("20 c6336401", "0a000003"), announce("18 cb0071", "0a000003"));
  await told.until("all of it", () => told.routes.includes("-192.0.2.3/32") && told.routes.includes("+203.0.113.0/24"));
  return second;
}

describe("a journal", () => {
  test.each(["json", "mrt"] as const)("as %s gives the RIB again that was, losses and faults included", async (format) => {
    const file = join(folder, "journal");
    const scene = await live({ file, format, maximumMegabytes: 1, files: 2 });
    await tellAll(scene);
    const before = scene.routes();
    expect(before.map(({ prefix, paths }) => [prefix, paths.length])).toEqual([
      ["198.51.100.1/32", 2],
      ["203.0.113.0/24", 1],
    ]);
    await scene.journal.configure(undefined);
    const report = await replayBgp({ files: [file], interfaces: [] });
    expect(report.problems).toEqual([]);
    expect(report.routes).toEqual(before);
    expect(report.peers).toMatchObject([
      { peer: "127.0.5.2", asn: 65001, up: true, updates: 4, losses: 0, updateFaults: { "treat-as-withdraw": 3 } },
      { peer: "127.0.5.3", asn: 65001, up: true, updates: 2, losses: 0 },
    ]);
    expect(scene.failures).toEqual([]);
  });

  test("says why a session went down, and the replay loses what it lost", async () => {
    const file = join(folder, "journal");
    const scene = await live({ file, format: "json", maximumMegabytes: 1, files: 2 });
    const second = await tellAll(scene);
    second.write(frame(2, updateBody("", "", "21")));
    await scene.told.until("the loss", () => scene.told.events.some(({ kind }) => kind === "session-down"));
    const before = scene.routes();
    expect(before.map(({ prefix, paths }) => [prefix, paths.length])).toEqual([["198.51.100.1/32", 1]]);
    await scene.journal.configure(undefined);
    expect(readFileSync(file, "utf8")).toMatch(/"from":"Established","to":"\w+","reason":"[^"]*Invalid Network Field/);
    expect((await replayBgp({ files: [file], interfaces: [] })).routes).toEqual(before);
  });

  test("remembers nothing of attempts that are over: whoever comes from a range, under whatever address, costs it nothing", async () => {
    const file = join(folder, "journal");
    const scene = await live({ file, format: "json", maximumMegabytes: 1, files: 2 });
    const peer = RawPeer.dial(PEERS[0], OURS, scene.port);
    cleanUps.push(() => peer.socket.destroy());
    peer.open(64999, PEERS[0]);
    await scene.told.until("the attempt", () => scene.told.hasEvent("attempt-failed", PEERS[0]));
    await scene.dial(1);
    expect(Array.from(Reflect.get(scene.journal, "beginnings").keys())).toEqual([PEERS[1]]);
  });

  test("is put aside when it is long, and every file can be read by itself", async () => {
    const file = join(folder, "journal");
    const scene = await live({ file, format: "json", maximumMegabytes: 4096 / 2 ** 20, files: 3 });
    const peer = await scene.dial(0);
    for (let i = 0; i < 100; i++) peer.write(announce(`20 c63364${i.toString(16).padStart(2, "0")}`, "0a000002"));
    await scene.told.until("all of it", () => scene.told.routes.includes("+198.51.100.99/32"));
    const before = scene.routes();
    await scene.journal.configure(undefined);
    expect(readdirSync(folder).sort()).toEqual(["journal", "journal.1", "journal.2"]);
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).size).toBeLessThan(4096 + 500);
    const newest = await replayBgp({ files: [file], interfaces: [] });
    expect(newest.problems).toEqual([]);
    expect(newest.peers).toMatchObject([{ peer: "127.0.5.2", up: true }]);
    const all = await replayBgp({ files: [`${file}.2`, `${file}.1`, file], interfaces: [] });
    expect(all.peers).toMatchObject([{ losses: 0 }]);
    expect(all.routes.length).toBeGreaterThan(newest.routes.length);
    expect(before).toEqual(expect.arrayContaining([...all.routes]));
    expect(all.routes.at(-1)).toEqual(before.at(-1));
  });

  test("that cannot be opened has said so when it is settled", async () => {
    const file = join(folder, "nowhere", "journal");
    const failures: string[] = [];
    const journal = new Journal((_, problem) => failures.push(problem));
    await journal.configure({ file, format: "json", maximumMegabytes: 1, files: 2 });
    await journal.settled();
    expect(failures).toEqual([expect.stringContaining("ENOENT")]);
    expect(journal.state()?.problem).toBe(failures[0]);
  });

  test("a folder of its name is left where it is", async () => {
    const file = join(folder, "folder");
    mkdirSync(file);
    const journal = new Journal(() => undefined);
    await journal.configure({ file, format: "json", maximumMegabytes: 1, files: 2 });
    await journal.settled();
    expect(journal.state()?.problem).toMatch(/EISDIR/);
    expect(existsSync(`${file}.1`)).toBe(false);
  });

  test("an older one is put aside, not written over", async () => {
    const file = join(folder, "journal");
    writeFileSync(file, "before\n");
    const journal = new Journal(() => undefined);
    await journal.configure({ file, format: "json", maximumMegabytes: 1, files: 2 });
    await journal.configure(undefined);
    expect(readFileSync(`${file}.1`, "utf8")).toBe("before\n");
  });
});

describe("a journal of neighbors that become others", () => {
  const [neighbor] = PEERS;
  const preferred = (nlri: string) => frame(2, updateBody("", `${PATH} 0a000002 400504 00000064`, nlri));
  const typesOf = (routes: Awaited<ReturnType<typeof replayBgp>>["routes"]) =>
    routes.flatMap(({ prefix, paths }) => paths.map(({ peerType }) => `${peerType} ${prefix}`));

  test.each(["json", "mrt"] as const)("as %s has them of our AS from then on, and no more", async (format) => {
    const file = join(folder, "journal");
    const { speaker, told, dial, routes, replayed, journal } = await live({ file, format, maximumMegabytes: 1, files: 1 });
    const say = async (update: Uint8Array, what: string) => {
      (await dial(0)).write(update);
      await told.until(what, () => told.routes.includes(`+${what}`));
      expect(replayed()).toEqual(routes());
    };
    await say(announce("18 c00002", "0a000002"), "192.0.2.0/24");
    expect(typesOf(routes())).toEqual(["external 192.0.2.0/24"]);
    const change = (localAsn: number) => speaker.changeNeighbor({ address: neighbor, remoteAsn: 65001, passive: true, localAsn });
    change(65001);
    await say(preferred("18 c63364"), "198.51.100.0/24");
    expect(typesOf(routes())).toEqual(["internal 198.51.100.0/24"]);
    change(65002);
    await say(announce("18 cb0071", "0a000002"), "203.0.113.0/24");
    expect(typesOf(replayed())).toEqual(["external 203.0.113.0/24"]);
    await journal.configure(undefined);
    expect(typesOf((await replayBgp({ files: [file], interfaces: [] })).routes)).toEqual(["external 203.0.113.0/24"]);
  });

  test("has a route refused that went through us, whoever we were to the neighbor", async () => {
    const file = join(folder, "journal");
    const { speaker, told, dial, journal } = await live({ file, format: "json", maximumMegabytes: 1, files: 1 });
    speaker.changeNeighbor({ address: neighbor, remoteAsn: 65001, passive: true, localAsn: 64513 });
    const peer = await dial(0);
    const through = (asn: string, nlri: string) => frame(2, updateBody("", `400101 00 400206 0201 ${asn} 400304 0a000002`, nlri));
    peer.write(through("0000fc01", "18 c00002"), through("0000fc02", "18 c63364"));
    await told.until("both", () => told.routes.includes("+198.51.100.0/24"));
    await journal.configure(undefined);
    const report = await replayBgp({ files: [file], interfaces: [] });
    expect(
      report.routes.map(({ paths: [{ status, ...path }] }) => ["reason" in path ? path.reason : status, path.asPath]),
    ).toEqual([
      ["AS loop", "64513"],
      ["best", "64514"],
    ]);
  });
});

describe("a journal of graceful restarts", () => {
  const END_OF_RIB = frame(2, new Uint8Array(4));
  const FOUR_OCTETS = "4104 0000fde9";
  /** 20 seconds; notifications are no end either (RFC 8538). */
  const FIRST = `${FOUR_OCTETS} 4006 4014 0001 01 00`;
  const AGAIN = `${FOUR_OCTETS} 4006 c014 0001 01 80`;
  const [STAYS, GOES, OTHER] = ["20 cb007101", "20 cb007102", "20 cb007103"];
  const shown = (routes: readonly { prefix: string }[]) => routes.map(({ prefix }) => prefix);

  async function scene(format: JournalOptions["format"]) {
    const clock = createFakeClock();
    const file = join(folder, "journal");
    const all = await live({ file, format, maximumMegabytes: 1, files: 1 }, clock);
    const heard = (what: string) => all.told.until(what, () => all.told.routes.at(-1) === what);
    const peer = await all.dial(0, FIRST);
    peer.write(announce(STAYS, "0a000002"), announce(GOES, "0a000002"), END_OF_RIB);
    await all.told.until("End-of-RIB", () => all.told.hasEvent("end-of-rib", PEERS[0]));
    const same = (): string[] => {
      const now = all.routes();
      expect(all.replayed()).toEqual(now);
      return shown(now);
    };
    let other: RawPeer | undefined;
    /** The other neighbor says something: the journal knows that it is later. */
    const later = async (seconds: number): Promise<void> => {
      await clock.pass(seconds * 1000);
      other ??= await all.dial(1);
      const before = all.told.updates.length;
      other.write(announce(OTHER, "0a000003"));
      await all.told.until("another's word", () => all.told.updates.slice(before).some(({ kind }) => kind === "update"));
    };
    return { ...all, clock, file, peer, heard, same, later };
  }

  test.each(["json", "mrt"] as const)(
    "as %s gives the RIB that was, while the peer is away and when it is back",
    async (format) => {
      const { peer, dial, heard, same, told, journal, file, routes } = await scene(format);
      expect(same()).toEqual(["203.0.113.1/32", "203.0.113.2/32"]);
      peer.socket.destroy();
      await heard("stale ipv4");
      expect(same()).toEqual(["203.0.113.1/32", "203.0.113.2/32"]);
      const back = await dial(0, AGAIN);
      back.write(announce(STAYS, "0a000002"));
      await told.until("it is said again", () => told.updates.at(-1)?.kind === "update");
      expect(same()).toEqual(["203.0.113.1/32", "203.0.113.2/32"]);
      back.write(END_OF_RIB);
      await heard("lost ipv4 stale");
      expect(same()).toEqual(["203.0.113.1/32"]);
      await journal.configure(undefined);
      const report = await replayBgp({ files: [file], interfaces: [] });
      expect(report.routes).toEqual(routes());
      expect(report.peers).toMatchObject([{ up: true, losses: 1, updates: 5 }, { up: false }]);
    },
  );

  test("that comes too late: the routes were gone by the time of the recording", async () => {
    const { peer, heard, same, later } = await scene("json");
    peer.socket.destroy();
    await heard("stale ipv4");
    await later(19);
    expect(same()).toEqual(["203.0.113.1/32", "203.0.113.2/32", "203.0.113.3/32"]);
    await later(2);
    expect(same()).toEqual(["203.0.113.3/32"]);
  });

  test("that lost its forwarding state keeps nothing", async () => {
    const { peer, dial, heard, same } = await scene("json");
    peer.socket.destroy();
    await heard("stale ipv4");
    await dial(0, FIRST);
    expect(same()).toEqual([]);
  });

  test.each([
    ["a hold timer of ours", "kept", (scene: { clock: FakeClock }) => void scene.clock.pass(91_000)],
    ["a Cease of ours", "lost", (scene: { speaker: Speaker }) => scene.speaker.resetNeighbor(PEERS[0])],
    ["a NOTIFICATION of the peer", "kept", ({ peer }: { peer: RawPeer }) => peer.write(frame(3, Uint8Array.of(6, 4)))],
    ["its Hard Reset", "lost", ({ peer }: { peer: RawPeer }) => peer.write(frame(3, Uint8Array.of(6, 9, 6, 4)))],
    ["a malformed message", "kept", ({ peer }: { peer: RawPeer }) => peer.write(frame(2, updateBody("", "", "21")))],
  ] as const)("%s: the routes are %s", async (_, fate, end) => {
    const all = await scene("json");
    end(all);
    await all.told.until("the end", () => all.told.hasEvent("session-down", PEERS[0]));
    expect(all.same()).toEqual(fate === "kept" ? ["203.0.113.1/32", "203.0.113.2/32"] : []);
  });
});
