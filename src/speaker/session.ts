/**
 * The conversation with one neighbor: it feeds what happens to the state machine, one event after the other, and executes what
 * that answers, on up to two connections. The speaker makes one for each neighbor; it lives as long as that is configured,
 * through any number of TCP connections. What is heard goes to the intake, what is said of routes comes from the announcer.
 *
 * Above it there are two functions: `onUpdate` gets what the RIB has to know, in order, the loss of a session at once and
 * synchronously; `onEvent` gets what a person may want to know.
 */
import type { Socket } from "node:net";
import type { BgpError } from "../bgp/error.ts";
import { CEASE } from "../bgp/iana.ts";
import { encodeMessage, type Message } from "../bgp/message.ts";
import { administrativeCease } from "../bgp/notification.ts";
import { REFRESH } from "../bgp/route-refresh.ts";
import type { UpdateMessage } from "../bgp/update.ts";
import { linkOfRouter, zoneOf } from "../net/address.ts";
import type { RouteAnnouncements } from "../rib/route.ts";
import { type Agreement, peerType, roleOf } from "./agreement.ts";
import { Announcer } from "./announcer.ts";
import { Connection } from "./connection.ts";
import type { SessionContext } from "./context.ts";
import { Diary } from "./diary.ts";
import { step } from "./fsm.ts";
import { type Direction, type Effect, type FsmConfig, type FsmEvent, INITIAL_STATE, refusal, stateName } from "./fsm-state.ts";
import type { EndCause } from "./graceful-restart.ts";
import { Intake } from "./intake.ts";
import { Ledger } from "./ledger.ts";
import type { NeighborOptions, NeighborState } from "./neighbor.ts";
import { localCapabilities } from "./offer.ts";
import { Porch } from "./porch.ts";
import { fsmConfigOf, isChangedInPlace, staleLimitsOf } from "./settings.ts";
import { closeSocket, dialNeighbor } from "./tcp.ts";
import { Timers } from "./timers.ts";

/** Whoever connects again and again leaves connections behind that take their time to close; beyond these he is cut off. */
const SOCKETS_AT_A_TIME = 64;

/** What there is only while the session is Established. */
interface Established {
  readonly agreement: Agreement;
  readonly atMs: number;
  readonly announcer: Announcer;
}

export class Session {
  private options: NeighborOptions;
  private readonly context: SessionContext;
  private config: FsmConfig;
  private readonly ledger: Ledger;
  private readonly timers: Timers;
  private readonly diary: Diary | undefined;
  private fsm = INITIAL_STATE;
  private readonly queue: FsmEvent[] = [];
  private isStepping = false;
  private readonly connections: { outgoing?: Connection; incoming?: Connection } = {};
  private readonly openSockets = new Set<Promise<void>>();
  private readonly intake: Intake;
  private established: Established | undefined;
  private readonly porch: Porch;

  constructor(options: NeighborOptions, context: SessionContext) {
    this.options = options;
    this.context = context;
    this.config = fsmConfigOf(options, context);
    const { clock, random } = context;
    this.ledger = new Ledger(options.address, clock, (event) => context.onEvent(event));
    this.intake = new Intake({
      address: options.address,
      type: peerType(this.config),
      role: roleOf(this.config),
      limits: () => staleLimitsOf(this.options),
      clock,
      onUpdate: (update) => context.onUpdate(update),
      report: (event) => this.ledger.report(event),
    });
    this.porch = new Porch(clock);
    this.diary = context.record && new Diary(options.address, this.config, clock, (record) => context.record?.(record));
    this.timers = new Timers(clock, random, (timer) => this.dispatch({ kind: "timer", timer }));
  }

  start(): void {
    if (!this.options.shutdown) this.dispatch({ kind: "start" });
  }

  /** Takes a change that the peer need not hear of; false if this one needs a new session. */
  change(options: NeighborOptions): boolean {
    if (!isChangedInPlace(this.options, options)) return false;
    const wasShutDown = this.options.shutdown;
    this.options = options;
    this.config = fsmConfigOf(options, this.context);
    const { shutdown } = options;
    if (shutdown && !wasShutDown) {
      const words = typeof shutdown === "string" ? shutdown : undefined;
      void this.stop(administrativeCease(CEASE.administrativeShutdown, words));
    } else if (wasShutDown && !shutdown) this.start();
    return true;
  }

  /** Tells the peer why, and settles when the last socket is closed, which takes no longer than a second. */
  async stop(error: BgpError): Promise<void> {
    this.dispatch({ kind: "stop", error });
    await Promise.all(this.openSockets);
  }

  /** Takes a socket that the neighbor has opened, lets it wait a moment, or closes it with the reason. */
  accept(socket: Socket): void {
    if (this.openSockets.size >= SOCKETS_AT_A_TIME) {
      socket.destroy();
      return this.ledger.refusedConnection(`${SOCKETS_AT_A_TIME} others are there or being closed`);
    }
    const error = refusal(this.fsm);
    if (error && stateName(this.fsm) === "Established") {
      this.porch.wait(socket, (turnedAway) => this.refuse(turnedAway, error));
      this.dispatch({ kind: "knock" });
    } else if (error) {
      this.refuse(socket, error);
    } else {
      // Its newest connection is the one that the peer believes in.
      if (this.connections.incoming) this.dispatch({ kind: "superseded" });
      this.attach("incoming", socket);
      this.dispatch({ kind: "connected", direction: "incoming" });
    }
  }

