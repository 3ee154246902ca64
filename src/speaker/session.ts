/**
 * The conversation with one neighbor: it feeds what happens to the state machine, one event after the other, and executes
 * what that answers, on up to two connections. The speaker makes one for each neighbor; it lives as long as that is
 * configured, through any number of TCP connections.
 *
 * Above it there are two functions: `onUpdate` gets what the RIB has to know, in order, the loss of a session at once and
 * synchronously; `onEvent` gets what a person may want to know.
 */
import type { Socket } from "node:net";
import type { BgpError } from "../bgp/error.ts";
import { AFI } from "../bgp/iana.ts";
import { encodeMessage, type Message } from "../bgp/message.ts";
import { FAMILIES, type Family, type FamilyName, formatFamily } from "../bgp/nlri.ts";
import type { UpdateMessage } from "../bgp/update.ts";
import { type Ipv4Address, isIpv4 } from "../net/address.ts";
import type { Clock } from "../net/clock.ts";
import { prefixKey } from "../net/prefix.ts";
import type { Random } from "../net/random.ts";
import type { RoutePeer, RouteUpdate } from "../rib/route.ts";
import { type Agreement, peerType } from "./agreement.ts";
import { Connection } from "./connection.ts";
import { step } from "./fsm.ts";
import { type Direction, type Effect, type FsmConfig, type FsmEvent, INITIAL_STATE, refusal, stateName } from "./fsm-state.ts";
import { Ledger } from "./ledger.ts";
import type { NeighborOptions, NeighborState, SpeakerEvent } from "./neighbor.ts";
import { localCapabilities } from "./offer.ts";
import { BGP_PORT, closeSocket, dial } from "./tcp.ts";
import { Timers } from "./timers.ts";

/** What all sessions of a speaker share. */
export interface SessionContext {
  readonly asn: number;
  readonly routerId: Ipv4Address;
  readonly holdTimeSeconds: number;
  readonly connectRetrySeconds: number;
  readonly clock: Clock;
  readonly random: Random;
  onUpdate(update: RouteUpdate): void;
  onEvent(event: SpeakerEvent): void;
}

const DEFAULT_FAMILIES: readonly FamilyName[] = ["ipv4-unicast", "ipv6-unicast"];

/** What there is only while the session is Established. */
interface Established {
  readonly agreement: Agreement;
  readonly peer: RoutePeer;
  readonly atMs: number;
  /** Keys of what the peer announces now. */
  readonly prefixes: Set<number | string>;
  endOfRib: boolean;
}

export class Session {
  private readonly options: NeighborOptions;
  private readonly context: SessionContext;
  private readonly config: FsmConfig;
  private readonly ledger: Ledger;
  private readonly timers: Timers;
  private fsm = INITIAL_STATE;
  private readonly queue: FsmEvent[] = [];
  private isStepping = false;
  private readonly connections: { outgoing?: Connection; incoming?: Connection } = {};
  private readonly openSockets = new Set<Promise<void>>();
  private established: Established | undefined;

  constructor(options: NeighborOptions, context: SessionContext) {
    this.options = options;
    this.context = context;
    this.config = {
      localAsn: options.localAsn ?? context.asn,
      remoteAsn: options.remoteAsn,
      routerId: context.routerId,
      holdTimeSeconds: options.holdTimeSeconds ?? context.holdTimeSeconds,
      connectRetrySeconds: options.connectRetrySeconds ?? context.connectRetrySeconds,
      passive: options.passive ?? false,
      families: (options.families ?? DEFAULT_FAMILIES).map((name) => FAMILIES[name]),
      ipv6NextHop: options.ipv6NextHop ?? "global",
      extendedNextHop: options.extendedNextHop ?? !isIpv4(options.address),
      addPath: options.addPath === "receive",
      ...(options.role && { role: options.role }),
    };
    const { clock, random } = context;
    this.ledger = new Ledger(options.address, clock, (event) => context.onEvent(event));
    this.timers = new Timers(clock, random, (timer) => this.dispatch({ kind: "timer", timer }));
  }

  start(): void {
    this.dispatch({ kind: "start" });
  }

  /** Tells the peer why, and settles when the last socket is closed, which takes no longer than a second. */
  async stop(error: BgpError): Promise<void> {
    this.dispatch({ kind: "stop", error });
    await Promise.all(this.openSockets);
  }

  /** Takes a socket that the neighbor has opened, or closes it with the reason. */
  accept(socket: Socket): void {
    const error = refusal(this.fsm);
    if (error) {
      this.ledger.refusedConnection(`the session is ${stateName(this.fsm)}`);
      this.track(closeSocket(socket, this.context.clock, ...this.encode({ kind: "notification", error })));
      return;
    }
    // Its newest connection is the one that the peer believes in.
    if (this.connections.incoming) this.dispatch({ kind: "superseded" });
    this.attach("incoming", socket);
    this.dispatch({ kind: "connected", direction: "incoming" });
  }

  state(): NeighborState {
    const { address, description } = this.options;
    const { localAsn, remoteAsn, passive } = this.config;
    const { established } = this;
    return {
      address,
      ...(description === undefined ? {} : { description }),
      localAsn,
      remoteAsn,
      type: peerType(this.config),
      passive,
      state: stateName(this.fsm),
      damped: this.fsm.mode === "damped",
      ...(established && {
        routerId: established.peer.routerId,
        establishedAtMs: established.atMs,
        holdTimeSeconds: established.agreement.holdTimeSeconds,
        keepaliveSeconds: established.agreement.keepaliveSeconds,
      }),
      families: established?.agreement.families ?? [],
      capabilities: { sent: localCapabilities(this.config), received: established?.agreement.peer.capabilities ?? [] },
      prefixesReceived: established?.prefixes.size ?? 0,
      endOfRibReceived: established?.endOfRib ?? false,
      ...this.ledger.state(),
    };
  }

