/**
 * Neighbors as FRR's `show bgp summary json` and `show bgp neighbors json` name them, so that scripts and exporters made for
 * FRR read ours; and the speaker's events with addresses as text.
 */
import { type Capability, findCapability } from "../bgp/capabilities.ts";
import { formatFamily } from "../bgp/nlri.ts";
import { type Address, formatAddress, linkOfRouter, parseAddress, routerOn } from "../net/address.ts";
import { formatPrefix } from "../net/prefix.ts";
import type { PeerPaths } from "../rib/tally.ts";
import type { MessageCounts, NeighborState, SpeakerEvent } from "../speaker/neighbor.ts";
import { type BgpConfig, importPolicyOf } from "./policy.ts";

/** As FRR has it: an unnumbered neighbor goes by the name of the interface. */
export const formatPeer = (address: Address): string => linkOfRouter(address) ?? formatAddress(address);

/** The address that `formatPeer` writes so; a name may be any interface's. */
export const parsePeer = (text: string): Address => parseAddress(text) ?? routerOn(text);

const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((all, count) => all + count, 0);
const total = (counts: MessageCounts): number => sum({ ...counts });

/** Since the session came up, or, where there was one, since the last was lost. */
function uptimeMs({ establishedAtMs, connectionsEstablished, lastReset }: NeighborState, nowMs: number): number | undefined {
  const sinceMs = establishedAtMs ?? (connectionsEstablished > 0 ? lastReset?.atMs : undefined);
  return sinceMs === undefined ? undefined : Math.round(nowMs - sinceMs);
}

/** "00:01:02", "1d02h03m", or "never": FRR's column. */
export function formatUptime(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  const two = (value: number): string => String(value).padStart(2, "0");
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (days > 0) return `${days}d${two(hours)}h${two(minutes)}m`;
  return `${two(hours)}:${two(minutes)}:${two(seconds % 60)}`;
}

export function summarizeNeighbors(
  bgp: BgpConfig | undefined,
  neighbors: readonly NeighborState[],
  pathsOf: (address: Address) => PeerPaths,
  toldTo: (address: Address) => number,
  nowMs: number,
) {
  const peers = neighbors.map((neighbor) => {
    const uptime = uptimeMs(neighbor, nowMs);
    const { received, refused } = pathsOf(neighbor.address);
    return [
      formatPeer(neighbor.address),
      {
        remoteAs: neighbor.remoteAsn,
        localAs: neighbor.localAsn,
        version: 4,
        msgRcvd: total(neighbor.messagesReceived),
        msgSent: total(neighbor.messagesSent),
        // As FRR has it: how long in this state; "never" for one that never was up.
        peerUptime: uptime === undefined ? "never" : formatUptime(uptime),
        peerUptimeMsec: uptime ?? 0,
        outq: neighbor.outboxLength,
        pfxRcd: received,
        pfxRefused: sum(refused),
        // RFC 8212: nothing is taken from an external neighbor of which the configuration says nothing.
        hasImportPolicy: neighbor.type === "internal" || importPolicyOf(bgp, neighbor.address).accept !== undefined,
        pfxSnt: toldTo(neighbor.address),
        state: neighbor.shutdown ? "Idle (Admin)" : neighbor.state,
        ...(neighbor.range ? { dynamicPeer: true } : {}),
        connectionsEstablished: neighbor.connectionsEstablished,
        connectionsDropped: neighbor.connectionsDropped,
        ...(neighbor.description === undefined ? {} : { desc: neighbor.description }),
        ...nameOf(neighbor),
        idType:
          linkOfRouter(neighbor.address) !== undefined ? "interface" : typeof neighbor.address === "number" ? "ipv4" : "ipv6",
      },
    ] as const;
  });
  return {
    routerId: bgp === undefined ? null : formatAddress(bgp.routerId),
    as: bgp?.asn ?? null,
    peerCount: peers.length,
    peers: Object.fromEntries(peers),
  };
}

