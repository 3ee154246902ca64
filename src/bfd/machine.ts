/**
 * One BFD session (RFC 5880 6.8) as a pure function: a state, an event and the time give a state and packets to send. Nothing
 * here knows a socket or a timer; `sessions.ts` calls it with what came, and again at each `deadlineMs`. Asynchronous mode;
 * a peer in demand mode is left alone as it asks, we never ask for that ourselves.
 *
 *               Down received                Init, Up received
 *       Down --------------------> Init ---------------------> Up
 *        ^  \------------- Init received ---------------------/ |
 *        |                    |                                 |
 *        +--------------------+--- time over, AdminDown --------+ (Up: Down received, too)
 */
import { type Random, randomBelow } from "../net/random.ts";
import { type ControlPacket, DIAGNOSTIC, type State } from "./packet.ts";

export interface BfdTimers {
  /** How often we wish to send. */
  readonly minTxMs: number;
  /** How often we can take. */
  readonly minRxMs: number;
  readonly multiplier: number;
  /** How often we send echo packets back; 0: not at all. */
  readonly minEchoRxMs: number;
  /** Not to begin, but to answer. */
  readonly passive: boolean;
}

/** What the peer said last; before it says anything, what section 6.8.1 begins with. */
interface Remote {
  readonly discriminator: number;
  readonly state: State;
  readonly diagnostic: number;
  readonly minTxMs: number;
  readonly minRxMs: number;
  readonly minEchoRxMs: number;
  readonly multiplier: number;
  readonly demand: boolean;
}

export interface SessionState {
  readonly timers: BfdTimers;
  readonly discriminator: number;
  readonly state: State;
  readonly diagnostic: number;
  readonly remote: Remote;
  /** A poll is out and its final is not here (6.5). */
  readonly polling: boolean;
  /** What governs sending and detection until the poll has ended (6.8.3). */
  readonly held: { readonly minTxMs?: number; readonly minRxMs?: number };
  readonly heardAtMs: number | undefined;
  readonly sentAtMs: number;
  readonly transmitAtMs: number;
}

export type BfdEvent =
  | { readonly kind: "packet"; readonly packet: ControlPacket }
  /** A deadline may be over. */
  | { readonly kind: "time" }
  | { readonly kind: "configure"; readonly timers: BfdTimers }
  /** Its operator's end of it (6.8.16). */
  | { readonly kind: "disable" };

export interface Step {
  readonly session: SessionState;
  readonly packets: readonly ControlPacket[];
}

/** 6.8.3: no faster until the session is Up. */
const SLOW_TX_MS = 1000;

const SILENT: Remote = {
  discriminator: 0,
  state: "Down",
  diagnostic: 0,
  minTxMs: 0,
  // One microsecond (6.8.1).
  minRxMs: 0.001,
  minEchoRxMs: 0,
  multiplier: 0,
  demand: false,
};

/** 6.8.6: ours, by the state that was received. What is not named stays; AdminDown of ours hears nothing. */
const NEXT: Readonly<Record<State, Partial<Record<State, State>>>> = {
  AdminDown: {},
  Down: { Down: "Init", Init: "Up" },
  Init: { AdminDown: "Down", Init: "Up", Up: "Up" },
  Up: { AdminDown: "Down", Down: "Down" },
};

export const beginSession = (timers: BfdTimers, discriminator: number, nowMs: number): SessionState => ({
  timers,
  discriminator,
  state: "Down",
  diagnostic: DIAGNOSTIC.none,
  remote: SILENT,
  polling: false,
  held: {},
  heardAtMs: undefined,
  // As if it had sent before: the first packet is due at once.
  sentAtMs: nowMs - SLOW_TX_MS,
  transmitAtMs: nowMs,
});

export function step(session: SessionState, event: BfdEvent, nowMs: number, random: Random): Step {
  switch (event.kind) {
    case "packet":
      return receive(session, event.packet, nowMs, random);
    case "time":
      return expire(session, nowMs, random);
    case "configure":
      return say(session, configure(session, event.timers), nowMs, random);
    case "disable":
      return say(session, { ...session, ...down(DIAGNOSTIC.administrativelyDown), state: "AdminDown" }, nowMs, random);
  }
}

/** When `time` has to be told next. */
export const deadlineMs = (session: SessionState): number =>
  Math.min(session.transmitAtMs, (session.heardAtMs ?? Number.POSITIVE_INFINITY) + detectionTimeMs(session));

/** 6.8.4: how long the peer may be silent; infinite before it has spoken. */
export function detectionTimeMs({ remote, timers, held }: SessionState): number {
  if (remote.multiplier === 0) return Number.POSITIVE_INFINITY;
  return remote.multiplier * Math.max(held.minRxMs ?? timers.minRxMs, remote.minTxMs);
}

/** 6.8.7, without jitter; infinite where nothing is to be sent from time to time. */
export function transmitIntervalMs(session: SessionState): number {
  const { remote, state, timers, held, polling } = session;
  if (remote.minRxMs === 0) return Number.POSITIVE_INFINITY;
  if (timers.passive && remote.discriminator === 0) return Number.POSITIVE_INFINITY;
  if (remote.demand && state === "Up" && remote.state === "Up" && !polling) return Number.POSITIVE_INFINITY;
  return Math.max(held.minTxMs ?? desiredMinTxMs(session), remote.minRxMs);
}

