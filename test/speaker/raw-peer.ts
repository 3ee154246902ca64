/**
 * A peer of which the test says every byte, over real TCP: it dials, or is dialed, and keeps what it hears. Nothing of the
 * product's speaker is in it but the framer and the decoder that read the answers.
 */
import { connect, type Socket } from "node:net";
import { formatHex } from "#src/bgp/bytes.ts";
import { errorName } from "#src/bgp/error.ts";
import { Framer, frame } from "#src/bgp/framer.ts";
import { MESSAGE } from "#src/bgp/iana.ts";
import { decodeMessage, encodeMessage, type Message } from "#src/bgp/message.ts";
import { IPV4_UNICAST, IPV6_UNICAST } from "#src/bgp/nlri.ts";
import { formatAddress } from "#src/net/address.ts";
import { hex } from "../bgp/hex.ts";
import { Recorder } from "./recorder.ts";

const CONTEXT = { asnSize: 4, peerType: "external", families: [IPV4_UNICAST, IPV6_UNICAST] } as const;

export interface Heard {
  readonly type: number;
  readonly body: Uint8Array;
  readonly message: Message | undefined;
}

const hexNumber = (value: number, bytes: number): string => value.toString(16).padStart(2 * bytes, "0");

export class RawPeer {
  readonly heard: Heard[] = [];
  readonly socket: Socket;
  closed = false;
  private readonly framer = new Framer();
  private readonly news = new Recorder();

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Uint8Array) => this.read(chunk));
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.closed = true;
      this.tell();
    });
  }

  /** Half open: it does not close its side when we close ours. */
  static dial(from: number, to: number, port: number, options: { readonly allowHalfOpen?: boolean } = {}): RawPeer {
    return new RawPeer(connect({ host: formatAddress(to), port, localAddress: formatAddress(from), ...options }));
  }

  write(...parts: readonly Uint8Array[]): void {
    for (const part of parts) this.socket.write(part);
  }

  /** OPEN with these capabilities in one parameter, and the KEEPALIVE that answers theirs. */
  open(asn: number, routerId: number, capabilities = `4104${hexNumber(asn, 4)}`): void {
    const parameter = hex(capabilities).length > 0 ? `02 ${hexNumber(hex(capabilities).length, 1)} ${capabilities}` : "";
    const length = hexNumber(hex(parameter).length, 1);
    const asTwo = hexNumber(asn > 0xffff ? 23456 : asn, 2);
    this.write(frame(MESSAGE.open, hex(`04 ${asTwo} 005a ${hexNumber(routerId, 4)} ${length} ${parameter}`)));
    this.write(frame(MESSAGE.keepalive));
  }

  /** Messages as values; what they do not allow to say is written. */
  say(...messages: readonly Message[]): void {
    for (const message of messages) this.write(...encodeMessage(message, CONTEXT.asnSize));
  }

  /** What it heard and could read. */
  get messages(): readonly Message[] {
    return this.heard.flatMap(({ message }) => message ?? []);
  }

  async hears(kind: Message["kind"], times = 1): Promise<Message> {
    const all = () => this.messages.filter((message) => message.kind === kind);
    await this.news.until(`${times} ${kind} heard`, () => all().length >= times);
    return all()[times - 1];
  }

  async hearsNotification(): Promise<string> {
    const message = await this.hears("notification");
    return message.kind === "notification" ? `${errorName(message.error)} ${formatHex(message.error.data)}`.trim() : "";
  }

  hangsUp(): Promise<void> {
    return this.news.until("the connection is closed", () => this.closed);
  }

  private read(chunk: Uint8Array): void {
    this.framer.push(chunk);
    for (let framing = this.framer.next(); framing.kind === "message"; framing = this.framer.next()) {
      const decoded = decodeMessage(framing.type, framing.body, CONTEXT);
      const message = "message" in decoded ? decoded.message : undefined;
      this.heard.push({ type: framing.type, body: framing.body, message });
    }
    this.tell();
  }

  private tell(): void {
    this.news.onEvent({ kind: "attempt-failed", reason: "", neighbor: 0, atMs: 0 });
  }
}
