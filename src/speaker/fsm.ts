/**
 * The BGP state machine (RFC 4271 section 8) of one neighbor, as a pure function: a state and an event give a state and
 * effects. Nothing here knows a socket or the time.
 *
 * The RFC has a machine for each TCP connection, and there may be two while both sides dial. Here the neighbor is one
 * machine: Idle (stopped, or damped after failures), or running with up to two connections, one from each side:
 *
 *        start                    dial                connected            OPEN               KEEPALIVE
 *   Idle ------> Active (none) ---------> Connect ----------------> OpenSent -----> OpenConfirm -------> Established
 *    ^                ^                      | refused                 | closed          | failure            | failure
 *    |                +----------------------+-------------------------+-- the first ----+--------------------+
 *    +------------------- damped: from the second failure in a row ----------------------+--------------------+
 *
 * It leaves the RFC's letter where all speakers do: a refused connect goes to Active and not to Idle, because Idle would
 * refuse the peer's own connection; and an event of ours that comes too late (a timer just cancelled, a socket just closed)
 * is ignored. Only what the peer sends can be an error of the machine (RFC 6608).
 *
 * More than 300 lines, because the transitions are only understood beside each other.
 */
import { type BgpError, bgpError } from "../bgp/error.ts";
import { CEASE, ERROR, FSM_ERROR } from "../bgp/iana.ts";
import { MESSAGE_TYPE, type Message } from "../bgp/message.ts";
import { cease, formatNotification } from "../bgp/notification.ts";
import type { OpenMessage } from "../bgp/open.ts";
import { type Agreement, agree, collisionWinner } from "./agreement.ts";
import {
  cancel,
  close,
  DIRECTIONS,
  type Draft,
  end,
  finished,
  hasAgreed,
  holdEffect,
  isOpen,
  opposite,
  send,
  set,
  setHold,
} from "./fsm-draft.ts";
import {
  type ConnectionState,
  type Direction,
  type Effect,
  type FsmConfig,
  type FsmEvent,
  type FsmState,
  refusal,
  stateName,
  type Timer,
} from "./fsm-state.ts";
import type { EndCause } from "./graceful-restart.ts";
import { localOpen } from "./offer.ts";

/** RFC 4271 8.2.2: "a large value" for a peer that has not sent its OPEN. */
const OPEN_HOLD_SECONDS = 240;
/** How soon we dial again after a first failure; meanwhile the peer may. */
const RESTART_SECONDS = 1;
const MAXIMUM_DAMPING_SECONDS = 60;
/** Over which failures of connections that the peer opens are counted. */
export const INCOMING_WINDOW_SECONDS = 5;

/** How long a neighbor stays Idle after so many failures in a row: 0, 1, 2, 4 .. 60 seconds. */
export const dampingSeconds = (failures: number): number =>
  failures < 2 ? 0 : Math.min(2 ** (failures - 2), MAXIMUM_DAMPING_SECONDS);

export interface Step {
  readonly state: FsmState;
  readonly effects: readonly Effect[];
}

export function step(state: FsmState, event: FsmEvent, config: FsmConfig): Step {
  const news = newsOf(state, event);
  if (news) return { state, effects: news };
  const { mode, failures, incomingFailures, outgoing, incoming } = state;
  const draft: Draft = { mode, failures, incomingFailures, outgoing, incoming, effects: [], config };
  handle(draft, event);
  return { state: finished(draft), effects: draft.effects };
}

/** What an Established session is for changes nothing of the state: a full table is a hundred thousand of these events in a row. */
function newsOf(state: FsmState, event: FsmEvent): readonly Effect[] | undefined {
  if (event.kind !== "message") return undefined;
  const { direction, message } = event;
  const connection = state[direction];
  if (connection?.phase !== "Established") return undefined;
  const hold = holdEffect(direction, connection.agreement);
  switch (message.kind) {
    case "update":
      return [hold, { kind: "deliver", update: message }];
    case "keepalive":
      return [hold];
    case "route-refresh":
      return [hold, { kind: "refresh", direction, message }];
    default:
      return undefined;
  }
}

function handle(draft: Draft, event: FsmEvent): void {
  switch (event.kind) {
    case "start":
      if (draft.mode !== "running") run(draft);
      break;
    case "stop":
      stop(draft, event.error);
      break;
    case "timer":
      onTimer(draft, event.timer);
      break;
    case "connected":
      onConnected(draft, event.direction);
      break;
    case "closed":
      onClosed(draft, event.direction, event.reason);
      break;
    case "message":
      onMessage(draft, event.direction, event.message);
      break;
    case "error":
      refuse(draft, event.direction, event.error);
      break;
    case "superseded":
      if (refusal(finished(draft)) === undefined) dump(draft, "incoming");
      break;
    case "knock":
      probe(draft);
      break;
  }
}

