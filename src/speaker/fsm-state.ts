/**
 * The words of the BGP state machine (RFC 4271 section 8): its states, events and effects as values. `fsm.ts` turns the
 * first two into the last; the session executes them and shows the state's name.
 */
import type { BgpError } from "../bgp/error.ts";
import { CEASE } from "../bgp/iana.ts";
import type { Message } from "../bgp/message.ts";
import { cease } from "../bgp/notification.ts";
import type { RouteRefreshMessage } from "../bgp/route-refresh.ts";
import type { UpdateMessage } from "../bgp/update.ts";
import type { Agreement } from "./agreement.ts";
import type { EndCause } from "./graceful-restart.ts";
import type { LocalSide } from "./offer.ts";

/** Who opened the TCP connection: we, or the peer. */
export type Direction = "outgoing" | "incoming";

export type ConnectionState =
  | { readonly phase: "Connect" }
  | { readonly phase: "OpenSent" }
  | { readonly phase: "OpenConfirm"; readonly agreement: Agreement }
  | { readonly phase: "Established"; readonly agreement: Agreement };

export interface FsmState {
  readonly mode: "stopped" | "damped" | "running";
  /** Of the two, one at most is in OpenConfirm or Established; there are none unless the mode is "running". */
  readonly outgoing?: ConnectionState;
  readonly incoming?: ConnectionState;
  /** In a row: a session that holds for a while sets it back to 0. */
  readonly failures: number;
  /** Of connections that the peer opened, in this short while; whoever shares its address can cause them. */
  readonly incomingFailures: number;
}

export const STATE_NAMES = ["Idle", "Active", "Connect", "OpenSent", "OpenConfirm", "Established"] as const;
export type StateName = (typeof STATE_NAMES)[number];

export interface FsmConfig extends LocalSide {
  readonly connectRetrySeconds: number;
  readonly passive: boolean;
}

export type Timer = "connect-retry" | "idle-hold" | "incoming-window" | "stable" | `hold-${Direction}` | `keepalive-${Direction}`;

export type FsmEvent =
  | { readonly kind: "start" }
  /** The error is the Cease that tells the peer. */
  | { readonly kind: "stop"; readonly error: BgpError }
  | { readonly kind: "timer"; readonly timer: Timer }
  | { readonly kind: "connected"; readonly direction: Direction }
  | { readonly kind: "closed"; readonly direction: Direction; readonly reason: string }
  | { readonly kind: "message"; readonly direction: Direction; readonly message: Message }
  /** What the peer sent is wrong, or more than we take. */
  | { readonly kind: "error"; readonly direction: Direction; readonly error: BgpError }
  /** The peer has opened another connection, which is about to take the place of its last: RFC 4271's OpenCollisionDump. */
  | { readonly kind: "superseded" }
  /** Somebody at the peer's address opens a connection although the session is up. */
  | { readonly kind: "knock" };

export type Effect =
  | { readonly kind: "connect" }
  | { readonly kind: "send"; readonly direction: Direction; readonly message: Message }
  | { readonly kind: "close"; readonly direction: Direction }
  | { readonly kind: "set-timer"; readonly timer: Timer; readonly seconds: number }
  | { readonly kind: "cancel-timer"; readonly timer: Timer }
  | { readonly kind: "agreed"; readonly direction: Direction; readonly agreement: Agreement }
  | { readonly kind: "up"; readonly direction: Direction; readonly agreement: Agreement }
  | { readonly kind: "deliver"; readonly update: UpdateMessage }
  | { readonly kind: "refresh"; readonly direction: Direction; readonly message: RouteRefreshMessage }
  /** The session, or the attempt at one, is over. */
  | { readonly kind: "ended"; readonly wasEstablished: boolean; readonly reason: string; readonly cause: EndCause };

export const INITIAL_STATE: FsmState = { mode: "stopped", failures: 0, incomingFailures: 0 };

/** A peer that fails at once each time it connects fails so often before it is refused for the rest of the window. */
export const INCOMING_FAILURES_IN_WINDOW = 5;

/** The neighbor is as far as its connection that got farthest. */
export function stateName({ mode, outgoing, incoming }: FsmState): StateName {
  if (mode !== "running") return "Idle";
  const reached = [outgoing, incoming].map((connection) => STATE_NAMES.indexOf(connection?.phase ?? "Active"));
  return STATE_NAMES[Math.max(...reached)];
}

/** Why a connection that the peer opens now is not taken, if it is not (RFC 4271 6.8, RFC 4486). */
export function refusal(state: FsmState): BgpError | undefined {
  const isClosed = state.mode !== "running" || state.incomingFailures >= INCOMING_FAILURES_IN_WINDOW;
  if (isClosed) return cease(CEASE.connectionRejected);
  const isTalking = stateName(state) === "Established" || state.incoming?.phase === "OpenConfirm";
  return isTalking ? cease(CEASE.connectionCollision) : undefined;
}
