/**
 * The router's configuration file for one run of a lab. Pure. In namespaces we name the interfaces; in containers the engine
 * does, as it likes, and an interface is known by its address.
 */
import { stringify } from "yaml";
import { formatAddress } from "../net/address.ts";
import { formatPrefix, hostPrefix } from "../net/prefix.ts";
import { TABLE_RANGE } from "./full-table.ts";
import type { Lab } from "./lab.ts";
import { SPEAKERS } from "./speaker/kinds.ts";

const acceptedTables = (lab: Lab): string[] => (lab.nodes.some(({ tableSize }) => tableSize > 0) ? [`${TABLE_RANGE} le 24`] : []);

/** `ecmp`: that section of the file. */
export function renderRouterConfig(lab: Lab, ecmp: object, ports: "by interface" | "by address"): string {
  const { router } = lab;
  const addresses = router.ports.map((port) => port.address.address);
  return stringify({
    ports: router.ports.map((port) =>
      ports === "by interface" ? { interface: port.interface } : { address: formatAddress(port.address.address) },
    ),
    bgp: {
      asn: router.asn,
      routerId: formatAddress(addresses[addresses.length - 1]),
      holdTimeSeconds: router.holdTimeSeconds,
      maximumPaths: router.maximumPaths,
      // Nothing but the services' own addresses, and a full table where the lab has one.
      accept: [...lab.services.map(({ address }) => formatPrefix(hostPrefix(address))), ...acceptedTables(lab)],
      neighbors: lab.nodes.map((node) => ({
        address: formatAddress(node.address.address),
        remoteAsn: node.asn,
        description: node.name,
        // Who dials: MetalLB does, so the router only listens; a speaker that listens is dialed.
        passive: !SPEAKERS[node.kind].listens,
      })),
    },
    ecmp,
    workers: 1,
  });
}