function run(draft: Draft): void {
  draft.mode = "running";
  cancel(draft, "idle-hold");
  if (!draft.config.passive) dial(draft);
}

function dial(draft: Draft): void {
  draft.outgoing = { phase: "Connect" };
  draft.effects.push({ kind: "connect" });
  set(draft, "connect-retry", draft.config.connectRetrySeconds);
}

function stop(draft: Draft, error: BgpError): void {
  const wasEstablished = stateName(finished(draft)) === "Established";
  for (const direction of DIRECTIONS) {
    if (isOpen(draft, direction)) send(draft, direction, { kind: "notification", error });
    if (draft[direction]) close(draft, direction);
  }
  for (const timer of ["connect-retry", "idle-hold", "incoming-window", "stable"] as const) cancel(draft, timer);
  if (draft.mode !== "stopped") end(draft, wasEstablished, `sent ${formatNotification(error)}`, { kind: "stopped" });
  draft.mode = "stopped";
  draft.failures = 0;
  draft.incomingFailures = 0;
}

function onTimer(draft: Draft, timer: Timer): void {
  switch (timer) {
    case "idle-hold":
      if (draft.mode === "damped") run(draft);
      break;
    case "connect-retry":
      retry(draft);
      break;
    case "incoming-window":
      draft.incomingFailures = 0;
      break;
    case "stable":
      draft.failures = 0;
      break;
    case "hold-outgoing":
    case "hold-incoming":
      refuse(draft, directionOf(timer), bgpError(ERROR.holdTimerExpired, 0));
      break;
    case "keepalive-outgoing":
    case "keepalive-incoming":
      keepalive(draft, directionOf(timer));
      break;
  }
}

/**
 * Dials, again if an attempt is still unanswered. Until the session is Established the timer runs on: what looks like it now
 * may come to nothing. Of those who connect to us only one that has said its OPEN, and a right one, keeps us from dialing.
 */
function retry(draft: Draft): void {
  if (draft.mode !== "running" || draft.config.passive || stateName(finished(draft)) === "Established") return;
  if (isOpen(draft, "outgoing") || hasAgreed(draft.incoming)) {
    retryIn(draft, draft.config.connectRetrySeconds);
    return;
  }
  if (draft.outgoing) close(draft, "outgoing");
  dial(draft);
}

/** Is the session really up? A peer that has lost it, and so opens another, answers the question with a reset of the old one. */
function probe(draft: Draft): void {
  for (const direction of DIRECTIONS)
    if (draft[direction]?.phase === "Established") send(draft, direction, { kind: "keepalive" });
}

function keepalive(draft: Draft, direction: Direction): void {
  const connection = draft[direction];
  if (!hasAgreed(connection)) return;
  send(draft, direction, { kind: "keepalive" });
  set(draft, `keepalive-${direction}`, connection.agreement.keepaliveSeconds);
}

function onConnected(draft: Draft, direction: Direction): void {
  const isExpected =
    direction === "outgoing" ? draft.outgoing?.phase === "Connect" : !draft.incoming && refusal(finished(draft)) === undefined;
  if (!isExpected) {
    if (!draft[direction]) close(draft, direction);
    return;
  }
  draft[direction] = { phase: "OpenSent" };
  send(draft, direction, localOpen(draft.config));
  set(draft, `hold-${direction}`, OPEN_HOLD_SECONDS);
}

function onClosed(draft: Draft, direction: Direction, reason: string): void {
  const connection = draft[direction];
  if (!connection) return;
  close(draft, direction);
  if (hasAgreed(connection)) {
    fail(draft, direction, connection, reason, { kind: "closed" });
    return;
  }
  if (!draft.outgoing && !draft.incoming) end(draft, false, reason, { kind: "closed" });
}

function onMessage(draft: Draft, direction: Direction, message: Message): void {
  const connection = draft[direction];
  if (!connection || connection.phase === "Connect") return;
  if (message.kind === "notification") {
    close(draft, direction);
    failBy(draft, direction, connection, "received", message.error);
  } else if (connection.phase === "OpenSent") {
    if (message.kind === "open") onOpen(draft, direction, message);
    else unexpected(draft, direction, FSM_ERROR.inOpenSent, message);
  } else if (connection.phase === "OpenConfirm") {
    if (message.kind === "keepalive") establish(draft, direction, connection.agreement);
    else unexpected(draft, direction, FSM_ERROR.inOpenConfirm, message);
  } else {
    unexpected(draft, direction, FSM_ERROR.inEstablished, message);
  }
}

