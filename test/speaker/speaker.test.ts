/** Who gets a session: of two connections one, of a stranger none; how a speaker begins and ends. */
import { describe, expect, onTestFinished, test } from "vitest";
import { createFakeClock } from "../common/fake-clock.ts";
import { A, asnOf, B, dialFrom, established, keepalive, listenAt, openOf, start } from "./loopback.ts";
import { RawPeer } from "./raw-peer.ts";
import { eventually, recordedSpeaker } from "./recorder.ts";

describe("connections that are not taken", () => {
  test("of a stranger", async () => {
    // With a clock that stands still, only the proper way leads to the end of the connection.
    const a = await start(A, { clock: createFakeClock() });
    const peer = dialFrom(B, A, a.port);
    peer.say(openOf(B), keepalive);
    expect(await peer.hearsNotification()).toBe("Cease/Connection Rejected");
    await peer.hangsUp();
    expect(a.speaker.refusedStrangers()).toBe(1);
    expect(a.told.events).toMatchObject([{ kind: "refused-connection", neighbor: B, reason: "not a neighbor" }]);
  });

  test("of a neighbor whose session is up", async () => {
    const { a, peer } = await established();
    const second = dialFrom(B, A, a.port);
    expect(await second.hearsNotification()).toBe("Cease/Connection Collision Resolution");
    await second.hangsUp();
    expect(a.neighbor(B)).toMatchObject({ state: "Established", connectionsRefused: 1 });
    expect(peer.closed).toBe(false);
  });

  test("and one that was reset while it waited is not let in when the session ends", async () => {
    const { a, peer } = await established({ clock: createFakeClock() });
    const second = dialFrom(B, A, a.port);
    // It is asked over the old connection whether that stands.
    await peer.hears("keepalive", 2);
    second.socket.resetAndDestroy();
    await second.hangsUp();
    await new Promise(setImmediate);
    peer.socket.destroy();
    await a.told.until("down", () => a.told.hasEvent("session-down", B));
    expect(a.neighbor(B)).toMatchObject({ state: "Active", connectionsRefused: 0 });
    await a.speaker.stop();
  });

  test("but a newer one takes the place of one that has got nowhere", async () => {
    const a = await start(A);
    a.speaker.addNeighbor({ address: B, remoteAsn: 65002, passive: true });
    const first = dialFrom(B, A, a.port);
    await first.hears("open");
    const second = dialFrom(B, A, a.port);
    expect(await first.hearsNotification()).toBe("Cease/Connection Collision Resolution");
    second.say(openOf(B), keepalive);
    await a.told.until("up", () => a.told.hasEvent("session-up", B));
  });
});

describe("collision, with both connections under the test's hand", () => {
  test.each([
    ["ours wins", A, B],
    ["the peer's wins", B, A],
  ] as const)("%s", async (_, local, remote) => {
    // The higher identifier decides, and identifiers are addresses here.
    const accepted: RawPeer[] = [];
    const { port } = await listenAt(remote, (socket) => accepted.push(new RawPeer(socket)));
    const us = await start(local);
    us.speaker.addNeighbor({ address: remote, remoteAsn: asnOf[remote], port, localAddress: local });
    await eventually("we dialed", () => accepted.length === 1);
    const theirs = dialFrom(remote, local, us.port);
    await Promise.all([accepted[0].hears("open"), theirs.hears("open")]);
    accepted[0].say(openOf(remote));
    await accepted[0].hears("keepalive");
    theirs.say(openOf(remote));
    const [winner, loser] = local > remote ? [accepted[0], theirs] : [theirs, accepted[0]];
    expect(await loser.hearsNotification()).toBe("Cease/Connection Collision Resolution");
    winner.say(keepalive);
    await us.told.until("up", () => us.told.hasEvent("session-up", remote));
    expect(us.neighbor(remote)).toMatchObject({ connectionsEstablished: 1, connectionsDropped: 0 });
  });
});

describe("a speaker", () => {
  test("says what is wrong with a neighbor's options", async () => {
    const { speaker } = recordedSpeaker({ asn: 65001, routerId: A });
    speaker.addNeighbor({ address: B, remoteAsn: 65002 });
    expect(() => speaker.addNeighbor({ address: B, remoteAsn: 65002 })).toThrow("Neighbor 127.0.1.2 is there already");
    const refused = (options: object) => expect(() => speaker.addNeighbor({ address: A, remoteAsn: 1, ...options }));
    refused({ holdTimeSeconds: 2 }).toThrow("Neighbor 127.0.1.1 has a hold time (seconds) of 2: 0 or 3 to 65535 wanted");
    refused({ holdTimeSeconds: 65536 }).toThrow("hold time");
    refused({ connectRetrySeconds: 0 }).toThrow("connect-retry time (seconds) of 0: 1 to 65535 wanted");
    refused({ port: 65536 }).toThrow("port of 65536: 1 to 65535 wanted");
    expect(speaker.neighbors()).toMatchObject([{ address: B, state: "Idle", damped: false }]);
  });

  test("cannot start where somebody listens", async () => {
    const a = await start(A);
    const { speaker } = recordedSpeaker({ asn: 65001, routerId: A, listen: { address: A, port: a.port } });
    await expect(speaker.start()).rejects.toThrow(/cannot bind.*Address already in use/);
  });

  test("whose neighbor is removed by who hears that its session was reset does not begin it again", async () => {
    const states: string[] = [];
    let onLost = (): void => {};
    const { a } = await established({
      record: (record) => void (record.kind === "state" && states.push(record.to)),
      onUpdate: ({ kind }) => (kind === "lost" ? onLost() : undefined),
    });
    onLost = () => a.speaker.removeNeighbor(B);
    a.speaker.resetNeighbor(B);
    expect([a.speaker.neighbors(), states.at(-1)]).toEqual([[], "Idle"]);
  });

  test("has not stopped before the last words to a neighbor that was removed are said", async () => {
    const accepted: RawPeer[] = [];
    const { port } = await listenAt(B, (socket) => accepted.push(new RawPeer(socket)));
    const a = await start(A);
    a.speaker.addNeighbor({ address: B, remoteAsn: 65002, localAddress: A, port });
    await eventually("we dialed", () => accepted.length === 1);
    await accepted[0].hears("open");
    let isHeard = false;
    void accepted[0].hearsNotification().then(() => {
      isHeard = true;
      accepted[0].socket.end();
    });
    a.speaker.removeNeighbor(B);
    await a.speaker.stop();
    expect(isHeard).toBe(true);
  });

  test("stops within its time even if a peer does not close", async () => {
    const { port, server } = await listenAt(B, (socket) => {
      onTestFinished(() => void socket.destroy());
      socket.on("error", () => undefined);
      socket.resume();
    });
    const a = await start(A);
    a.speaker.addNeighbor({ address: B, remoteAsn: 65002, localAddress: A, port });
    const sent = new Promise((resolve) => server.once("connection", resolve));
    await sent;
    await a.speaker.stop();
    expect(a.neighbor(B).state).toBe("Idle");
  });
});
