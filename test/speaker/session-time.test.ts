/** What time does to a session: hold time, keepalives, dialing again, and how often a peer may fail. */
import { describe, expect, test } from "vitest";
import { createFakeClock } from "../common/fake-clock.ts";
import { A, announce, B, dialFrom, established, keepalive, listenAt, openOf, start } from "./loopback.ts";
import { eventually } from "./recorder.ts";

describe("time", () => {
  test("a silent peer is given up after the hold time, and not a moment before", async () => {
    const clock = createFakeClock();
    const { a, peer } = await established({ clock }, { holdTimeSeconds: 9 });
    await clock.pass(8999);
    expect(a.neighbor(B).state).toBe("Established");
    expect(a.neighbor(B).messagesSent.keepalive).toBeGreaterThanOrEqual(3);
    await clock.pass(1);
    expect(await peer.hearsNotification()).toBe("Hold Timer Expired");
    expect(a.told.updates).toEqual([expect.objectContaining({ kind: "lost", reason: "sent Hold Timer Expired" })]);
  });

  test("keepalives keep it up, and go out after a third of the hold time at the latest", async () => {
    const clock = createFakeClock();
    const { a, peer } = await established({ clock }, { holdTimeSeconds: 9 });
    for (let passed = 1; passed <= 10; passed++) {
      const before = a.neighbor(B).messagesReceived.keepalive;
      peer.say(keepalive);
      await eventually("the keepalive arrives", () => a.neighbor(B).messagesReceived.keepalive > before);
      await clock.pass(3000);
      expect(a.neighbor(B).messagesSent.keepalive).toBeGreaterThanOrEqual(passed + 1);
    }
    expect(a.neighbor(B).state).toBe("Established");
  });

  test("a keepalive that lies in the socket counts, although the hold timer has its turn first", async () => {
    const clock = createFakeClock();
    const { a, peer } = await established({ clock }, { holdTimeSeconds: 9 });
    await clock.pass(8999);
    peer.say(keepalive);
    await clock.pass(1);
    expect(a.neighbor(B).state).toBe("Established");
    await clock.pass(9000);
    expect(await peer.hearsNotification()).toBe("Hold Timer Expired");
  });

  test("hold time 0: neither keepalives nor an end", async () => {
    const clock = createFakeClock();
    const { a, peer } = await established({ clock }, { holdTimeSeconds: 0 });
    await clock.pass(10 * 3600 * 1000);
    expect(a.neighbor(B)).toMatchObject({ state: "Established", holdTimeSeconds: 0, messagesSent: { keepalive: 1 } });
    peer.say(announce("10.1.0.0/16"));
    await a.told.until("a route", () => a.told.updates.length === 1);
  });

  test("a storm of a peer that fails each time is bounded: after five failures it is refused for a while", async () => {
    const clock = createFakeClock();
    const a = await start(A, { clock });
    a.speaker.addNeighbor({ address: B, remoteAsn: 65002, passive: true });
    const answers: string[] = [];
    for (let attempt = 0; attempt < 8; attempt++) {
      const peer = dialFrom(B, A, a.port);
      peer.say(openOf(B, { asn: 64999, capabilities: [] }));
      answers.push(await peer.hearsNotification());
      await peer.hangsUp();
    }
    expect(answers).toEqual([...Array(5).fill("OPEN Message Error/Bad Peer AS"), ...Array(3).fill("Cease/Connection Rejected")]);
    expect(a.neighbor(B)).toMatchObject({ state: "Active", damped: false, connectionsRefused: 3 });
    await clock.pass(5000);
    const peer = dialFrom(B, A, a.port);
    peer.say(openOf(B), keepalive);
    await a.told.until("the neighbor is up", () => a.told.hasEvent("session-up", B));
  });

  test("connections that supersede each other are a counter each and an event a second", async () => {
    const clock = createFakeClock();
    const a = await start(A, { clock });
    a.speaker.addNeighbor({ address: B, remoteAsn: 65002, passive: true });
    for (let i = 0; i < 20; i++) await dialFrom(B, A, a.port).hears("open");
    expect(a.neighbor(B).messagesSent.notification).toBe(19);
    const told = () => a.told.events.filter(({ kind }) => kind === "notification");
    expect(told()).toMatchObject([{ count: 1, notification: { direction: "sent" } }]);
    await clock.pass(1000);
    expect(told()).toMatchObject([{ count: 1 }, { count: 18 }]);
    await clock.pass(2000);
    expect(told()).toHaveLength(2);
  });

  test("a refused dial is repeated after the connect-retry time, less a quarter at most", async () => {
    const clock = createFakeClock();
    const a = await start(A, { clock, connectRetrySeconds: 100, random: () => 0 });
    const closedPort = await unusedPort(B);
    a.speaker.addNeighbor({ address: B, remoteAsn: 65002, port: closedPort, localAddress: A });
    await a.told.until("refused", () => a.told.hasEvent("attempt-failed", B));
    expect(a.neighbor(B)).toMatchObject({
      state: "Active",
      lastReset: { reason: `connect ECONNREFUSED 127.0.1.2:${closedPort}` },
    });
    await clock.pass(74_999);
    expect(a.neighbor(B).state).toBe("Active");
    await clock.pass(1);
    await a.told.until("refused again", () => a.told.hasEvent("attempt-failed", B, 2));
  });
});

async function unusedPort(at: number): Promise<number> {
  const { port, server } = await listenAt(at);
  await new Promise((resolve) => server.close(resolve));
  return port;
}