export function describeNeighbor(neighbor: NeighborState, { received, refused }: PeerPaths, prefixesSent: number, nowMs: number) {
  const { holdTimeSeconds, keepaliveSeconds, routerId, lastUpdateFault, lastNotification, lastReset } = neighbor;
  return {
    remoteAs: neighbor.remoteAsn,
    localAs: neighbor.localAsn,
    nbrExternalLink: neighbor.type === "external",
    ...(neighbor.description === undefined ? {} : { nbrDesc: neighbor.description }),
    ...nameOf(neighbor),
    ...(neighbor.router === undefined ? {} : { bgpNeighborAddr: formatAddress(neighbor.router) }),
    bgpState: neighbor.state,
    passive: neighbor.passive,
    // Only where it is so, as in FRR.
    ...(neighbor.signed ? { authenticationEnabled: 1 } : {}),
    ...(neighbor.maximumHops === undefined ? {} : { externalBgpNbrMaxHopsAway: neighbor.maximumHops }),
    idleAfterFailures: neighbor.damped,
    ...(neighbor.shutdown === undefined ? {} : { adminShutDown: neighbor.shutdown }),
    ...(neighbor.range === undefined ? {} : { subnetRange: formatPrefix(neighbor.range) }),
    ...(routerId === undefined ? {} : { remoteRouterId: formatAddress(routerId) }),
    bgpTimerUpMsec: neighbor.establishedAtMs === undefined ? 0 : Math.round(nowMs - neighbor.establishedAtMs),
    ...(holdTimeSeconds === undefined ? {} : { bgpTimerHoldTimeMsecs: holdTimeSeconds * 1000 }),
    ...(keepaliveSeconds === undefined ? {} : { bgpTimerKeepAliveIntervalMsecs: keepaliveSeconds * 1000 }),
    familiesNegotiated: neighbor.families.map(formatFamily),
    neighborCapabilities: {
      sent: neighbor.capabilities.sent.map(describeCapability),
      received: neighbor.capabilities.received.map(describeCapability),
    },
    messageStats: { sent: neighbor.messagesSent, received: neighbor.messagesReceived },
    updateFaults: neighbor.updateFaults,
    ...(lastUpdateFault === undefined
      ? {}
      : { lastUpdateFault: { ...lastUpdateFault, atMs: undefined, agoMsec: Math.round(nowMs - lastUpdateFault.atMs) } }),
    prefixesReceived: received,
    prefixesRefused: refused,
    prefixesSent,
    endOfRibReceived: neighbor.endOfRibReceived,
    staleFamilies: neighbor.staleFamilies,
    connectionsEstablished: neighbor.connectionsEstablished,
    connectionsDropped: neighbor.connectionsDropped,
    connectionsRefused: neighbor.connectionsRefused,
    pathsTooLong: neighbor.pathsTooLong,
    ...(lastReset === undefined
      ? {}
      : { lastResetDueTo: lastReset.reason, lastResetTimerMsecs: Math.round(nowMs - lastReset.atMs) }),
    ...(lastNotification === undefined ? {} : { lastNotification: { ...lastNotification, atMs: undefined } }),
  };
}

/** As the peer calls itself (the FQDN capability). */
function nameOf({ capabilities }: NeighborState): { hostname?: string; domainname?: string } {
  const name = findCapability(capabilities.received, "fqdn");
  return name ? { hostname: name.hostname, ...(name.domain && { domainname: name.domain }) } : {};
}

/** Raw bytes as hex: JSON has no other form for them. */
const describeCapability = (capability: Capability): unknown =>
  JSON.parse(
    JSON.stringify(capability, (_, value: unknown) => (value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value)),
  );

export function describeSpeakerEvent({ atMs: _, kind: _kind, neighbor, ...details }: SpeakerEvent): Record<string, unknown> {
  const { routerId, ...rest } = details as { routerId?: number };
  return { peer: formatPeer(neighbor), ...(routerId === undefined ? {} : { routerId: formatAddress(routerId) }), ...rest };
}
