/** Neighbors by prefix: who may come, how many, and when they are forgotten. */
import { describe, expect, test } from "vitest";
import { CEASE } from "#src/bgp/iana.ts";
import { cease } from "#src/bgp/notification.ts";
import type { RangeOptions } from "#src/speaker/ranges.ts";
import { createFakeClock } from "../common/fake-clock.ts";
import { A, asnOf, B, dialFrom, keepalive, openOf, prefix, type Started, start } from "./loopback.ts";
import { address } from "./recorder.ts";

describe("a range of neighbors", () => {
  const C = address("127.0.1.3");
  const range = (more: Partial<RangeOptions> = {}): RangeOptions => ({
    prefix: prefix("127.0.1.0/24"),
    remoteAsn: asnOf[B],
    limit: 1,
    description: "a node",
    ...more,
  });
  const come = async (a: Started, from: number) => {
    const peer = dialFrom(from, A, a.port);
    peer.say(openOf(B, { routerId: from }), keepalive);
    await a.told.until("up", () => a.told.hasEvent("session-up", from));
    return peer;
  };

  test("takes whoever connects from inside, up to its limit, and forgets who is gone", async () => {
    const clock = createFakeClock();
    const a = await start(A, { clock });
    a.speaker.addRange(range());
    const peer = await come(a, B);
    expect(a.speaker.neighbors()).toMatchObject([{ address: B, description: "a node", range: range().prefix, passive: true }]);
    expect(await dialFrom(C, A, a.port).hearsNotification()).toBe("Cease/Connection Rejected");
    expect(a.told.events.at(-1)).toMatchObject({ neighbor: C, reason: "its range has 1 neighbors already" });
    peer.socket.resetAndDestroy();
    await a.told.until("gone", () => a.told.hasEvent("session-down", B));
    await clock.pass(4999);
    expect(a.speaker.neighbors()).toMatchObject([{ address: B, state: "Active" }]);
    await clock.pass(1);
    expect(a.speaker.neighbors()).toEqual([]);
    await come(a, C);
  });

  test("has members to whom we are another AS", async () => {
    const a = await start(A);
    a.speaker.addRange(range({ localAsn: 64999 }));
    expect(await (await come(a, B)).hears("open")).toMatchObject({ asn: 64999 });
    expect(a.neighbor(B)).toMatchObject({ localAsn: 64999, type: "external" });
  });

  test("keeps down who was ended, until it is begun again", async () => {
    const clock = createFakeClock();
    const a = await start(A, { clock });
    a.speaker.addRange(range());
    const peer = await come(a, B);
    a.speaker.endNeighbor(B, cease(CEASE.maximumPrefixes));
    await peer.hearsNotification();
    peer.socket.destroy();
    await clock.pass(5000);
    expect(a.speaker.neighbors()).toMatchObject([{ address: B, state: "Idle", damped: false }]);
    expect(await dialFrom(B, A, a.port).hearsNotification()).toBe("Cease/Connection Rejected");
    a.speaker.beginNeighbor(B);
    dialFrom(B, A, a.port).say(openOf(B), keepalive);
    await a.told.until("back", () => a.told.hasEvent("session-up", B, 2));
    a.speaker.endNeighbor(B, cease(CEASE.maximumPrefixes));
    a.speaker.beginNeighbor(B);
    await clock.pass(5000);
    expect(a.speaker.neighbors()).toEqual([]);
  });

  test("keeps who comes back in time", async () => {
    const clock = createFakeClock();
    const a = await start(A, { clock });
    a.speaker.addRange(range());
    (await come(a, B)).socket.resetAndDestroy();
    await a.told.until("gone", () => a.told.hasEvent("session-down", B));
    dialFrom(B, A, a.port).say(openOf(B), keepalive);
    await a.told.until("back", () => a.told.hasEvent("session-up", B, 2));
    await clock.pass(5000);
    expect(a.neighbor(B)).toMatchObject({ state: "Established", connectionsEstablished: 2 });
  });

  test("goes with its members; who is named is none; the longest range decides", async () => {
    const a = await start(A);
    a.speaker.addRange(range({ limit: 2 }));
    a.speaker.addRange(range({ prefix: prefix("127.0.1.3/32"), description: "the third" }));
    const [b, c] = [await come(a, B), await come(a, C)];
    expect(a.neighbor(C).description).toBe("the third");
    a.speaker.addNeighbor({ address: B, remoteAsn: asnOf[B], passive: true, description: "named" });
    expect(await b.hearsNotification()).toBe("Cease/Other Configuration Change");
    a.speaker.removeRange(prefix("127.0.1.3/32"));
    expect(await c.hearsNotification()).toBe("Cease/Peer De-configured");
    a.speaker.removeRange(prefix("127.0.1.0/24"));
    expect(a.speaker.neighbors()).toMatchObject([{ address: B, description: "named" }]);
  });
});
