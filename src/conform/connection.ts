/**
 * A raw BGP connection: what the scripts of the checks speak through. It sends whatever bytes it is told to, hands over what
 * arrives message by message, writes both down, and judges nothing. A speaker that floods is held back by TCP.
 */
import type { Socket } from "node:net";
import type { DecodeContext } from "../bgp/attributes.ts";
import { joinBytes, uint16 } from "../bgp/bytes.ts";
import type { Fault } from "../bgp/error.ts";
import { Framer, frame, HEADER_LENGTH, MAXIMUM_EXTENDED_LENGTH } from "../bgp/framer.ts";
import { CEASE, MESSAGE } from "../bgp/iana.ts";
import { decodeMessage, encodeMessage, type Message } from "../bgp/message.ts";
import { administrativeCease } from "../bgp/notification.ts";
import { type CancelTimer, type Clock, delay } from "../net/clock.ts";
import { describeError, describeMessage } from "./describe.ts";
import type { Transcript } from "./transcript.ts";

export type Arrival =
  | {
      readonly kind: "message";
      readonly message: Message;
      readonly body: Uint8Array;
      readonly atMs: number;
      readonly faults: readonly Fault[];
    }
  /** Bytes that are no BGP message: nothing can follow them. */
  | { readonly kind: "garbage"; readonly atMs: number }
  | { readonly kind: "closed"; readonly atMs: number };

const MAXIMUM_WAITING = 512;
/** For the speaker to close its side. */
const CLOSE_MS = 500;

export class RawConnection {
  /** What the bytes of an UPDATE mean; set when both OPENs are known. */
  private context: DecodeContext = { asnSize: 2, peerType: "external", families: [] };
  private readonly socket: Socket;
  private readonly clock: Clock;
  private readonly label: string;
  private transcript: Transcript;
  private readonly framer = new Framer();
  private readonly waiting: Arrival[] = [];
  private wake: (() => void) | undefined;
  private cancelKeepalive: CancelTimer | undefined;
  private isOver = false;

  /** The socket is connected. The label tells connections apart in a script that has several; it may be empty. */
  constructor(socket: Socket, clock: Clock, transcript: Transcript, label: string) {
    this.socket = socket;
    this.clock = clock;
    this.transcript = transcript;
    this.label = label === "" ? "" : `${label}: `;
    let reason = "closed";
    socket.on("data", (chunk: Uint8Array) => this.receive(chunk));
    socket.on("error", (error: NodeJS.ErrnoException) => {
      reason = error.code === "ECONNRESET" ? "reset" : error.message;
    });
    socket.on("end", () => this.over(reason));
    socket.on("close", () => this.over(reason));
  }

  get isOpen(): boolean {
    return !this.isOver;
  }

  agree(context: DecodeContext, extendedMessage: boolean): void {
    this.context = context;
    if (extendedMessage) this.framer.maximumLength = MAXIMUM_EXTENDED_LENGTH;
  }

  send(what: string, bytes: Uint8Array): void {
    this.transcript.add("sent", this.label + what, bytes);
    if (this.socket.writable) this.socket.write(bytes);
  }

  /** A KEEPALIVE now, and again and again, so that the speaker's hold timer never expires. */
  keepAlive(everyMs: number): void {
    this.quiet();
    if (this.isOver) return;
    this.send("KEEPALIVE", frame(MESSAGE.keepalive));
    this.cancelKeepalive = this.clock.setTimer(everyMs, () => this.keepAlive(everyMs));
  }

  quiet(): void {
    this.cancelKeepalive?.();
    this.cancelKeepalive = undefined;
  }

  /** The next thing that arrives; undefined if that is not before `endMs`. The end comes again and again. */
  async next(endMs: number): Promise<Arrival | undefined> {
    for (;;) {
      const first = this.waiting[0];
      if (first) {
        if (first.kind === "message") this.waiting.shift();
        if (this.socket.isPaused() && this.waiting.length < MAXIMUM_WAITING) this.socket.resume();
        return first;
      }
      const leftMs = endMs - this.clock.nowMs();
      if (leftMs <= 0) return undefined;
      let cancel: CancelTimer = () => undefined;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
        cancel = this.clock.setTimer(leftMs, resolve);
      });
      cancel();
    }
  }

  /** With a word of goodbye, if there is somebody to hear it. */
  leave(): void {
    if (this.isOver) return;
    const error = administrativeCease(CEASE.administrativeReset);
    this.send("NOTIFICATION Cease/Administrative Reset", encodeMessage({ kind: "notification", error }, 4)[0]);
    this.close();
  }

  /** Without a word; whatever still arrives is thrown away. */
  close(): void {
    if (!this.isOver) this.arrived({ kind: "closed", atMs: this.clock.nowMs() });
    this.quiet();
    this.isOver = true;
    this.socket.removeAllListeners("data");
    this.socket.on("error", () => undefined);
    if (this.socket.destroyed) return;
    this.socket.end();
    this.socket.resume();
    void delay(this.clock, CLOSE_MS).then(() => this.socket.destroy());
  }

  private receive(chunk: Uint8Array): void {
    this.framer.push(chunk);
    for (;;) {
      const framing = this.framer.next();
      if (framing.kind === "more") break;
      const atMs = this.clock.nowMs();
      if (framing.kind === "error") {
        this.transcript.add("received", `${this.label}no BGP message: ${describeError(framing.error)}`, chunk);
        this.arrived({ kind: "garbage", atMs });
        this.socket.pause();
        return;
      }
      this.arrived(this.decode(framing.type, framing.body, atMs));
    }
    if (this.waiting.length >= MAXIMUM_WAITING) this.socket.pause();
  }

  private decode(type: number, body: Uint8Array, atMs: number): Arrival {
    const decoded = decodeMessage(type, body, this.context);
    const bytes = joinBytes(new Uint8Array(16).fill(0xff), uint16(body.length + HEADER_LENGTH), [type], body);
    if ("error" in decoded) {
      this.transcript.add("received", `${this.label}malformed, ${describeError(decoded.error)}`, bytes);
      return { kind: "garbage", atMs };
    }
    this.transcript.add("received", this.label + describeMessage(decoded.message), bytes);
    // Whoever has said goodbye expects no more of us.
    if (decoded.message.kind === "notification") this.quiet();
    return { kind: "message", message: decoded.message, body, atMs, faults: decoded.faults };
  }

  private over(reason: string): void {
    if (this.isOver) return;
    this.isOver = true;
    this.quiet();
    this.transcript.add("event", `${this.label}${reason} by the speaker`);
    this.arrived({ kind: "closed", atMs: this.clock.nowMs() });
    this.socket.end();
  }

  private arrived(arrival: Arrival): void {
    this.waiting.push(arrival);
    this.wake?.();
    this.wake = undefined;
  }
}