  private refuse(socket: Socket, error: BgpError): void {
    this.ledger.refusedConnection(`the session is ${stateName(this.fsm)}`);
    this.track(closeSocket(socket, this.context.clock, ...this.encode({ kind: "notification", error })));
  }

  state(): NeighborState {
    const { address, description, password, ttlSecurity, shutdown } = this.options;
    const { localAsn, remoteAsn, passive } = this.config;
    const { established } = this;
    const link = linkOfRouter(address);
    const router = link === undefined ? undefined : this.context.routerOn?.(link);
    return {
      address,
      ...(description === undefined ? {} : { description }),
      localAsn,
      remoteAsn: established?.agreement.peer.asn ?? remoteAsn,
      ...(router !== undefined && { router }),
      type: peerType(this.config),
      passive,
      signed: password !== undefined,
      ...(ttlSecurity && { maximumHops: ttlSecurity.hops }),
      state: stateName(this.fsm),
      ...(shutdown && { shutdown }),
      damped: this.fsm.mode === "damped",
      ...(established && {
        routerId: established.agreement.peer.routerId,
        establishedAtMs: established.atMs,
        holdTimeSeconds: established.agreement.holdTimeSeconds,
        keepaliveSeconds: established.agreement.keepaliveSeconds,
      }),
      capabilities: { sent: localCapabilities(this.config), received: established?.agreement.peer.capabilities ?? [] },
      outboxLength: established?.announcer.waiting ?? 0,
      ...this.intake.state(),
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
        // After what led to it, so that a reader knows a NOTIFICATION of ours before the end that it explains.
        this.diary?.became(stateName(state), effects);
      }
    } finally {
      this.isStepping = false;
    }
  }

  private execute(effect: Effect): void {
    switch (effect.kind) {
      case "connect":
        return this.attach(
          "outgoing",
          dialNeighbor(this.options, (link) => this.context.routerOn?.(link)),
        );
      case "send":
        return this.send(effect.direction, effect.message);
      case "close":
        this.connections[effect.direction]?.close();
        delete this.connections[effect.direction];
        return;
      case "set-timer":
        return this.timers.set(effect.timer, effect.seconds);
      case "cancel-timer":
        return this.timers.cancel(effect.timer);
      case "agreed":
        return this.agreed(effect.direction, effect.agreement);
      case "up":
        return this.up(effect.direction, effect.agreement);
      case "deliver":
        return this.deliver(effect.update);
      case "refresh":
        if (effect.message.subtype === REFRESH.request) this.established?.announcer.answer(effect.message);
        else this.intake.refresh(effect.message);
        return;
      case "ended":
        return this.ended(effect.wasEstablished, effect.reason, effect.cause);
    }
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
      onHeard: (type, body, context) => this.diary?.heard(type, body, context, connection.localAddress),
      onFaults: (faults, body) => this.ledger.faults(faults, body),
      onRoom: () => this.established?.announcer.goOn(),
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
    this.diary?.said(encoded, this.established?.agreement.asnSize ?? 2);
  }

  private encode(message: Message): Uint8Array[] {
    return encodeMessage(message, this.established?.agreement.asnSize ?? 2);
  }

  private agreed(direction: Direction, agreement: Agreement): void {
    const { asnSize, families, pathIds, extendedNextHop } = agreement;
    const { ipv6NextHop } = this.config;
    const context = { asnSize, families, pathIds, extendedNextHop, ipv6NextHop, peerType: peerType(this.config) };
    this.diary?.met(agreement.peer.asn);
    this.connections[direction]?.agree(context, agreement);
  }

  private up(direction: Direction, agreement: Agreement): void {
    const connection = this.connections[direction];
    if (!connection) return;
    const { context } = this;
    const announcer = new Announcer({
      peer: { address: this.options.address, type: peerType(this.config), role: roleOf(this.config) },
      ...{ context, agreement, connection },
      send: (message) => this.send(direction, message),
      onTooLong: (prefixes) => {
        this.ledger.pathsTooLong(prefixes);
        context.onTooLong?.(this.options.address, prefixes);
      },
    });
    this.established = { agreement, atMs: context.clock.nowMs(), announcer };
    this.ledger.up(agreement.peer.routerId, agreement.holdTimeSeconds);
    const local = connection.localAddress;
    this.intake.begin(agreement, local === undefined ? undefined : (zoneOf(local) ?? context.linkOf?.(local)));
    announcer.greet();
  }

  /** To a peer that is not there it says nothing: that will hear all when it comes. */
  tell(announcements: RouteAnnouncements): void {
    this.established?.announcer.tell(announcements);
  }

  tellAll(pieces: Iterable<RouteAnnouncements>): void {
    this.established?.announcer.tellAll(pieces);
  }

  private deliver(update: UpdateMessage): void {
    const { disabled } = update;
    if (disabled) for (const connection of [this.connections.outgoing, this.connections.incoming]) connection?.disable(disabled);
    this.intake.take(update);
  }

  private ended(wasEstablished: boolean, reason: string, cause: EndCause): void {
    this.established?.announcer.end();
    this.established = undefined;
    // First that it happened, then what follows: whoever measures from the event is not told after the work.
    if (wasEstablished || cause.kind !== "stopped") this.ledger.ended(wasEstablished, reason);
    if (cause.kind === "stopped") this.intake.forget(reason);
    else if (wasEstablished) this.intake.end(cause, reason);
    // Once this event is dealt with: a state machine that is between two states lets nobody in.
    if (wasEstablished) queueMicrotask(() => this.porch.open((socket) => this.accept(socket)));
  }
}
