/** What a neighbor has said outlives its session if it restarts gracefully: which of it, for how long, and when it goes. */
import { describe, expect, test } from "vitest";
import type { Capability } from "#src/bgp/capabilities.ts";
import type { Message } from "#src/bgp/message.ts";
import { IPV4_UNICAST, IPV6_UNICAST } from "#src/bgp/nlri.ts";
import type { NeighborOptions } from "#src/speaker/neighbor.ts";
import { createFakeClock, type FakeClock } from "../common/fake-clock.ts";
import { A, announce, asnOf, B, dialFrom, established, keepalive, notification, openOf, type Started } from "./loopback.ts";
import type { RawPeer } from "./raw-peer.ts";

describe("a neighbor that restarts gracefully", () => {
  const restarts = (more: object = {}): Capability => ({
    name: "graceful-restart",
    restarting: false,
    notification: false,
    restartTimeSeconds: 120,
    families: [{ family: IPV4_UNICAST, forwardingPreserved: true }],
    ...more,
  });
  const capabilities = (...more: Capability[]): Capability[] => [
    ...[IPV4_UNICAST, IPV6_UNICAST].map((family): Capability => ({ name: "multiprotocol", family })),
    { name: "four-octet-as", asn: asnOf[B] },
    ...more,
  ];
  const endOfRib: Message = { kind: "update", withdrawn: [], announcements: [], endOfRib: IPV4_UNICAST };

  /** Up, with two routes, and gone without a word; routes said since then come after "stale". */
  async function gone(capability = restarts(), options: Partial<NeighborOptions> = {}) {
    const clock = createFakeClock();
    const { a, peer } = await established({ clock }, { capabilities: capabilities(capability) }, options);
    peer.say(announce("10.1.0.0/16", "10.2.0.0/16"));
    await a.told.until("routes", () => a.told.routes.length === 1);
    return { a, peer, clock };
  }

  async function comeBack(a: Started, ...more: Capability[]): Promise<RawPeer> {
    const ups = a.neighbor(B).connectionsEstablished;
    const peer = dialFrom(B, A, a.port);
    peer.say(openOf(B, { capabilities: capabilities(...more) }), keepalive);
    await a.told.until("up again", () => a.neighbor(B).connectionsEstablished > ups);
    return peer;
  }

  test("keeps its routes in use, and loses at End-of-RIB those that it has not said again", async () => {
    const { a, peer } = await gone();
    peer.socket.resetAndDestroy();
    await a.told.until("stale", () => a.told.routes.includes("stale ipv4"));
    // The other family was not on its list.
    expect(a.told.routes.slice(1)).toEqual(["stale ipv4", "lost ipv6"]);
    expect(a.neighbor(B)).toMatchObject({ state: "Active", staleFamilies: ["ipv4"] });
    expect(a.told.events).toContainEqual(expect.objectContaining({ kind: "routes-kept", families: ["ipv4"], seconds: 120 }));
    const back = await comeBack(a, restarts());
    back.say(announce("10.1.0.0/16"), endOfRib);
    await a.told.until("swept", () => a.told.routes.includes("lost ipv4 stale"));
    expect(a.told.routes.slice(3)).toEqual(["+10.1.0.0/16", "lost ipv4 stale"]);
    const [before, after] = [a.told.updates[0].peer, a.told.updates[3].peer].map(({ epoch = 0 }) => epoch);
    expect(after).toBeGreaterThan(before);
    expect(a.neighbor(B)).toMatchObject({ prefixesReceived: 1, staleFamilies: [] });
    expect(a.told.events.at(-1)).toMatchObject({ kind: "stale-routes-gone", family: "ipv4", reason: "End-of-RIB" });
  });

  test.each<[string, Capability[], string]>([
    [
      "did not keep its forwarding state",
      [restarts({ families: [{ family: IPV4_UNICAST, forwardingPreserved: false }] })],
      "was not preserved",
    ],
    ["does not speak of restarts any more", [], "was not preserved"],
  ])("loses the routes of one that %s", async (_, more, reason) => {
    const { a, peer } = await gone();
    peer.socket.resetAndDestroy();
    await a.told.until("stale", () => a.told.routes.includes("stale ipv4"));
    await comeBack(a, ...more);
    expect(a.told.routes.at(-1)).toBe("lost ipv4 stale");
    expect(a.told.updates.at(-1)).toMatchObject({ reason: expect.stringContaining(reason) });
  });

  test.each<[string, Partial<NeighborOptions>, number]>([
    ["as long as it asked for", {}, 120],
    ["no longer than we want", { restartTimeSeconds: 10 }, 10],
  ])("waits %s", async (_, options, seconds) => {
    const { a, peer, clock } = await gone(restarts(), options);
    peer.socket.resetAndDestroy();
    await a.told.until("stale", () => a.told.routes.includes("stale ipv4"));
    await clock.pass(seconds * 1000 - 1);
    expect(a.told.routes.at(-1)).toBe("lost ipv6");
    await clock.pass(1);
    expect(a.told.updates.at(-1)).toMatchObject({ kind: "lost", staleOnly: true, reason: "the peer did not come back in time" });
  });

  test("gives it stalePathsSeconds to say all again", async () => {
    const { a, peer, clock } = await gone(restarts(), { stalePathsSeconds: 20, holdTimeSeconds: 0 });
    peer.socket.resetAndDestroy();
    await a.told.until("stale", () => a.told.routes.includes("stale ipv4"));
    await clock.pass(119_000);
    await comeBack(a, restarts());
    await clock.pass(19_999);
    expect(a.told.routes.at(-1)).toBe("lost ipv6");
    await clock.pass(1);
    expect(a.told.updates.at(-1)).toMatchObject({ staleOnly: true, reason: "not all was said again in time" });
  });

  test("loses what is stale twice over", async () => {
    const { a, peer } = await gone();
    peer.socket.resetAndDestroy();
    await a.told.until("stale", () => a.told.routes.includes("stale ipv4"));
    const back = await comeBack(a, restarts());
    back.say(announce("10.1.0.0/16"));
    await a.told.until("said again", () => a.told.routes.at(-1) === "+10.1.0.0/16");
    back.socket.resetAndDestroy();
    await a.told.until("stale again", () => a.told.routes.filter((text) => text === "stale ipv4").length === 2);
    expect(a.told.routes.slice(-4)).toEqual(["+10.1.0.0/16", "lost ipv4 stale", "stale ipv4", "lost ipv6"]);
  });

  test.each<[string, Capability, Partial<NeighborOptions>, (peer: RawPeer, clock: FakeClock) => unknown, string]>([
    ["a connection that is gone", restarts(), {}, (peer) => peer.socket.resetAndDestroy(), "kept"],
    ["the same, with help switched off", restarts(), { gracefulRestart: "off" }, (peer) => peer.socket.resetAndDestroy(), "lost"],
    ["the same, of a peer that lists no family", restarts({ families: [] }), {}, (peer) => peer.socket.end(), "lost"],
    ["a NOTIFICATION", restarts(), {}, (peer) => peer.say(notification(6, 4)), "lost"],
    ["a NOTIFICATION, under RFC 8538", restarts({ notification: true }), {}, (peer) => peer.say(notification(6, 4)), "kept"],
    ["a Hard Reset", restarts({ notification: true }), {}, (peer) => peer.say(notification(6, 9, 6, 2)), "lost"],
    ["the hold timer", restarts(), {}, (_, clock) => clock.pass(90_000), "lost"],
    ["the hold timer, under RFC 8538", restarts({ notification: true }), {}, (_, clock) => clock.pass(90_000), "kept"],
  ])("after %s", async (_, capability, options, act, wanted) => {
    const { a, peer, clock } = await gone(capability, options);
    await act(peer, clock);
    await a.told.until("the end", () => a.told.hasEvent("session-down", B));
    expect(a.told.routes.slice(1)).toEqual(wanted === "kept" ? ["stale ipv4", "lost ipv6"] : ["lost"]);
  });

  test("ends when we do not want it any more", async () => {
    const { a, peer } = await gone();
    peer.socket.resetAndDestroy();
    await a.told.until("stale", () => a.told.routes.includes("stale ipv4"));
    a.speaker.removeNeighbor(B);
    expect(a.told.routes.at(-1)).toBe("lost");
  });

  test("comes back on a new connection before we know that the old one is gone", async () => {
    const { a, peer } = await gone();
    const back = dialFrom(B, A, a.port);
    back.say(openOf(B, { capabilities: capabilities(restarts()) }), keepalive);
    // What the kernel of a machine that knows nothing of the old connection answers to the KEEPALIVE that asks.
    await peer.hears("keepalive", 2);
    peer.socket.resetAndDestroy();
    await a.told.until("up again", () => a.neighbor(B).connectionsEstablished === 2);
    expect(a.told.routes.slice(1)).toEqual(["stale ipv4", "lost ipv6"]);
    expect(a.neighbor(B).connectionsRefused).toBe(0);
  });

  test("within a session: what is not said again between the marks of a refresh is lost (RFC 7313)", async () => {
    const { a, peer } = await established({}, { capabilities: capabilities({ name: "enhanced-route-refresh" }) });
    peer.say(announce("10.1.0.0/16", "10.2.0.0/16"));
    const mark = (subtype: number): Message => ({ kind: "route-refresh", family: IPV4_UNICAST, subtype });
    peer.say(mark(2), mark(1), announce("10.1.0.0/16"), mark(7), mark(2), mark(2));
    await a.told.until("swept", () => a.told.routes.includes("lost ipv4 stale"));
    expect(a.told.routes).toEqual(["+10.1.0.0/16 +10.2.0.0/16", "stale ipv4", "+10.1.0.0/16", "lost ipv4 stale"]);
    peer.say(mark(0));
    await peer.hears("route-refresh", 2);
    expect(peer.messages.slice(-2)).toEqual([mark(1), mark(2)]);
  });
});
