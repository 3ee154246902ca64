/**
 * ROUTE-REFRESH (RFC 2918): please send this family again. RFC 7313 made the reserved byte a subtype.
 *
 *   AFI (2) | subtype (1) | SAFI (1)
 */
import { joinBytes, read16, uint16 } from "./bytes.ts";
import { type BgpError, bgpError, type Decoded } from "./error.ts";
import { HEADER_LENGTH, header } from "./framer.ts";
import { ERROR, HEADER_ERROR, MESSAGE, REFRESH_ERROR } from "./iana.ts";
import type { Family } from "./nlri.ts";

/** The request itself, and under RFC 7313 the brackets of the answer; a peer may send others, which mean nothing. */
export const REFRESH = { request: 0, begin: 1, end: 2 } as const;

export interface RouteRefreshMessage {
  readonly kind: "route-refresh";
  readonly family: Family;
  readonly subtype: number;
}

export function decodeRouteRefresh(body: Uint8Array): Decoded<RouteRefreshMessage> {
  if (body.length !== 4) return { error: wrongLength(body) };
  return { value: { kind: "route-refresh", family: { afi: read16(body, 0), safi: body[3] }, subtype: body[2] } };
}

export const encodeRouteRefresh = ({ family, subtype }: RouteRefreshMessage): Uint8Array =>
  Uint8Array.of(...uint16(family.afi), subtype, family.safi);

/** A mark of the wrong length has an error of its own (RFC 7313 section 5); a request, which is older, has not. */
function wrongLength(body: Uint8Array): BgpError {
  const isMark = body[2] === REFRESH.begin || body[2] === REFRESH.end;
  if (!isMark) return bgpError(ERROR.messageHeader, HEADER_ERROR.badLength, uint16(HEADER_LENGTH + body.length));
  return bgpError(ERROR.routeRefresh, REFRESH_ERROR.invalidLength, joinBytes(header(MESSAGE.routeRefresh, body.length), body));
}
