/** What MetalLB's native speaker does otherwise than the RFC has it, and what our speaker makes of each, over real TCP. */
import { createServer } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { frame } from "#src/bgp/framer.ts";
import { MESSAGE } from "#src/bgp/iana.ts";
import { formatAddress, parseAddress } from "#src/net/address.ts";
import type { NeighborOptions } from "#src/speaker/neighbor.ts";
import { hex } from "../bgp/hex.ts";
import { createFakeClock, type FakeClock } from "../common/fake-clock.ts";
import { MetalLbSpeaker } from "./metallb.ts";
import { address, eventually, recordedSpeaker } from "./recorder.ts";

const OURS = address("127.0.7.1");
const NODE = address("127.0.7.2");
const NEXT_HOP = address("10.0.0.2");

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

interface Scene {
  readonly asn?: number;
  readonly nodeAsn?: number;
  readonly clock?: FakeClock;
  readonly neighbor?: Partial<NeighborOptions>;
}

async function scene({ asn = 64513, nodeAsn = 64512, clock, neighbor = {} }: Scene = {}) {
  const recorded = recordedSpeaker({ asn, routerId: OURS, listen: { address: OURS, port: 0 }, ...(clock && { clock }) });
  await recorded.speaker.start();
  cleanUps.push(() => recorded.speaker.stop());
  recorded.speaker.addNeighbor({ address: NODE, remoteAsn: nodeAsn, passive: true, ...neighbor });
  const port = recorded.speaker.listening()?.port ?? 0;
  const node = new MetalLbSpeaker({ asn: nodeAsn, peerAsn: asn, from: NODE, nextHop: NEXT_HOP, to: OURS, port });
  cleanUps.push(() => node.end());
  return { ...recorded, node, state: () => recorded.neighbor(NODE) };
}

async function established(options: Scene = {}) {
  const all = await scene(options);
  all.node.start();
  await all.told.until("session up", () => all.told.hasEvent("session-up", NODE));
  return all;
}

const SERVICES = Array.from({ length: 900 }, (_, i) => `198.51.${100 + (i >> 8)}.${i & 255}/32`);