function unexpected(draft: Draft, direction: Direction, subcode: number, message: Message): void {
  refuse(draft, direction, bgpError(ERROR.finiteStateMachine, subcode, [MESSAGE_TYPE[message.kind]]));
}

function onOpen(draft: Draft, direction: Direction, message: OpenMessage): void {
  const agreed = agree(draft.config, message);
  if ("error" in agreed) {
    refuse(draft, direction, agreed.error);
    return;
  }
  const rival = opposite(direction);
  const rivalState = draft[rival];
  if (rivalState?.phase === "OpenConfirm") {
    const lost = collisionWinner(draft.config, message) === rival;
    dump(draft, lost ? direction : rival);
    if (lost) return;
  } else if (rivalState?.phase === "Connect") {
    close(draft, rival);
  }
  const agreement = agreed.value;
  draft[direction] = { phase: "OpenConfirm", agreement };
  draft.effects.push({ kind: "agreed", direction, agreement });
  send(draft, direction, { kind: "keepalive" });
  // Without a hold time the one for the OPEN goes on: a peer that never confirms would keep every other connection out for ever.
  if (agreement.holdTimeSeconds > 0) setHold(draft, direction, agreement);
  if (agreement.keepaliveSeconds > 0) set(draft, `keepalive-${direction}`, agreement.keepaliveSeconds);
}

function establish(draft: Draft, direction: Direction, agreement: Agreement): void {
  // The other one may still wait for its OPEN; that comes too late.
  dump(draft, opposite(direction));
  draft[direction] = { phase: "Established", agreement };
  setHold(draft, direction, agreement);
  cancel(draft, "connect-retry");
  set(draft, "stable", MAXIMUM_DAMPING_SECONDS);
  draft.effects.push({ kind: "up", direction, agreement });
}

/** Ends a connection that lost to another one, if there is one; that is no failure. */
function dump(draft: Draft, direction: Direction): void {
  if (isOpen(draft, direction)) send(draft, direction, { kind: "notification", error: cease(CEASE.connectionCollision) });
  if (draft[direction]) close(draft, direction);
}

/** Ends a connection because of what the peer did, and tells it. */
function refuse(draft: Draft, direction: Direction, error: BgpError): void {
  const connection = draft[direction];
  if (!connection || connection.phase === "Connect") return;
  send(draft, direction, { kind: "notification", error });
  close(draft, direction);
  failBy(draft, direction, connection, "sent", error);
}

function failBy(draft: Draft, on: Direction, connection: ConnectionState, direction: "sent" | "received", error: BgpError): void {
  fail(draft, on, connection, `${direction} ${formatNotification(error)}`, { kind: "notification", direction, error });
}

/**
 * What follows from the end of `connection`, unless another one lives on. Who connects to us is known by its address only:
 * its failures shut the door for a moment, and neither hinder our own attempts nor make the neighbor Idle; nor does it when it
 * hangs up, however far it had come. What we dialed, and a session that ended in an error, is the neighbor's, and is damped.
 */
function fail(draft: Draft, on: Direction, connection: ConnectionState, reason: string, cause: EndCause): void {
  const wasEstablished = connection.phase === "Established";
  if (hasAgreed(draft[opposite(on)])) return;
  if (on === "incoming" && (!wasEstablished || cause.kind === "closed")) {
    if (draft.incomingFailures === 0) set(draft, "incoming-window", INCOMING_WINDOW_SECONDS);
    draft.incomingFailures++;
    if (!wasEstablished) return end(draft, wasEstablished, reason, cause);
    cancel(draft, "stable");
    retryIn(draft, RESTART_SECONDS);
  } else if (isOpen(draft, "incoming")) {
    // Perhaps the better half of a collision, and perhaps a stranger.
    retryIn(draft, RESTART_SECONDS);
  } else {
    damp(draft);
  }
  end(draft, wasEstablished, reason, cause);
}

function damp(draft: Draft): void {
  if (draft.outgoing) close(draft, "outgoing");
  cancel(draft, "stable");
  draft.failures++;
  const pauseSeconds = dampingSeconds(draft.failures);
  if (pauseSeconds === 0) {
    retryIn(draft, RESTART_SECONDS);
    return;
  }
  draft.mode = "damped";
  cancel(draft, "connect-retry");
  set(draft, "idle-hold", pauseSeconds);
}

function retryIn(draft: Draft, seconds: number): void {
  if (!draft.config.passive) set(draft, "connect-retry", seconds);
}

const directionOf = (timer: `hold-${Direction}` | `keepalive-${Direction}`): Direction =>
  timer.endsWith("outgoing") ? "outgoing" : "incoming";
