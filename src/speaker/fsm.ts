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
import { type BgpError, bgpError, errorName } from "../bgp/error.ts";
import { CEASE, ERROR, FSM_ERROR } from "../bgp/iana.ts";
import { MESSAGE_TYPE, type Message } from "../bgp/message.ts";
import { cease, shutdownText } from "../bgp/notification.ts";
import type { OpenMessage } from "../bgp/open.ts";
import { type Agreement, agree, collisionWinner } from "./agreement.ts";
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
import { localOpen } from "./offer.ts";

/** RFC 4271 8.2.2: "a large value" for a peer that has not sent its OPEN. */
export const OPEN_HOLD_SECONDS = 240;
/** How soon we dial again after a first failure; meanwhile the peer may. */
export const RESTART_SECONDS = 1;
export const MAXIMUM_DAMPING_SECONDS = 60;

/** How long a neighbor stays Idle after so many failures in a row: 0, 1, 2, 4 .. 60 seconds. */
export const dampingSeconds = (failures: number): number =>
  failures < 2 ? 0 : Math.min(2 ** (failures - 2), MAXIMUM_DAMPING_SECONDS);

export interface Step {
  readonly state: FsmState;
  readonly effects: readonly Effect[];
}

/** The state under change, for the length of one step. */
interface Draft {
  mode: FsmState["mode"];
  failures: number;
  outgoing: ConnectionState | undefined;
  incoming: ConnectionState | undefined;
  readonly effects: Effect[];
  readonly config: FsmConfig;
}

export function step(state: FsmState, event: FsmEvent, config: FsmConfig): Step {
  const { mode, failures, outgoing, incoming } = state;
  const draft: Draft = { mode, failures, outgoing, incoming, effects: [], config };
  handle(draft, event);
  return { state: finished(draft), effects: draft.effects };
}

const finished = ({ mode, failures, outgoing, incoming }: Draft): FsmState => ({
  mode,
  failures,
  ...(outgoing ? { outgoing } : {}),
  ...(incoming ? { incoming } : {}),
});

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
  for (const direction of ["outgoing", "incoming"] as const) {
    if (isOpen(draft, direction)) send(draft, direction, { kind: "notification", error });
    if (draft[direction]) close(draft, direction);
  }
  for (const timer of ["connect-retry", "idle-hold", "stable"] as const) cancel(draft, timer);
  if (draft.mode !== "stopped") draft.effects.push({ kind: "ended", wasEstablished, reason: `sent ${describe(error)}` });
  draft.mode = "stopped";
  draft.failures = 0;
}

