/**
 * One TCP connection to a peer: bytes in, messages out. It reads a bounded number of messages a turn and pauses the socket
 * until all that it has read is processed, so a peer that sends faster than the router digests is held back by TCP, and
 * neither other peers nor timers starve. Whatever happens to the socket ends in one call of `onClosed`.
 */
import type { Socket } from "node:net";
import type { DecodeContext } from "../bgp/attributes.ts";
import { type BgpError, bgpError, type Fault } from "../bgp/error.ts";
import { Framer, MAXIMUM_EXTENDED_LENGTH, MAXIMUM_MESSAGE_LENGTH } from "../bgp/framer.ts";
import { ERROR } from "../bgp/iana.ts";
import { decodeMessage, type Message } from "../bgp/message.ts";
import { type Family, hasFamily } from "../bgp/nlri.ts";
import { type Address, parseAddress } from "../net/address.ts";
import type { CancelTimer, Clock } from "../net/clock.ts";
import type { Agreement } from "./agreement.ts";
import { closeSocket } from "./tcp.ts";

export interface ConnectionHandlers {
  onConnected(): void;
  /** A message as it came, before anything is made of it. */
  onHeard(type: number, body: Uint8Array, context: DecodeContext): void;
  onMessage(message: Message): void;
  onError(error: BgpError): void;
  /** What was wrong in an UPDATE, and its body; comes before the message, or the error, that was made of it. */
  onFaults(faults: readonly Fault[], body: Uint8Array): void;
  /** There was no room for more words, and now there is. */
  onRoom(): void;
  onClosed(reason: string): void;
}

/** Some hundred microseconds of work. */
const MESSAGES_PER_TURN = 64;

/** Bytes that may wait in the socket, beside those that the kernel has: beyond it, whoever has more to say waits. */
const ROOM_BYTES = 256 * 1024;

/** RFC 9687 section 3.2: eight minutes, or twice the hold time if that is more; without a hold time for ever. */
export const sendHoldSeconds = (holdTimeSeconds: number): number =>
  holdTimeSeconds === 0 ? 0 : Math.max(480, 2 * holdTimeSeconds);

export class Connection {
  /** Settles when the socket is gone for good. */
  readonly closed: Promise<void>;
  private context: DecodeContext;
  private readonly socket: Socket;
  private readonly clock: Clock;
  private readonly handlers: ConnectionHandlers;
  private readonly framer = new Framer();
  private failure = "closed by the peer";
  private isOpen = true;
  /** Messages wait for the next turn. */
  private isBusy = false;
  private hasHungUp = false;
  private sendHoldMs = 0;
  private cancelSendHold: CancelTimer | undefined;

  constructor(socket: Socket, context: DecodeContext, clock: Clock, handlers: ConnectionHandlers) {
    this.socket = socket;
    this.context = context;
    this.clock = clock;
    this.handlers = handlers;
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.on("connect", () => this.isOpen && handlers.onConnected());
    socket.on("data", (chunk: Uint8Array) => this.receive(chunk));
    socket.on("error", (error) => {
      this.failure = error.message;
    });
    socket.on("drain", () => this.isOpen && handlers.onRoom());
    socket.on("end", () => this.hangUp());
    socket.on("close", () => this.hangUp());
  }

  /** The OPENs are agreed on: what comes from here on is to be understood so. */
  agree(context: DecodeContext, { extendedMessage, enhancedRefresh, holdTimeSeconds }: Agreement): void {
    this.context = context;
    this.framer.maximumLength = extendedMessage ? MAXIMUM_EXTENDED_LENGTH : MAXIMUM_MESSAGE_LENGTH;
    this.framer.takesAnyRefresh = enhancedRefresh;
    this.sendHoldMs = sendHoldSeconds(holdTimeSeconds) * 1000;
  }

  /** From here on nothing of these is read (RFC 7606 section 2). */
  disable(families: readonly Family[]): void {
    this.context = { ...this.context, families: this.context.families.filter((family) => !hasFamily(families, family)) };
  }

  /** Ours; undefined while there is none, or no longer. */
  get localAddress(): Address | undefined {
    return parseAddress(this.socket.localAddress ?? "");
  }

  /** Whether a peer that reads would read more; what is short and due is sent without asking. */
  get hasRoom(): boolean {
    return this.isOpen && this.socket.writableLength < ROOM_BYTES;
  }

  send(bytes: Uint8Array): void {
    if (!this.isOpen || !this.socket.writable) return;
    this.socket.write(bytes, () => this.watchSending());
    if (!this.cancelSendHold) this.watchSending();
  }

  /** From here on no handler is called. */
  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.cancelSendHold?.();
    void closeSocket(this.socket, this.clock);
  }

  /** As long as something waits to be sent, some of it has to go, again and again: the peer reads (RFC 9687). */
  private watchSending(): void {
    this.cancelSendHold?.();
    this.cancelSendHold = undefined;
    if (!this.isOpen || this.sendHoldMs === 0 || this.socket.writableLength === 0) return;
    this.cancelSendHold = this.clock.setTimer(this.sendHoldMs, () =>
      this.handlers.onError(bgpError(ERROR.sendHoldTimerExpired, 0)),
    );
  }

  private receive(chunk: Uint8Array): void {
    this.framer.push(chunk);
    this.turn();
  }

  private turn(): void {
    this.isBusy = !this.read(MESSAGES_PER_TURN);
    if (this.isBusy) {
      this.socket.pause();
      setImmediate(() => this.isOpen && this.turn());
    } else if (this.hasHungUp) {
      this.finish();
    } else if (this.socket.isPaused()) {
      this.socket.resume();
    }
  }

  /** Handles up to `limit` messages; true when there are no more. */
  private read(limit: number): boolean {
    for (let count = 0; count < limit; count++) {
      if (!this.isOpen) return true;
      const framing = this.framer.next();
      if (framing.kind === "more") return true;
      if (framing.kind === "error") {
        this.handlers.onError(framing.error);
        return true;
      }
      this.handlers.onHeard(framing.type, framing.body, this.context);
      const decoded = decodeMessage(framing.type, framing.body, this.context);
      if (decoded.faults.length > 0) this.handlers.onFaults(decoded.faults, framing.body);
      if ("error" in decoded) this.handlers.onError(decoded.error);
      else this.handlers.onMessage(decoded.message);
    }
    return false;
  }

  /** Not heard before all that the peer has said, its NOTIFICATION most of all: a paused stream ends, too, when it is empty. */
  private hangUp(): void {
    this.hasHungUp = true;
    if (!this.isBusy) this.finish();
  }

  private finish(): void {
    if (!this.isOpen) return;
    this.close();
    this.handlers.onClosed(this.failure);
  }
}
