/**
 * Weather for a speaker, drawn by a seed: neighbors, members of a range and strangers over real TCP say a part of a
 * conversation and stall, half-close, reset or dial again, while neighbors come, go, change and are reset, also from within
 * the speaker's own events. Its clock runs many times faster than ours, so that its timers fall between all of that.
 */
import { createServer, Socket } from "node:net";
import type { Capability } from "#src/bgp/capabilities.ts";
import { CEASE } from "#src/bgp/iana.ts";
import { encodeMessage } from "#src/bgp/message.ts";
import { cease } from "#src/bgp/notification.ts";
import { type Address, formatAddress, type Ipv4Address } from "#src/net/address.ts";
import { type Clock, systemClock } from "#src/net/clock.ts";
import { randomBelow, seededRandom } from "#src/net/random.ts";
import type { NeighborOptions, SpeakerEvent } from "#src/speaker/neighbor.ts";
import { announce, keepalive, notification, openOf, prefix } from "./loopback.ts";
import { address, type Recorded, recordedSpeaker } from "./recorder.ts";

export const OURS = address("127.0.7.1");
/** Of whoever connects. */
export const ASN_OF_ALL = 65002;
/** Waited for. */
export const PASSIVE = address("127.0.7.2");
/** Dialed, and dials. */
const DIALED = address("127.0.7.3");
/** No part of the storm. */
export const BYSTANDER = address("127.0.7.4");
const STRANGER = address("127.0.7.5");
const RANGE = { prefix: prefix("127.0.7.64/28"), remoteAsn: ASN_OF_ALL, limit: 2 };
/** One more than there may be. */
const MEMBERS = ["127.0.7.65", "127.0.7.66", "127.0.7.67"].map(address);
const NEIGHBORS: readonly Ipv4Address[] = [PASSIVE, DIALED];
const COMERS: readonly Ipv4Address[] = [...NEIGHBORS, ...NEIGHBORS, ...MEMBERS, STRANGER];

/** So many times faster the speaker's time goes. */
const HURRIES = [1, 20, 100];

