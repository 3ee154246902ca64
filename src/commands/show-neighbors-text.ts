/** `ecmp show bgp neighbors` as people read it, in the manner of FRR; `show-text.ts` has the other answers. */
import { type Family, formatFamily } from "../bgp/nlri.ts";

interface ShownNeighbor {
  readonly remoteAs: number;
  readonly localAs: number;
  readonly nbrExternalLink: boolean;
  readonly nbrDesc?: string;
  readonly hostname?: string;
  readonly domainname?: string;
  readonly bgpState: string;
  readonly authenticationEnabled?: number;
  readonly externalBgpNbrMaxHopsAway?: number;
  readonly remoteRouterId?: string;
  readonly bgpTimerUpMsec: number;
  readonly bgpTimerHoldTimeMsecs?: number;
  readonly bgpTimerKeepAliveIntervalMsecs?: number;
  readonly updateFaults: Record<string, number>;
  readonly lastUpdateFault?: { readonly what: readonly string[]; readonly message: string; readonly agoMsec: number };
  readonly prefixesReceived: number;
  readonly prefixesRefused: Record<string, number>;
  readonly prefixesSent: number;
  readonly staleFamilies: readonly string[];
  readonly connectionsEstablished: number;
  readonly connectionsDropped: number;
  readonly lastResetDueTo?: string;
  readonly familiesNegotiated: readonly string[];
  readonly neighborCapabilities: { readonly received: readonly ShownCapability[] };
  readonly messageStats: Record<"sent" | "received", Record<string, number>>;
}

interface ShownCapability {
  readonly name: string;
  /** Of one that is unknown, and its value in hex. */
  readonly code?: number;
  readonly value?: string;
  /** Of multiprotocol. */
  readonly family?: Family;
}

/** Older than RFC 2918, and still sent beside it. */
const CISCO_ROUTE_REFRESH = 128;

function nameOfCapability({ name, code, value, family }: ShownCapability): string {
  if (code === CISCO_ROUTE_REFRESH) return "route-refresh of Cisco's";
  if (code !== undefined) return `code ${code}${value ? ` (${value})` : ""}`;
  return family ? `${name} (${formatFamily(family)})` : name;
}

export function formatBgpNeighbors(neighbors: Record<string, ShownNeighbor>): string {
  const counts = (messages: Record<string, number>): string =>
    Object.entries(messages)
      .filter(([, count]) => count > 0)
      .map(([kind, count]) => `${count} ${kind}`)
      .join(", ") || "none";
  return Object.entries(neighbors)
    .map(([address, one]) =>
      [
        `BGP neighbor is ${address}, remote AS ${one.remoteAs}, local AS ${one.localAs}, ${one.nbrExternalLink ? "external" : "internal"} link`,
        ...(one.nbrDesc === undefined ? [] : [`  Description: ${one.nbrDesc}`]),
        ...(one.hostname === undefined ? [] : [`  Hostname: ${[one.hostname, one.domainname].filter(Boolean).join(".")}`]),
        `  BGP state = ${one.bgpState}${one.bgpTimerUpMsec > 0 ? `, up for ${Math.round(one.bgpTimerUpMsec / 1000)} s` : ""}`,
        ...(one.authenticationEnabled ? ["  Peer Authentication Enabled (TCP-MD5)"] : []),
        ...(one.externalBgpNbrMaxHopsAway === undefined ? [] : [`  At most ${one.externalBgpNbrMaxHopsAway} hops away (GTSM)`]),
        ...(one.remoteRouterId === undefined ? [] : [`  Remote router ID ${one.remoteRouterId}`]),
        ...(one.bgpTimerHoldTimeMsecs === undefined
          ? []
          : [
              `  Hold time ${one.bgpTimerHoldTimeMsecs / 1000} s, keepalive interval ${(one.bgpTimerKeepAliveIntervalMsecs ?? 0) / 1000} s`,
            ]),
        `  Address families: ${one.familiesNegotiated.join(", ") || "none negotiated"}`,
        `  Capabilities received: ${one.neighborCapabilities.received.map(nameOfCapability).join(", ") || "none"}`,
        `  Messages sent: ${counts(one.messageStats.sent)}`,
        `  Messages received: ${counts(one.messageStats.received)}`,
        `  Faults in UPDATEs: ${counts(one.updateFaults)}`,
        ...(one.lastUpdateFault === undefined
          ? []
          : [
              `    the last, ${Math.round(one.lastUpdateFault.agoMsec / 1000)} s ago: ${one.lastUpdateFault.what.join("; ")}`,
              `    ${one.lastUpdateFault.message}`,
            ]),
        `  Prefixes received: ${one.prefixesReceived}; refused: ${counts(one.prefixesRefused)}; sent: ${one.prefixesSent}`,
        ...(one.staleFamilies.length === 0 ? [] : [`  Stale routes in use: ${one.staleFamilies.join(", ")}`]),
        `  Connections established ${one.connectionsEstablished}, dropped ${one.connectionsDropped}`,
        ...(one.lastResetDueTo === undefined ? [] : [`  Last reset: ${one.lastResetDueTo}`]),
      ].join("\n"),
    )
    .join("\n\n");
}