function onTimer(draft: Draft, timer: Timer): void {
  switch (timer) {
    case "idle-hold":
      if (draft.mode === "damped") run(draft);
      break;
    case "connect-retry":
      retry(draft);
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

/** Dials, again if an attempt is still unanswered; not if there is somebody to talk to already. */
function retry(draft: Draft): void {
  if (draft.mode !== "running" || draft.config.passive || isOpen(draft, "outgoing") || isOpen(draft, "incoming")) return;
  if (draft.outgoing) close(draft, "outgoing");
  dial(draft);
}

function keepalive(draft: Draft, direction: Direction): void {
  const connection = draft[direction];
  if (!connection || !("agreement" in connection)) return;
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
  if (direction === "outgoing") cancel(draft, "connect-retry");
  draft[direction] = { phase: "OpenSent" };
  send(draft, direction, localOpen(draft.config));
  set(draft, `hold-${direction}`, OPEN_HOLD_SECONDS);
}

function onClosed(draft: Draft, direction: Direction, reason: string): void {
  const connection = draft[direction];
  if (!connection) return;
  close(draft, direction);
  if ("agreement" in connection) {
    fail(draft, connection, reason);
  } else if (!draft.outgoing && !draft.incoming) {
    // Of an attempt that was refused, the timer still runs.
    if (connection.phase === "OpenSent") retryIn(draft, draft.config.connectRetrySeconds);
    draft.effects.push({ kind: "ended", wasEstablished: false, reason });
  }
}

function onMessage(draft: Draft, direction: Direction, message: Message): void {
  const connection = draft[direction];
  if (!connection || connection.phase === "Connect") return;
  if (message.kind === "notification") {
    close(draft, direction);
    fail(draft, connection, `received ${describe(message.error)}`);
  } else if (connection.phase === "OpenSent") {
    if (message.kind === "open") onOpen(draft, direction, message);
    else unexpected(draft, direction, FSM_ERROR.inOpenSent, message);
  } else if (connection.phase === "OpenConfirm") {
    if (message.kind === "keepalive") establish(draft, direction, connection.agreement);
    else unexpected(draft, direction, FSM_ERROR.inOpenConfirm, message);
  } else if (message.kind === "open") {
    unexpected(draft, direction, FSM_ERROR.inEstablished, message);
  } else {
    setHold(draft, direction, connection.agreement);
    // A route refresh asks for our routes again, and is answered with all we announce: nothing.
    if (message.kind === "update") draft.effects.push({ kind: "deliver", update: message });
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
    cancel(draft, "connect-retry");
  }
  const agreement = agreed.value;
  draft[direction] = { phase: "OpenConfirm", agreement };
  draft.effects.push({ kind: "agreed", direction, agreement });
  send(draft, direction, { kind: "keepalive" });
  setHold(draft, direction, agreement);
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
  fail(draft, connection, `sent ${describe(error)}`);
}

/** What follows from the end of `connection`, unless another one lives on. */
function fail(draft: Draft, connection: ConnectionState, reason: string): void {
  if (isOpen(draft, "outgoing") || isOpen(draft, "incoming")) return;
  if (draft.outgoing) close(draft, "outgoing");
  cancel(draft, "stable");
  draft.failures++;
  const pauseSeconds = dampingSeconds(draft.failures);
  if (pauseSeconds === 0) {
    retryIn(draft, RESTART_SECONDS);
  } else {
    draft.mode = "damped";
    cancel(draft, "connect-retry");
    set(draft, "idle-hold", pauseSeconds);
  }
  draft.effects.push({ kind: "ended", wasEstablished: connection.phase === "Established", reason });
}

function retryIn(draft: Draft, seconds: number): void {
  if (!draft.config.passive) set(draft, "connect-retry", seconds);
}

/** There is somebody to talk to. */
function isOpen(draft: Draft, direction: Direction): boolean {
  const phase = draft[direction]?.phase;
  return phase !== undefined && phase !== "Connect";
}

function close(draft: Draft, direction: Direction): void {
  draft[direction] = undefined;
  cancel(draft, `hold-${direction}`);
  cancel(draft, `keepalive-${direction}`);
  draft.effects.push({ kind: "close", direction });
}

function send(draft: Draft, direction: Direction, message: Message): void {
  draft.effects.push({ kind: "send", direction, message });
}

function setHold(draft: Draft, direction: Direction, { holdTimeSeconds }: Agreement): void {
  if (holdTimeSeconds > 0) set(draft, `hold-${direction}`, holdTimeSeconds);
  else cancel(draft, `hold-${direction}`);
}

function set(draft: Draft, timer: Timer, seconds: number): void {
  draft.effects.push({ kind: "set-timer", timer, seconds });
}

function cancel(draft: Draft, timer: Timer): void {
  draft.effects.push({ kind: "cancel-timer", timer });
}

const directionOf = (timer: `hold-${Direction}` | `keepalive-${Direction}`): Direction =>
  timer.endsWith("outgoing") ? "outgoing" : "incoming";

const opposite = (direction: Direction): Direction => (direction === "outgoing" ? "incoming" : "outgoing");

function describe(error: BgpError): string {
  const text = shutdownText(error);
  return text === undefined ? errorName(error) : `${errorName(error)} (${text})`;
}
