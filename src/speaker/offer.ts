/**
 * What our side of a session says of itself: the OPEN that goes out, from the neighbor's configuration (RFC 4271 4.2, RFC
 * 5492). What the peer makes of it together with its own OPEN is in `agreement.ts`.
 */
import { ADD_PATH, type Capability } from "../bgp/capabilities.ts";
import { AFI } from "../bgp/iana.ts";
import type { Ipv6NextHop } from "../bgp/multiprotocol.ts";
import { type Family, hasFamily, IPV4_UNICAST } from "../bgp/nlri.ts";
import type { OpenMessage } from "../bgp/open.ts";
import { ROLES, type Role } from "../bgp/role.ts";
import type { Ipv4Address } from "../net/address.ts";

/** The neighbor's AS, or only whether it is ours: then its OPEN says which. */
export type RemoteAsn = number | "external" | "internal";

/** What our side of one session stands for; it does not change while the session lasts. */
export interface LocalSide {
  readonly localAsn: number;
  readonly remoteAsn: RemoteAsn;
  readonly routerId: Ipv4Address;
  /** 0, or at least 3. */
  readonly holdTimeSeconds: number;
  readonly families: readonly Family[];
  readonly ipv6NextHop: Ipv6NextHop;
  /** IPv4 prefixes may come with a next hop of IPv6 (RFC 8950). */
  readonly extendedNextHop: boolean;
  /** Several paths to a prefix may come (RFC 7911). */
  readonly addPath: boolean;
  /** We keep the routes of a peer that restarts (RFC 4724). */
  readonly gracefulRestart: boolean;
  readonly role?: Role;
}

/** With two families it has 61 bytes; MetalLB's native speaker refuses less than 37. */
export const localOpen = (local: LocalSide): OpenMessage => ({
  kind: "open",
  asn: local.localAsn,
  holdTimeSeconds: local.holdTimeSeconds,
  routerId: local.routerId,
  capabilities: localCapabilities(local),
});

export function localCapabilities(local: LocalSide): readonly Capability[] {
  const { families, localAsn, role } = local;
  const offered: Capability[] = families.map((family) => ({ name: "multiprotocol", family }));
  offered.push({ name: "route-refresh" });
  if (local.extendedNextHop && hasFamily(families, IPV4_UNICAST))
    offered.push({ name: "extended-next-hop", families: [{ family: IPV4_UNICAST, nextHopAfi: AFI.ipv6 }] });
  offered.push({ name: "extended-message" });
  if (role) offered.push({ name: "role", role: ROLES.indexOf(role) });
  // A helper lists no families: what it has said itself it does not keep. Its N bit is RFC 8538.
  if (local.gracefulRestart)
    offered.push({ name: "graceful-restart", restarting: false, notification: true, restartTimeSeconds: 0, families: [] });
  offered.push({ name: "four-octet-as", asn: localAsn });
  if (local.addPath)
    offered.push({ name: "add-path", families: families.map((family) => ({ family, direction: ADD_PATH.receive })) });
  offered.push({ name: "enhanced-route-refresh" });
  return offered;
}