  /** One event is finished before the next begins, also if executing its effects causes that. */
  private dispatch(event: FsmEvent): void {
    this.queue.push(event);
    if (this.isStepping) return;
    this.isStepping = true;
    try {
      for (let next = this.queue.shift(); next; next = this.queue.shift()) {
        const { state, effects } = step(this.fsm, next, this.config);
        this.fsm = state;
        for (const effect of effects) this.execute(effect);
      }
    } finally {
      this.isStepping = false;
    }
  }

  private execute(effect: Effect): void {
    switch (effect.kind) {
      case "connect":
        this.connect();
        break;
      case "send":
        this.send(effect.direction, effect.message);
        break;
      case "close":
        this.connections[effect.direction]?.close();
        delete this.connections[effect.direction];
        break;
      case "set-timer":
        this.timers.set(effect.timer, effect.seconds);
        break;
      case "cancel-timer":
        this.timers.cancel(effect.timer);
        break;
      case "agreed":
        this.agreed(effect.direction, effect.agreement);
        break;
      case "up":
        this.up(effect.direction, effect.agreement);
        break;
      case "deliver":
        this.deliver(effect.update);
        break;
      case "ended":
        this.ended(effect.wasEstablished, effect.reason);
        break;
    }
  }

  private connect(): void {
    const { address, port = BGP_PORT, localAddress } = this.options;
    this.attach("outgoing", dial({ address, port }, localAddress));
  }

  private attach(direction: Direction, socket: Socket): void {
    const context = { asnSize: 2, peerType: peerType(this.config), families: [] } as const;
    const connection = new Connection(socket, context, this.context.clock, {
      onConnected: () => this.dispatch({ kind: "connected", direction }),
      onMessage: (message) => {
        this.ledger.received(message);
        this.dispatch({ kind: "message", direction, message });
      },
      onError: (error) => this.dispatch({ kind: "error", direction, error }),
      onFaults: (faults, body) => this.ledger.faults(faults, body),
      onClosed: (reason) => this.dispatch({ kind: "closed", direction, reason }),
    });
    this.connections[direction] = connection;
    this.track(connection.closed);
  }

  private track(closed: Promise<void>): void {
    this.openSockets.add(closed);
    void closed.then(() => this.openSockets.delete(closed));
  }

  private send(direction: Direction, message: Message): void {
    const encoded = this.encode(message);
    this.ledger.sent(message, encoded.length);
    for (const bytes of encoded) this.connections[direction]?.send(bytes);
  }

  private encode(message: Message): Uint8Array[] {
    return encodeMessage(message, this.established?.agreement.asnSize ?? 2);
  }

  private agreed(direction: Direction, agreement: Agreement): void {
    const { asnSize, families, pathIds, extendedNextHop } = agreement;
    const { ipv6NextHop } = this.config;
    const context = { asnSize, families, pathIds, extendedNextHop, ipv6NextHop, peerType: peerType(this.config) };
    this.connections[direction]?.agree(context, agreement.extendedMessage);
  }

  private up(direction: Direction, agreement: Agreement): void {
    const { asn, routerId } = agreement.peer;
    const peer: RoutePeer = { address: this.options.address, asn, routerId, type: peerType(this.config) };
    this.established = { agreement, peer, atMs: this.context.clock.nowMs(), prefixes: new Set(), endOfRib: false };
    this.ledger.up(routerId, agreement.holdTimeSeconds);
    this.announce(direction, agreement);
  }

  /** All our routes, then the mark that these were all (RFC 4724 section 2). We have none. */
  private announce(direction: Direction, { families }: Agreement): void {
    for (const endOfRib of families) this.send(direction, { kind: "update", withdrawn: [], announcements: [], endOfRib });
  }

  private deliver({ withdrawn, announcements, endOfRib, disabled }: UpdateMessage): void {
    if (!this.established) return;
    const { peer, prefixes } = this.established;
    if (endOfRib) {
      this.established.endOfRib = true;
      this.ledger.report({ kind: "end-of-rib", family: endOfRib });
      return;
    }
    for (const prefix of withdrawn) prefixes.delete(prefixKey(prefix));
    if (withdrawn.length > 0 && announcements.length === 0) {
      this.context.onUpdate({ kind: "update", peer, withdrawn, announced: [] });
    }
    for (const [index, { prefixes: announced, attributes }] of announcements.entries()) {
      for (const prefix of announced) prefixes.add(prefixKey(prefix));
      this.context.onUpdate({ kind: "update", peer, withdrawn: index === 0 ? withdrawn : [], announced, attributes });
    }
    if (disabled) this.disable(disabled);
  }

  /** RFC 7606 section 2: the rest of the session goes on without these. */
  private disable(disabled: readonly Family[]): void {
    if (!this.established) return;
    const { peer, prefixes } = this.established;
    for (const connection of [this.connections.outgoing, this.connections.incoming]) connection?.disable(disabled);
    for (const one of disabled) {
      const family = one.afi === AFI.ipv4 ? "ipv4" : "ipv6";
      for (const key of prefixes) if ((typeof key === "number") === (family === "ipv4")) prefixes.delete(key);
      this.context.onUpdate({ kind: "lost", peer, family, reason: `${formatFamily(one)} is disabled` });
    }
  }

  private ended(wasEstablished: boolean, reason: string): void {
    const peer = this.established?.peer;
    this.established = undefined;
    // First that it happened, then what follows: whoever measures from the event is not told after the work.
    this.ledger.ended(wasEstablished, reason);
    if (peer) this.context.onUpdate({ kind: "lost", peer, reason });
  }
}
