/**
 * The five messages of BGP as one type, and the way between them and their bytes. The framer finds the bytes; the session
 * knows the context; neither side of this file ever throws on what a peer has sent.
 */
import type { AsnSize } from "./as-path.ts";
import type { DecodeContext } from "./attributes.ts";
import { type BgpError, bgpError, type Decoded, type Fault } from "./error.ts";
import { frame } from "./framer.ts";
import { ERROR, HEADER_ERROR, MESSAGE } from "./iana.ts";
import { decodeNotification, encodeNotification, type NotificationMessage } from "./notification.ts";
import { decodeOpen, encodeOpen, type OpenMessage } from "./open.ts";
import { decodeRouteRefresh, encodeRouteRefresh, type RouteRefreshMessage } from "./route-refresh.ts";
import { decodeUpdate, encodeUpdate, type UpdateMessage } from "./update.ts";

export type Message = OpenMessage | UpdateMessage | NotificationMessage | { readonly kind: "keepalive" } | RouteRefreshMessage;

export const MESSAGE_KINDS = [
  "open",
  "update",
  "notification",
  "keepalive",
  "route-refresh",
] as const satisfies Message["kind"][];

/** The faults are those of an UPDATE, survived or not. */
export type DecodedMessage = { readonly faults: readonly Fault[] } & (
  | { readonly message: Message }
  | { readonly error: BgpError }
);

const NO_FAULTS: readonly Fault[] = [];

export function decodeMessage(type: number, body: Uint8Array, context: DecodeContext): DecodedMessage {
  switch (type) {
    case MESSAGE.open:
      return withoutFaults(decodeOpen(body));
    case MESSAGE.update: {
      const { update, faults } = decodeUpdate(body, context);
      const fatal = faults.find((fault) => fault.consequence === "reset");
      return fatal ? { error: fatal.error, faults } : { message: update, faults };
    }
    case MESSAGE.notification:
      return withoutFaults(decodeNotification(body));
    case MESSAGE.keepalive:
      return { message: { kind: "keepalive" }, faults: NO_FAULTS };
    case MESSAGE.routeRefresh:
      return withoutFaults(decodeRouteRefresh(body));
    default:
      return { error: bgpError(ERROR.messageHeader, HEADER_ERROR.badType, [type]), faults: NO_FAULTS };
  }
}

const withoutFaults = (decoded: Decoded<Message>): DecodedMessage =>
  "error" in decoded ? { error: decoded.error, faults: NO_FAULTS } : { message: decoded.value, faults: NO_FAULTS };

/** Whole messages with their headers: one, but for an UPDATE that has to be split. */
export function encodeMessage(message: Message, asnSize: AsnSize): Uint8Array[] {
  switch (message.kind) {
    case "open":
      return [frame(MESSAGE.open, encodeOpen(message))];
    case "update":
      return encodeUpdate(message, asnSize);
    case "notification":
      return [frame(MESSAGE.notification, encodeNotification(message))];
    case "keepalive":
      return [frame(MESSAGE.keepalive)];
    case "route-refresh":
      return [frame(MESSAGE.routeRefresh, encodeRouteRefresh(message))];
  }
}

/** The type byte of a message, for those who have to complain of it. */
export const MESSAGE_TYPE: { readonly [Kind in Message["kind"]]: number } = {
  open: MESSAGE.open,
  update: MESSAGE.update,
  notification: MESSAGE.notification,
  keepalive: MESSAGE.keepalive,
  "route-refresh": MESSAGE.routeRefresh,
};
