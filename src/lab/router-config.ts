/**
 * The router's configuration file for one run of a lab. Pure. In namespaces we name the interfaces; in containers the engine
 * does, as it likes, and an interface is known by its address.
 */
import { stringify } from "yaml";
import { formatAddress } from "../net/address.ts";
import { formatPrefix, hostPrefix } from "../net/prefix.ts";
import { TABLE_RANGE } from "./full-table.ts";
import { type BfdTimers, hostNetworks, type Lab, nodesOf, peersOf, type RouterNode, type StaticRoute } from "./lab.ts";
import { SPEAKERS } from "./speaker/kinds.ts";

const acceptedTables = (lab: Lab): string[] => (lab.nodes.some(({ tableSize }) => tableSize > 0) ? [`${TABLE_RANGE} le 24`] : []);

/** The section `ecmp` of the file is the run's; `router`: one of the lab's. */
export function renderRouterConfig(lab: Lab, router: RouterNode, ecmp: object, ports: "by interface" | "by address"): string {
  const addresses = router.ports.map((port) => port.address.address);
  const services = lab.services.map(({ address }) => formatPrefix(hostPrefix(address)));
  const peers = peersOf(lab, router);
  const hosts = hostNetworks(lab).map(formatPrefix);
  return stringify({
    ports: router.ports.map((port) =>
      ports === "by interface" ? { interface: port.interface } : { address: formatAddress(port.address.address) },
    ),
    bgp: {
      asn: router.asn,
      routerId: formatAddress(addresses[addresses.length - 1]),
      holdTimeSeconds: router.holdTimeSeconds,
      maximumPaths: router.maximumPaths,
      // Nothing but the services' own addresses, a full table where the lab has one, and behind a router the way back.
      accept: [...services, ...acceptedTables(lab), ...(router === lab.router ? [] : hosts)],
      // A tier tells the one before it of the services, and the one behind it of the clients.
      ...(peers.length > 0 && router === lab.router ? { networks: hosts } : {}),
      neighbors: [
        ...nodesOf(lab, router).map((node) => ({
          address: formatAddress(node.address.address),
          remoteAsn: node.asn,
          description: node.name,
          // Who dials: MetalLB does, so the router only listens; a speaker that listens is dialed.
          passive: !SPEAKERS[node.kind].listens,
          ...(router.bfd && SPEAKERS[node.kind].bfd ? { bfd: bfdOf(router.bfd) } : {}),
          ...(router.prefixLimit === undefined ? {} : { prefixLimit: { maxPrefixes: router.prefixLimit } }),
        })),
        ...peers.map((peer) => ({
          address: formatAddress(peer.port.address.address),
          remoteAsn: peer.router.asn,
          description: peer.router.name,
          connectRetrySeconds: 1,
          announce: router === lab.router ? hosts : services,
        })),
      ],
    },
    ...(router.routes.length > 0 ? { routes: router.routes.map(staticRoute) } : {}),
    ecmp,
    workers: 1,
  });
}

const bfdOf = ({ intervalMs, multiplier }: BfdTimers) => ({ minTxMs: intervalMs, minRxMs: intervalMs, multiplier });

const staticRoute = ({ prefix, via }: StaticRoute) => ({
  prefix: formatPrefix(prefix),
  nextHops: [{ address: formatAddress(via) }],
});
