/**
 * Which offload a sender has to switch off whose packets we cannot forward: it leaves it to the device to segment what is in a
 * tunnel, and no frame of a packet socket can say that (`tunneled-gso` in `dataplane/verdict.ts`). Said once for each sender and
 * kind of tunnel.
 */
import { formatAddress, readIpv4, readIpv6 } from "../net/address.ts";
import { PROTOCOLS } from "../net/flow.ts";
import { readVersion } from "../wire/ipv4.ts";
import { createUpper, readUpperLayer, UPPER } from "../wire/upper-layer.ts";
import type { EventRecord } from "./events.ts";

/** Nobody fills our memory, or the events, with senders that he makes up. */
const MOST = 64;

/** By the outer protocol: the features of `ethtool -k` that are of no use here. */
const FEATURES: Readonly<Record<number, readonly string[]>> = {
  [PROTOCOLS.udp]: ["tx-udp_tnl-segmentation", "tx-udp_tnl-csum-segmentation"],
  [PROTOCOLS.gre]: ["tx-gre-segmentation", "tx-gre-csum-segmentation"],
};
const IP_IN_IP = { 4: ["tx-ipxip4-segmentation"], 6: ["tx-ipxip6-segmentation"] } as const;

/** `names`: of the ports. To be handed the first bytes of each such packet. */
export function createOffloadAdvice(events: EventRecord, names: readonly string[]): (packet: Uint8Array, port: number) => void {
  const said = new Set<string>();
  const upper = createUpper();
  return (packet, port) => {
    const version = readVersion(packet, 0) === 4 ? 4 : 6;
    readUpperLayer(packet, 0, packet.length, upper);
    const source = formatAddress(version === 4 ? readIpv4(packet, 12) : readIpv6(packet, 8));
    const features = FEATURES[upper[UPPER.protocol]] ?? IP_IN_IP[version];
    const key = `${port} ${source} ${features[0]}`;
    if (said.has(key) || said.size === MOST) return;
    said.add(key);
    const remedy = `ethtool -K DEVICE ${features.map((feature) => `${feature} off`).join(" ")}`;
    events.add("tunneled-gso", { interface: names[port], source, remedy });
  };
}