describe("MetalLB's native speaker", () => {
  test("comes up, announces one prefix a message, and says no End-of-RIB", async () => {
    const { node, told, state } = await established();
    node.announce("198.51.100.10/32", { communities: [0xfc000001, 0xffff0000] });
    node.announce("198.51.100.11/32");
    await told.until("both", () => told.updates.length === 2);
    expect(told.routes).toEqual(["+198.51.100.10/32", "+198.51.100.11/32"]);
    expect(told.updates[0]).toMatchObject({
      attributes: { origin: 0, asPath: [{ type: 2, asns: [64512] }], nextHop: NEXT_HOP, communities: [0xfc000001, 0xffff0000] },
    });
    expect(state()).toMatchObject({ holdTimeSeconds: 90, prefixesReceived: 2, endOfRibReceived: false });
  });

  test("inside our AS sends an empty path and a local preference of 0, which counts", async () => {
    const { node, told } = await established({ asn: 64512 });
    node.announce("198.51.100.10/32", { localPreference: 0 });
    await told.until("the route", () => told.updates.length === 1);
    expect(told.updates[0]).toMatchObject({ attributes: { asPath: [], localPreference: 0 } });
  });

  test("1: never enforces our hold time, so we have to keep to it: keepalives go out in time, whatever it says", async () => {
    const clock = createFakeClock();
    const { node, told, state } = await established({ clock });
    for (let i = 0; i < 10; i++) {
      await clock.pass(30_000);
      node.keepalive();
      await eventually("it is heard", () => state().messagesReceived.keepalive > i + 1);
    }
    expect(node.state).toBe("established");
    expect(node.heard.filter((type) => type === MESSAGE.keepalive).length).toBeGreaterThanOrEqual(10);
    // And when it falls silent itself, it is we who notice.
    await clock.pass(91_000);
    await told.until("the loss", () => told.hasEvent("session-down", NODE));
    expect(state().lastNotification).toMatchObject({ direction: "sent", name: "Hold Timer Expired" });
  });

  test("2: is established before our KEEPALIVE; refused each time, it comes back at once, and is refused without a session", async () => {
    const { node, told, state } = await scene({ nodeAsn: 64512, neighbor: { remoteAsn: 64999 } });
    for (let attempt = 1; attempt <= 8; attempt++) {
      node.start();
      await node.until("it is down again", () => node.state === "down");
      expect(node.backoffSeconds).toBe(0);
    }
    // Bounded by us: after a few failures the connection is refused before an OPEN is exchanged.
    expect(state().connectionsRefused).toBeGreaterThan(0);
    expect(state().connectionsEstablished).toBe(0);
    expect(told.events.filter(({ kind }) => kind === "attempt-failed").length).toBeLessThan(8);
  });

  test("3: ends without a word; the routes are lost with the connection", async () => {
    const { node, told, state } = await established();
    node.announce("198.51.100.10/32");
    await told.until("the route", () => told.updates.length === 1);
    node.stop();
    await told.until("the loss", () => told.routes.at(-1) === "lost");
    expect(state().lastReset?.reason).toBe("closed by the peer");
    expect(state().lastNotification).toBeUndefined();
  });

  test("4: refuses an OPEN of less than 37 bytes, and options other than capabilities: ours is neither", async () => {
    const { node } = await established({ neighbor: { families: ["ipv4-unicast"] } });
    expect([node.state, node.failure]).toEqual(["established", undefined]);
    // The imitation does refuse: a router without capabilities, and one with RFC 9072's extended form.
    for (const [options, failure] of [
      ["00", "message too short"],
      ["0c ff 0c 00 00 00 00 00 00 00 00 00 00", "unknown BGP option type 255"],
    ]) {
      const server = createServer((socket) => socket.write(frame(MESSAGE.open, hex(`04 fc01 005a 0a000001 ${options}`))));
      await new Promise<void>((resolve) => server.listen(0, formatAddress(OURS), resolve));
      cleanUps.push(() => server.close());
      const { port } = server.address() as { port: number };
      const other = new MetalLbSpeaker({ asn: 64512, peerAsn: 64513, from: NODE, nextHop: NEXT_HOP, to: OURS, port });
      cleanUps.push(() => other.end());
      other.start();
      await other.until("it has failed", () => other.failure !== undefined);
      expect(other.failure).toBe(failure);
    }
  });

  test("5: withdraws all in one message: 814 prefixes fit, and with more the session goes down with the routes, by name", async () => {
    const { node, told, state } = await established();
    for (const service of SERVICES) node.announce(service);
    await told.until("all", () => told.updates.length === SERVICES.length);
    expect(state().prefixesReceived).toBe(900);
    node.withdraw(...SERVICES.slice(0, 814));
    await told.until("most are gone", () => state().prefixesReceived === 86);
    for (const service of SERVICES) node.announce(service);
    await told.until("all again", () => state().prefixesReceived === 900);
    node.withdraw(...SERVICES);
    await told.until("the loss", () => told.routes.at(-1) === "lost");
    expect(state().lastNotification).toMatchObject({ direction: "sent", name: "Message Header Error/Bad Message Length" });
    await node.until("it has heard", () => node.state === "down");
    expect(node.failure).toBe("got BGP notification code 1");
  });

  test("6: eats a route refresh and all else in silence, and the session lives on", async () => {
    const { node, told, state } = await established();
    await node.until("our End-of-RIB", () => node.heard.includes(MESSAGE.update));
    node.announce("198.51.100.10/32");
    await told.until("the route", () => told.updates.length === 1);
    expect(state().state).toBe("Established");
    expect(node.failure).toBeUndefined();
  });

  test("7: over IPv6 writes a next hop of 16 bytes under a length of 4: the route is not believed, the session lives", async () => {
    const { node, told, state } = await established();
    node.announce("198.51.100.10/32", { nextHop: parseAddress("2001:db8::2") as string });
    await told.until("the fault", () => told.hasEvent("update-fault", NODE));
    expect(state()).toMatchObject({ state: "Established", prefixesReceived: 0 });
    expect(state().updateFaults["treat-as-withdraw"]).toBeGreaterThan(0);
    expect(told.routes).not.toContain("+198.51.100.10/32");
  });

  test("8: has AS 65536 and more only towards those who know four octets, and we do", async () => {
    const { node, told } = await established({ nodeAsn: 4200000000 });
    node.announce("198.51.100.10/32");
    await told.until("the route", () => told.updates.length === 1);
    expect(node.peerHasFourOctets).toBe(true);
    expect(told.updates[0]).toMatchObject({ peer: { asn: 4200000000 }, attributes: { asPath: [{ asns: [4200000000] }] } });
  });

  test("9: says everything again after a loss, and a prefix anew with more communities: the last word counts", async () => {
    const { node, told, state } = await established();
    node.announce("198.51.100.10/32", { communities: [1] });
    node.announce("198.51.100.10/32", { communities: [1, 2] });
    await told.until("both", () => told.updates.length === 2);
    expect(state().prefixesReceived).toBe(1);
    node.end();
    await told.until("the loss", () => told.routes.at(-1) === "lost");
    node.start();
    await told.until("up again", () => told.hasEvent("session-up", NODE, 2));
    node.announce("198.51.100.10/32", { communities: [1, 2] });
    await told.until("the route again", () => told.routes.at(-1) === "+198.51.100.10/32");
    expect(told.updates.at(-1)).toMatchObject({ attributes: { communities: [1, 2] } });
    expect(state()).toMatchObject({ prefixesReceived: 1, connectionsEstablished: 2 });
  });
});
