/**
 * What kube-proxy's nft mode would write on one node of the lab, as text for `nft -f`: its chains and rules as its own tests
 * have them (kubernetes, pkg/proxy/nftables), for services of type LoadBalancer and traffic from outside the cluster, without
 * what the lab lacks: cluster addresses, node ports, source ranges, session affinity, clients on the nodes. One rule is of its
 * iptables mode, because many clusters have it: packets that conntrack calls invalid are dropped.
 *
 *   nat-prerouting -> services -(map service-ips)-> external-NAME [-> service-NAME] -(random)-> endpoint-NAME__POD -> dnat
 *
 * Cluster: `external-` marks the packet, so that it leaves with the node's own address, and any ready pod may get it. Local:
 * no mark, and only pods of this node.
 */
import { type AddressFamily, addressFamily, formatAddress } from "../net/address.ts";
import { type ClusterNode, hasIpv6, type Lab, ofFamily, type Pod, podsOf, type Service } from "./lab.ts";

/** kube-proxy's default `--iptables-masquerade-bit`, 14. */
const MASQUERADE_MARK = "0x4000";

/** Of every family that the lab has. */
export const renderKubeProxy = (lab: Lab, node: ClusterNode): string =>
  familiesOf(lab)
    .map((family) => renderTable(lab, node, family))
    .join("");

/** The same in the place of what is there. */
export const replaceKubeProxy = (lab: Lab, node: ClusterNode): string =>
  familiesOf(lab)
    .map((family) => `table ${FAMILIES[family]} kube-proxy {}\ndelete table ${FAMILIES[family]} kube-proxy\n`)
    .join("") + renderKubeProxy(lab, node);

/** In nft's words. */
const FAMILIES: Readonly<Record<AddressFamily, string>> = { ipv4: "ip", ipv6: "ip6" };

const familiesOf = (lab: Lab): AddressFamily[] => (hasIpv6(lab) ? ["ipv4", "ipv6"] : ["ipv4"]);

function renderTable(lab: Lab, node: ClusterNode, family: AddressFamily): string {
  const served = lab.services
    .filter(({ address }) => addressFamily(address) === family)
    .map((service) => ({ service, endpoints: endpointsOn(lab, node, service) }));
  const ready = served.filter(({ endpoints }) => endpoints.length > 0);
  const empty = served.filter(({ endpoints }) => endpoints.length === 0);
  const [ip, type] = [FAMILIES[family], family === "ipv4" ? "ipv4_addr" : "ipv6_addr"];
  return `table ${ip} kube-proxy {
  chain mark-for-masquerade {
    meta mark set meta mark or ${MASQUERADE_MARK}
  }
  chain masquerading {
    meta mark and ${MASQUERADE_MARK} == 0 return
    meta mark set meta mark xor ${MASQUERADE_MARK}
    masquerade fully-random
  }
${ready.flatMap(({ service, endpoints }) => serviceChains(service, endpoints)).join("\n")}
  map service-ips {
    type ${type} . inet_proto . inet_service : verdict
${elements(ready.flatMap(({ service }) => keys(service).map((key) => `${key} : goto external-${service.name}`)))}  }
  map no-endpoint-services {
    type ${type} . inet_proto . inet_service : verdict
${elements(empty.flatMap(({ service }) => keys(service).map((key) => `${key} : drop`)))}  }
  chain services {
    ${ip} daddr . meta l4proto . th dport vmap @service-ips
  }
  chain service-endpoints-check {
    ${ip} daddr . meta l4proto . th dport vmap @no-endpoint-services
  }
  chain nat-prerouting {
    type nat hook prerouting priority dstnat;
    jump services
  }
  chain nat-postrouting {
    type nat hook postrouting priority srcnat;
    jump masquerading
  }
  chain filter-forward {
    type filter hook forward priority filter;
    ct state invalid drop
    ct state new jump service-endpoints-check
  }
}
`;
}

const endpointsOn = (lab: Lab, node: ClusterNode, service: Service): readonly Pod[] =>
  podsOf(lab, service).filter((pod) => service.externalTrafficPolicy === "Cluster" || pod.node === node.name);

const keys = ({ address, protocols, port }: Service): string[] =>
  protocols.map((protocol) => `${formatAddress(address)} . ${protocol} . ${port}`);

const elements = (list: readonly string[]): string => (list.length > 0 ? `    elements = { ${list.join(", ")} }\n` : "");

function serviceChains(service: Service, endpoints: readonly Pod[]): string[] {
  const { name } = service;
  const chainOf = (pod: Pod) => `endpoint-${name}__${pod.name}`;
  const choices = endpoints.map((pod, index) => `${index} : goto ${chainOf(pod)}`);
  const family = addressFamily(service.address);
  const endpointChains = endpoints.map((pod) => {
    const address = formatAddress((ofFamily(pod, family) ?? pod.address).address);
    const target = family === "ipv4" ? `${address}:${service.targetPort}` : `[${address}]:${service.targetPort}`;
    const translate = service.protocols.map((protocol) => `    meta l4proto ${protocol} dnat to ${target}\n`);
    return `  chain ${chainOf(pod)} {
    ${FAMILIES[family]} saddr ${address} jump mark-for-masquerade
${translate.join("")}  }`;
  });
  const choice = `    numgen random mod ${endpoints.length} vmap { ${choices.join(", ")} }`;
  if (service.externalTrafficPolicy === "Local") return [...endpointChains, `  chain external-${name} {\n${choice}\n  }`];
  const external = `  chain external-${name} {\n    jump mark-for-masquerade\n    goto service-${name}\n  }`;
  return [...endpointChains, `  chain service-${name} {\n${choice}\n  }`, external];
}
