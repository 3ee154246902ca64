/**
 * MetalLB's native speaker, imitated by what it does on the wire: it dials and never listens, says one OPEN and one UPDATE a
 * prefix, and leaves out much that a speaker owes its peer. Numbers in comments are those of the quirks in `metallb.test.ts`.
 */
import { connect, type Socket } from "node:net";
import { joinBytes, uint16, uint32 } from "#src/bgp/bytes.ts";
import { Framer, frame } from "#src/bgp/framer.ts";
import { MESSAGE } from "#src/bgp/iana.ts";
import { encodePrefix } from "#src/bgp/nlri.ts";
import { addressToBytes, formatAddress } from "#src/net/address.ts";
import { type Prefix, parsePrefix } from "#src/net/prefix.ts";
import { hex, MARKER } from "../bgp/hex.ts";
import { Recorder } from "./recorder.ts";

export interface MetalLbOptions {
  readonly asn: number;
  readonly peerAsn: number;
  /** Where the session goes from; on a node that is also the next hop, on loopback it cannot be. */
  readonly from: number;
  readonly nextHop: number;
  readonly to: number;
  readonly port: number;
  readonly holdTimeSeconds?: number;
}

const BACKOFF_SECONDS = [0, 1, 2, 4, 8, 16, 32, 64, 120];
const MINIMUM_OPEN_BYTES = 37;

export class MetalLbSpeaker {
  private readonly options: MetalLbOptions;
  private readonly news = new Recorder();
  private readonly framer = new Framer();
  private socket: Socket | undefined;
  /** "established" as it sees it. */
  state: "down" | "dialing" | "established" = "down";
  /** What made it give up, in its words. */
  failure: string | undefined;
  peerHasFourOctets = false;
  readonly heard: number[] = [];
  /** Attempts that failed to connect, in a row (2): only those slow it down. */
  connectFailures = 0;

  constructor(options: MetalLbOptions) {
    this.options = options;
  }

  get backoffSeconds(): number {
    return BACKOFF_SECONDS[Math.min(this.connectFailures, BACKOFF_SECONDS.length - 1)];
  }

  start(): void {
    const { from, to, port } = this.options;
    this.state = "dialing";
    this.failure = undefined;
    const socket = connect({ host: formatAddress(to), port, localAddress: formatAddress(from) });
    this.socket = socket;
    socket.on("connect", () => socket.write(this.open()));
    socket.on("data", (chunk: Uint8Array) => this.read(chunk));
    socket.on("error", (error) => {
      if (this.state === "dialing") this.connectFailures++;
      this.failure ??= error.message;
    });
    socket.on("close", () => {
      this.state = "down";
      this.failure ??= "EOF";
      this.tell();
    });
  }

  until(what: string, holds: () => boolean): Promise<void> {
    return this.news.until(what, holds);
  }

  /** One prefix a message; a prefix of IPv6 is out of the question, an IPv6 next hop is not (7). */
  announce(
    text: string,
    { localPreference = 0, communities = [] as readonly number[], nextHop = this.options.nextHop as number | string } = {},
  ): void {
    const { asn, peerAsn } = this.options;
    const internal = asn === peerAsn;
    const path = internal ? [] : [2, 1, ...(this.peerHasFourOctets ? uint32(asn) : uint16(asn))];
    // The length is 4 whatever follows (7).
    const attributes = joinBytes(
      [0x40, 1, 1, 0],
      [0x40, 2, path.length, ...path],
      [0x40, 3, 4],
      addressToBytes(nextHop),
      internal ? [0x40, 5, 4, ...uint32(localPreference)] : [],
      communities.length > 0 ? [0xc0, 8, 4 * communities.length, ...communities.flatMap(uint32)] : [],
    );
    this.say(joinBytes(uint16(0), uint16(attributes.length), attributes, encodePrefix(parsePrefix(text) as Prefix)));
  }

  /** All prefixes in one message, however many they are (5). */
  withdraw(...texts: string[]): void {
    const prefixes = joinBytes(...texts.map((text) => encodePrefix(parsePrefix(text) as Prefix)));
    this.say(joinBytes(uint16(prefixes.length), prefixes, uint16(0)));
  }

  keepalive(): void {
    this.socket?.write(frame(MESSAGE.keepalive));
  }

  /** The process ends, or is configured anew: the connection is closed, and nothing is said (3). */
  stop(): void {
    this.socket?.end();
  }

  end(): void {
    this.socket?.destroy();
  }

  /** Three capabilities in one parameter: IPv4, IPv6 although it never says any, and four-octet AS numbers. */
  private open(): Uint8Array {
    const { asn, from, holdTimeSeconds = 90 } = this.options;
    const capabilities = [1, 4, 0, 1, 0, 1, 1, 4, 0, 2, 0, 1, 65, 4, ...uint32(asn)];
    const body = [
      4,
      ...uint16(asn > 0xffff ? 23456 : asn),
      ...uint16(holdTimeSeconds),
      ...uint32(from),
      20,
      2,
      18,
      ...capabilities,
    ];
    return frame(MESSAGE.open, body);
  }

  private say(body: Uint8Array): void {
    // Its own length field, so that it can be longer than BGP allows (5).
    const length = 19 + body.length;
    this.socket?.write(joinBytes(hex(MARKER), uint16(length), [MESSAGE.update], body));
  }

  private read(chunk: Uint8Array): void {
    this.framer.push(chunk);
    for (let framing = this.framer.next(); framing.kind === "message"; framing = this.framer.next()) {
      this.heard.push(framing.type);
      if (framing.type === MESSAGE.open) this.judgeOpen(framing.body);
      // Everything else is eaten in silence (6), and the hold timer of the peer is never looked at (1).
      if (framing.type === MESSAGE.notification) this.fail(`got BGP notification code ${framing.body[0]}`);
    }
    this.tell();
  }

  private judgeOpen(body: Uint8Array): void {
    const { asn } = this.options;
    if (19 + body.length < MINIMUM_OPEN_BYTES) return this.fail("message too short");
    for (let offset = 10; offset < body.length; offset += 2 + body[offset + 1]) {
      if (body[offset] !== 2) return this.fail(`unknown BGP option type ${body[offset]}`);
      for (let at = offset + 2; at < offset + 2 + body[offset + 1]; at += 2 + body[at + 1]) {
        if (body[at] === 65) this.peerHasFourOctets = true;
      }
    }
    // One more than what two octets hold (8).
    if (!this.peerHasFourOctets && asn > 65536) return this.fail("peer does not support 4-byte ASNs");
    this.keepalive();
    // It does not wait for the peer's KEEPALIVE (2).
    this.state = "established";
    this.connectFailures = 0;
  }

  private fail(reason: string): void {
    this.failure = reason;
    this.socket?.end();
  }

  private tell(): void {
    this.news.onEvent({ kind: "attempt-failed", reason: "", neighbor: 0, atMs: 0 });
  }
}
