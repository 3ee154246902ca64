/**
 * Speakers of ours and raw peers on loopback, each on an address of 127/8 of its own, by which they tell each other apart, and the
 * few messages that most tests say. What is begun here ends with the test.
 */
import { createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import { bgpError } from "#src/bgp/error.ts";
import type { Message } from "#src/bgp/message.ts";
import type { OpenMessage } from "#src/bgp/open.ts";
import { SEGMENT } from "#src/bgp/path.ts";
import { formatAddress } from "#src/net/address.ts";
import { type Prefix, parsePrefix } from "#src/net/prefix.ts";
import type { NeighborOptions } from "#src/speaker/neighbor.ts";
import { RawPeer } from "./raw-peer.ts";
import { address, type Recorded, recordedSpeaker } from "./recorder.ts";

export const A = address("127.0.1.1");
export const B = address("127.0.1.2");
export const asnOf = { [A]: 65001, [B]: 65002 };

export type Started = Recorded & { readonly port: number };

/** A speaker that listens on `at`, if it listens at all. */
export async function start(at: number, options: Partial<Parameters<typeof recordedSpeaker>[0]> = {}): Promise<Started> {
  const recorded = recordedSpeaker({ asn: asnOf[at], routerId: at, listen: { address: at, port: 0 }, ...options });
  await recorded.speaker.start();
  onTestFinished(() => recorded.speaker.stop());
  return { ...recorded, port: recorded.speaker.listening()?.port ?? 0 };
}

/** Something that listens on `at` and is no speaker; the port of one that has stopped is one that nobody listens on. */
export async function listenAt(at: number, onSocket: (socket: Socket) => void = () => undefined) {
  const server = createServer({ allowHalfOpen: true }, onSocket);
  await new Promise<void>((resolve) => server.listen(0, formatAddress(at), resolve));
  onTestFinished(() => void server.close());
  const bound = server.address();
  if (typeof bound !== "object" || !bound) throw new Error("No port to listen on");
  return { port: bound.port, server };
}

export function dialFrom(from: number, to: number, port: number): RawPeer {
  const peer = RawPeer.dial(from, to, port);
  onTestFinished(() => void peer.socket.destroy());
  return peer;
}

/** A, passive, with a raw B that has come up. */
export async function established(
  options: Parameters<typeof start>[1] = {},
  more: Partial<OpenMessage> = {},
  neighbor: Partial<NeighborOptions> = {},
): Promise<{ a: Started; peer: RawPeer }> {
  const a = await start(A, options);
  a.speaker.addNeighbor({ address: B, remoteAsn: asnOf[B], passive: true, ...neighbor });
  const peer = dialFrom(B, A, a.port);
  await peer.hears("open");
  peer.say(openOf(B, more), keepalive);
  await a.told.until("session up", () => a.told.hasEvent("session-up", B));
  return { a, peer };
}

export const openOf = (at: number, more: Partial<OpenMessage> = {}): OpenMessage => ({
  kind: "open",
  asn: asnOf[at],
  holdTimeSeconds: 90,
  routerId: at,
  capabilities: [{ name: "four-octet-as", asn: asnOf[at] }],
  ...more,
});

export const keepalive: Message = { kind: "keepalive" };

export const notification = (code: number, subcode: number, ...data: number[]): Message => ({
  kind: "notification",
  error: bgpError(code, subcode, data),
});

export const prefix = (text: string): Prefix => parsePrefix(text) as Prefix;

export const announce = (...texts: string[]): Message => ({
  kind: "update",
  withdrawn: [],
  announcements: [
    {
      prefixes: texts.map(prefix),
      attributes: { origin: 0, asPath: [{ type: SEGMENT.sequence, asns: [asnOf[B]] }], nextHop: address("10.0.0.2") },
    },
  ],
});
