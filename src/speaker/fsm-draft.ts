/**
 * The state of a neighbor under change, for the length of one step of `fsm.ts`, and what its transitions are made of: looking
 * at a connection, closing it, sending, timers. Each of them does one thing and decides nothing.
 */
import type { Message } from "../bgp/message.ts";
import type { Agreement } from "./agreement.ts";
import type { ConnectionState, Direction, Effect, FsmConfig, FsmState, Timer } from "./fsm-state.ts";
import type { EndCause } from "./graceful-restart.ts";

/** The state under change, for the length of one step. */
export interface Draft {
  mode: FsmState["mode"];
  failures: number;
  incomingFailures: number;
  outgoing: ConnectionState | undefined;
  incoming: ConnectionState | undefined;
  readonly effects: Effect[];
  readonly config: FsmConfig;
}

export const finished = ({ mode, failures, incomingFailures, outgoing, incoming }: Draft): FsmState => ({
  mode,
  failures,
  incomingFailures,
  ...(outgoing ? { outgoing } : {}),
  ...(incoming ? { incoming } : {}),
});

export const DIRECTIONS = ["outgoing", "incoming"] as const satisfies readonly Direction[];

export const opposite = (direction: Direction): Direction => (direction === "outgoing" ? "incoming" : "outgoing");

export const hasAgreed = (connection: ConnectionState | undefined): connection is ConnectionState & { agreement: Agreement } =>
  connection !== undefined && "agreement" in connection;

/** There is somebody, whoever it is. */
export function isOpen(draft: Draft, direction: Direction): boolean {
  const phase = draft[direction]?.phase;
  return phase !== undefined && phase !== "Connect";
}

export function close(draft: Draft, direction: Direction): void {
  draft[direction] = undefined;
  cancel(draft, `hold-${direction}`);
  cancel(draft, `keepalive-${direction}`);
  draft.effects.push({ kind: "close", direction });
}

export function send(draft: Draft, direction: Direction, message: Message): void {
  draft.effects.push({ kind: "send", direction, message });
}

const HOLD = { outgoing: "hold-outgoing", incoming: "hold-incoming" } as const;

export const holdEffect = (direction: Direction, { holdTimeSeconds }: Agreement): Effect =>
  holdTimeSeconds > 0
    ? { kind: "set-timer", timer: HOLD[direction], seconds: holdTimeSeconds }
    : { kind: "cancel-timer", timer: HOLD[direction] };

export function setHold(draft: Draft, direction: Direction, agreement: Agreement): void {
  draft.effects.push(holdEffect(direction, agreement));
}

export function set(draft: Draft, timer: Timer, seconds: number): void {
  draft.effects.push({ kind: "set-timer", timer, seconds });
}

export function cancel(draft: Draft, timer: Timer): void {
  draft.effects.push({ kind: "cancel-timer", timer });
}

export function end(draft: Draft, wasEstablished: boolean, reason: string, cause: EndCause): void {
  draft.effects.push({ kind: "ended", wasEstablished, reason, cause });
}