const hurried = (times: number): Clock => ({
  ...systemClock,
  nowMs: () => systemClock.nowMs() * times,
  setTimer: (delayMs, run) => systemClock.setTimer(delayMs / times, run),
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export interface Storm extends Recorded {
  readonly port: number;
  /** Changes of state that do not begin where the one before has ended: a session that goes on beside its successor. */
  readonly contradictions: readonly string[];
  blow(gusts: number): Promise<void>;
  /** Settles when everybody has gone. */
  pass(): Promise<void>;
}

export async function brew(seed: number): Promise<Storm> {
  const random = seededRandom(seed);
  const below = (bound: number): number => randomBelow(random, bound);
  const oneIn = (count: number): boolean => below(count) === 0;
  const pick = <Item>(items: readonly Item[]): Item => items[below(items.length)];
  let isBlowing = false;

  const contradictions: string[] = [];
  const states = new Map<Address, string>();
  const recorded = recordedSpeaker({
    asn: 65000,
    routerId: OURS,
    listen: { address: OURS, port: 0 },
    connectRetrySeconds: 2,
    clock: hurried(pick(HURRIES)),
    random,
    onEvent: (event) => hear(event),
    record(record) {
      if (record.kind !== "state") return;
      const before = states.get(record.peer) ?? "Idle";
      if (record.from !== before) contradictions.push(`${formatAddress(record.peer)}: ${record.from}, and was ${before}`);
      states.set(record.peer, record.to);
    },
  });
  const { speaker, told } = recorded;

  const optionsOf = (at: Address): NeighborOptions => ({
    address: at,
    remoteAsn: ASN_OF_ALL,
    localAddress: OURS,
    ...(at === DIALED ? { port: theirPort, connectRetrySeconds: 1 + below(3) } : { passive: true }),
    ...(oneIn(2) && { holdTimeSeconds: 3 + below(30) }),
    ...(oneIn(4) && { shutdown: true }),
  });

  /** What may be asked for at any moment, from within an event too. */
  const disturb = (at: Address): void => {
    const deeds = [
      () => speaker.removeNeighbor(at),
      () => speaker.resetNeighbor(at, "in a storm"),
      () => speaker.endNeighbor(at, cease(CEASE.bfdDown)),
      () => speaker.beginNeighbor(at),
      () => speaker.announce(at, { withdrawn: [prefix("198.51.100.0/24")], announcements: [] }),
    ];
    pick(deeds)();
  };

  /** What comes from outside, between events. */
  const configure = (): void => {
    const at = pick(NEIGHBORS);
    const isThere = speaker.neighbors().some((neighbor) => neighbor.address === at);
    if (oneIn(4)) {
      speaker.removeRange(RANGE.prefix);
      speaker.addRange(RANGE);
    } else if (!isThere) speaker.addNeighbor(optionsOf(at));
    else if (oneIn(2)) speaker.changeNeighbor(optionsOf(at));
    else disturb(pick(COMERS));
  };

  const hear = (event: SpeakerEvent): void => {
    told.onEvent(event);
    if (isBlowing && event.neighbor !== BYSTANDER && oneIn(8)) disturb(event.neighbor);
  };

  const sockets = new Set<Socket>();
  const hold = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    return socket.on("close", () => sockets.delete(socket));
  };

  /** All that a peer might say. */
  const conversationOf = (at: Ipv4Address): Buffer => {
    const capabilities: Capability[] = [{ name: "four-octet-as", asn: ASN_OF_ALL }];
    const restart = { restarting: false, notification: oneIn(2), restartTimeSeconds: 5, families: [] };
    if (oneIn(3)) capabilities.push({ name: "graceful-restart", ...restart });
    const messages = [
      openOf(at, { asn: ASN_OF_ALL, routerId: at, capabilities, holdTimeSeconds: pick([0, 3, 9, 90]) }),
      ...Array.from({ length: 1 + below(3) }, () => keepalive),
      ...Array.from({ length: below(100) }, () => announce(`192.0.${below(256)}.0/24`)),
      ...(oneIn(4) ? [notification(6, pick([2, 4, 7]))] : []),
    ];
    return Buffer.concat(messages.flatMap((message) => encodeMessage(message, 4)));
  };

  /** A conversation as it should be, up to some byte of it, and then what should not be. */
  const converse = async (socket: Socket, at: Ipv4Address): Promise<void> => {
    const bytes = conversationOf(at);
    const end = oneIn(3) ? bytes.length : below(oneIn(2) ? bytes.length : 120);
    if (!oneIn(3)) socket.resume();
    for (let said = 0; said < end && socket.writable; ) {
      const next = Math.min(end, said + 1 + below(oneIn(2) ? 40 : 4000));
      socket.write(bytes.subarray(said, next));
      said = next;
      if (oneIn(3)) await turn();
    }
    if (oneIn(12)) socket.write("GET / HTTP/1.1\r\n\r\n");
    for (let turns = below(6); turns > 0; turns--) await turn();
    const endings = [
      () => socket.end(),
      () => socket.destroy(),
      () => socket.resetAndDestroy(),
      () => dial(at),
      // They stall, and some of them do not even read.
      () => undefined,
      () => undefined,
    ];
    pick(endings)();
  };

  const dial = (at: Ipv4Address): void => {
    if (!isBlowing) return;
    const socket = hold(new Socket({ allowHalfOpen: oneIn(2) }));
    socket.connect({ host: formatAddress(OURS), port, localAddress: formatAddress(at) });
    switch (below(10)) {
      case 0:
        return void socket.resetAndDestroy();
      case 1:
        return void socket.once("connect", () => socket.resetAndDestroy());
      default:
        void converse(socket, at);
    }
  };

  const server = createServer({ allowHalfOpen: true }, (socket) => {
    hold(socket);
    if (oneIn(6)) socket.resetAndDestroy();
    else void converse(socket, DIALED);
  });
  await new Promise<void>((resolve) => server.listen(0, formatAddress(DIALED), resolve));
  const theirs = server.address();
  const theirPort = theirs && typeof theirs === "object" ? theirs.port : 0;
  await speaker.start();
  const port = speaker.listening()?.port ?? 0;
  speaker.addNeighbor({ address: BYSTANDER, remoteAsn: ASN_OF_ALL, passive: true });
  for (const at of NEIGHBORS) speaker.addNeighbor(optionsOf(at));
  speaker.addRange(RANGE);

  return {
    ...recorded,
    port,
    contradictions,
    async blow(gusts) {
      isBlowing = true;
      for (let gust = 0; gust < gusts; gust++) {
        if (oneIn(5)) configure();
        else for (let count = oneIn(12) ? below(8) : 1; count > 0; count--) dial(pick(COMERS));
        for (let turns = below(4); turns > 0; turns--) await turn();
      }
      isBlowing = false;
    },
    async pass() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
      while (sockets.size > 0) await turn();
    },
  };
}
