/** The router's configuration file for one run of a lab. Pure; `run.ts` writes it and starts `ecmp run` on it. */
import { stringify } from "yaml";
import { formatAddress } from "../net/address.ts";
import type { Lab, SelectorChoice } from "./lab.ts";
import { SPEAKERS } from "./speaker/kinds.ts";

export function renderRouterConfig(lab: Lab, selector: SelectorChoice): string {
  const { router, experiment } = lab;
  const addresses = router.ports.map((port) => port.address.address);
  return stringify({
    ports: router.ports.map((port) => ({ interface: port.interface })),
    bgp: {
      asn: router.asn,
      routerId: formatAddress(addresses[addresses.length - 1]),
      holdTimeSeconds: router.holdTimeSeconds,
      maximumPaths: router.maximumPaths,
      neighbors: lab.nodes.map((node) => ({
        address: formatAddress(node.address.address),
        remoteAsn: node.asn,
        description: node.name,
        // Who dials: MetalLB does, so the router only listens; a speaker that listens is dialed.
        passive: !SPEAKERS[node.kind].listens,
      })),
    },
    ecmp: { hash: experiment.hash, selector },
    workers: 1,
  });
}
