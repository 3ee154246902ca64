/** A message as one line for people: what the transcript of a check and its verdict say of it. */

import { decodeText, formatHex } from "../bgp/bytes.ts";
import type { Capability } from "../bgp/capabilities.ts";
import { type BgpError, errorName } from "../bgp/error.ts";
import type { Message } from "../bgp/message.ts";
import { formatFamily } from "../bgp/nlri.ts";
import { shutdownText } from "../bgp/notification.ts";
import type { AsPathSegment } from "../bgp/path.ts";
import { formatAddress } from "../net/address.ts";
import { formatPrefix, type Prefix } from "../net/prefix.ts";

const SHOWN_PREFIXES = 3;
const SHOWN_BYTES = 60;

export function describeMessage(message: Message): string {
  switch (message.kind) {
    case "open": {
      const { asn, holdTimeSeconds, routerId, capabilities } = message;
      const able = capabilities.map(describeCapability).join(", ") || "none";
      return `OPEN AS ${asn}, hold time ${holdTimeSeconds}, identifier ${formatAddress(routerId)}, capabilities: ${able}`;
    }
    case "update": {
      if (message.endOfRib) return `UPDATE End-of-RIB ${formatFamily(message.endOfRib)}`;
      const gone = message.withdrawn.length > 0 ? [`withdraws ${describePrefixes(message.withdrawn)}`] : [];
      const announced = message.announcements.map(
        ({ prefixes, attributes }) =>
          `announces ${describePrefixes(prefixes)} via ${formatAddress(attributes.nextHop)}, path ${describePath(attributes.asPath)}`,
      );
      return `UPDATE ${[...gone, ...announced].join("; ") || "of nothing"}`;
    }
    case "notification":
      return `NOTIFICATION ${describeError(message.error)}`;
    case "keepalive":
      return "KEEPALIVE";
    case "route-refresh":
      return `ROUTE-REFRESH ${formatFamily(message.family)}${message.subtype === 0 ? "" : `, subtype ${message.subtype}`}`;
  }
}

export const describeError = (error: BgpError): string =>
  [errorNumbers(error), errorData(error)].filter((part) => part !== undefined).join(", ");

/** "2/2 OPEN Message Error/Bad Peer AS" */
export const errorNumbers = (error: BgpError): string => `${error.code}/${error.subcode} ${errorName(error)}`;

/** Undefined where there is none. Words where it is words: some speakers send an explanation. */
export function errorData(error: BgpError): string | undefined {
  if (error.data.length === 0) return undefined;
  const text = shutdownText(error) ?? decodeText(error.data);
  const isText = /^[\x20-\x7e]{4,}$/.test(text);
  return isText ? `"${text.slice(0, SHOWN_BYTES)}"` : `data ${formatHex(error.data.subarray(0, SHOWN_BYTES))}`;
}

function describePrefixes(prefixes: readonly Prefix[]): string {
  const shown = prefixes.slice(0, SHOWN_PREFIXES).map(formatPrefix).join(" ");
  return prefixes.length > SHOWN_PREFIXES ? `${shown} and ${prefixes.length - SHOWN_PREFIXES} more` : shown;
}

export const describePath = (path: readonly AsPathSegment[]): string =>
  path.map(({ type, asns }) => (type === 2 ? asns.join(" ") : `{${asns.join(" ")}}`)).join(" ") || "empty";

export function describeCapability(capability: Capability): string {
  switch (capability.name) {
    case "multiprotocol":
      return formatFamily(capability.family);
    case "four-octet-as":
      return `four-octet AS ${capability.asn}`;
    case "graceful-restart":
      return `graceful restart ${capability.restartTimeSeconds} s${capability.restarting ? ", restarting" : ""}`;
    case "unknown":
      return `code ${capability.code}`;
    default:
      return capability.name.replaceAll("-", " ");
  }
}