/** What we say that we wish. */
const desiredMinTxMs = ({ state, timers }: SessionState): number =>
  state === "Up" ? timers.minTxMs : Math.max(timers.minTxMs, SLOW_TX_MS);

function receive(before: SessionState, packet: ControlPacket, nowMs: number, random: Random): Step {
  if (before.state === "AdminDown") return { session: before, packets: [] };
  let session: SessionState = { ...before, remote: remoteOf(packet), heardAtMs: nowMs };
  if (packet.final && session.polling) session = { ...session, polling: false, held: {} };
  const state = NEXT[session.state][packet.state];
  if (state === "Up") session = { ...session, state, diagnostic: DIAGNOSTIC.none, polling: true };
  else if (state === "Down") session = { ...session, ...down(DIAGNOSTIC.neighborSignaledDown) };
  else if (state) session = { ...session, state };
  const said = say(before, session, nowMs, random);
  // With F, whenever P came, whatever the interval (6.5).
  const answer = packet.poll ? [{ ...packetOf(said.session), poll: false, final: true }] : [];
  return { session: said.session, packets: [...answer, ...said.packets] };
}

const remoteOf = (packet: ControlPacket): Remote => ({
  discriminator: packet.myDiscriminator,
  state: packet.state,
  diagnostic: packet.diagnostic,
  minTxMs: packet.desiredMinTxUs / 1000,
  minRxMs: packet.requiredMinRxUs / 1000,
  minEchoRxMs: packet.requiredMinEchoRxUs / 1000,
  multiplier: packet.multiplier,
  demand: packet.demand,
});

const down = (diagnostic: number) => ({ state: "Down", diagnostic, polling: false, held: {} }) as const;

function expire(before: SessionState, nowMs: number, random: Random): Step {
  let session = before;
  if (before.heardAtMs !== undefined && nowMs >= before.heardAtMs + detectionTimeMs(before)) {
    // Whoever speaks next is heard as new (6.8.1, bfd.RemoteDiscr).
    session = { ...session, remote: { ...session.remote, discriminator: 0, state: "Down" }, heardAtMs: undefined };
    if (session.state === "Init" || session.state === "Up") session = { ...session, ...down(DIAGNOSTIC.detectionTimeExpired) };
  }
  return say(before, session, nowMs, random);
}

/** 6.8.3: what would make the peer, or us, see a loss where there is none waits until the peer has heard of the change. */
function configure(session: SessionState, timers: BfdTimers): SessionState {
  const { timers: old, state, held } = session;
  if (state !== "Up" || (old.minTxMs === timers.minTxMs && old.minRxMs === timers.minRxMs)) return { ...session, timers };
  const txNow = held.minTxMs ?? old.minTxMs;
  const rxNow = held.minRxMs ?? old.minRxMs;
  return {
    ...session,
    timers,
    polling: true,
    held: {
      ...(timers.minTxMs > txNow ? { minTxMs: txNow } : {}),
      ...(timers.minRxMs < rxNow ? { minRxMs: rxNow } : {}),
    },
  };
}

/** Sends what is due: at its time, and at once where the peer would learn something from it (6.8.7). */
function say(before: SessionState, session: SessionState, nowMs: number, random: Random): Step {
  const intervalMs = transmitIntervalMs(session);
  const isDue = nowMs >= session.transmitAtMs && intervalMs < Number.POSITIVE_INFINITY;
  if (!isDue && !isNews(before, session)) {
    return { session: { ...session, transmitAtMs: postponed(before, session, intervalMs, random) }, packets: [] };
  }
  const sent = { ...session, sentAtMs: nowMs, transmitAtMs: nowMs + jittered(intervalMs, session, random) };
  return { session: sent, packets: [packetOf(sent)] };
}

function isNews(before: SessionState, { state, polling, timers, remote }: SessionState): boolean {
  const isHeard = remote.minRxMs > 0 && !(timers.passive && remote.discriminator === 0);
  return isHeard && (state !== before.state || (polling && !before.polling));
}

/** An interval that has become shorter counts from the packet before, one that has become longer from the next (6.8.3). */
function postponed(before: SessionState, session: SessionState, intervalMs: number, random: Random): number {
  if (intervalMs === Number.POSITIVE_INFINITY) return intervalMs;
  if (intervalMs >= transmitIntervalMs(before)) return session.transmitAtMs;
  return Math.min(session.transmitAtMs, session.sentAtMs + jittered(intervalMs, session, random));
}

/** 6.8.7: three quarters to the whole; of a multiplier of one no more than nine tenths, or any jitter were a loss. */
function jittered(intervalMs: number, { timers }: SessionState, random: Random): number {
  const spread = timers.multiplier === 1 ? 0.15 : 0.25;
  return intervalMs * (0.75 + spread * (randomBelow(random, 1 << 16) / (1 << 16)));
}

const toUs = (milliseconds: number): number => Math.round(milliseconds * 1000);

function packetOf(session: SessionState): ControlPacket {
  const { timers, state, diagnostic, polling, discriminator, remote } = session;
  return {
    diagnostic,
    state,
    poll: polling,
    final: false,
    // Ours dies with this process.
    independent: false,
    demand: false,
    multiplier: timers.multiplier,
    myDiscriminator: discriminator,
    yourDiscriminator: remote.discriminator,
    desiredMinTxUs: toUs(desiredMinTxMs(session)),
    requiredMinRxUs: toUs(timers.minRxMs),
    requiredMinEchoRxUs: toUs(timers.minEchoRxMs),
  };
}
