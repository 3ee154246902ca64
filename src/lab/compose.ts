/**
 * A lab as a docker-compose file: one container a machine, one network a link or bridge, and one more for each node's pods.
 * Pure; `ecmp lab export --compose` prints it, and the one at the top of the project is this text of `metallb-bgp`. Written in
 * the words that compose 1.29 and 2 share.
 *
 *   client ── client-router ── router ── fabric ──┬─ n1 ── n1-pods ── n1-a, n1-b
 *                                                 ├─ n2 ...
 */
import { stringify } from "yaml";
import { formatAddress, type Ipv4Address } from "../net/address.ts";
import { formatPrefix, makePrefix, type Prefix } from "../net/prefix.ts";
import type { Endpoint, Lab } from "./lab.ts";

/** Where the router's container and the clients' one meet: its control socket. */
const CONTROL_VOLUME = "control:/run/ecmp";

/** Which network the machine is on, and as what. */
interface Attachment {
  readonly network: string;
  readonly address: Prefix;
}

export function renderCompose(lab: Lab): string {
  const attachments = attach(lab);
  const networksOf = (machine: string) =>
    Object.fromEntries(
      (attachments.get(machine) ?? []).map(({ network, address }) => [network, { ipv4_address: formatAddress(address.address) }]),
    );
  const play = (machine: string) => ["lab", "play", lab.name, machine];
  const ours = { image: "ecmp-router-lab", build: { context: ".", target: "lab" }, init: true };
  const selector = { ECMP_SELECTOR: `\${ECMP_SELECTOR:-${lab.experiment.selectors[0].name}}` };
  const services: Record<string, object> = {
    [lab.router.name]: {
      image: "ecmp-router",
      build: { context: ".", target: "router" },
      command: play(lab.router.name),
      init: true,
      read_only: true,
      tmpfs: ["/tmp"],
      cap_drop: ["ALL"],
      cap_add: ["NET_ADMIN", "NET_RAW"],
      // The packets are ours, not the kernel's; and port 179 is free for an ordinary user in this container.
      sysctls: { "net.ipv4.ip_forward": 0, "net.ipv4.ip_unprivileged_port_start": 0 },
      environment: selector,
      volumes: [CONTROL_VOLUME],
      networks: networksOf(lab.router.name),
      // Prometheus on any of the lab's networks finds it here.
      expose: ["9179"],
    },
  };
  for (const node of lab.nodes) {
    services[node.name] = {
      ...ours,
      command: play(node.name),
      cap_add: ["NET_ADMIN", "SYS_ADMIN"],
      sysctls: { "net.ipv4.ip_forward": 1 },
      networks: networksOf(node.name),
    };
    for (const pod of node.pods) {
      services[pod.name] = { ...ours, command: play(pod.name), cap_add: ["NET_ADMIN"], networks: networksOf(pod.name) };
    }
  }
  for (const host of lab.hosts) {
    services[host] = {
      ...ours,
      command: play(host),
      cap_add: ["NET_ADMIN"],
      environment: selector,
      volumes: [CONTROL_VOLUME],
      networks: networksOf(host),
      depends_on: [lab.router.name],
    };
  }
  const networks = Object.fromEntries(subnetsOf(attachments).map(([name, subnet]) => [name, describeNetwork(subnet)]));
  const file = { services, networks, volumes: { control: {} } };
  return `${introduction(lab)}${stringify(file, { aliasDuplicateObjects: false, lineWidth: 0, flowCollectionPadding: true })}`;
}

const introduction = (lab: Lab): string => `# The lab ${lab.name} in containers. Made by: ecmp lab export ${lab.name} --compose
#
#   docker compose up                          brings it up; the client opens its connections and waits
#   docker compose kill -s SIGUSR1 ${lab.experiment.event.node}      the event: ${lab.experiment.event.node}'s speaker dies, and the client tells what broke
#   docker compose down --volumes              ends it
#
# ECMP_SELECTOR=resilient docker compose up    the same with another selector
`;

/** A bridge is one network; a cable between two machines is one too, named after both. */
function attach(lab: Lab): Map<string, Attachment[]> {
  const attachments = new Map<string, Attachment[]>();
  const add = (machine: string, network: string, address: Prefix) =>
    attachments.set(machine, [...(attachments.get(machine) ?? []), { network, address }]);
  for (const [a, b] of lab.links) {
    const bridge = [a, b].find((end) => lab.bridges.includes(end.node));
    for (const end of [a, b]) if (end.address) add(end.node, bridge?.node ?? cableName(a, b), end.address);
  }
  for (const node of lab.nodes) {
    const pods = `${node.name}-pods`;
    add(node.name, pods, node.podGateway.address);
    for (const pod of node.pods) add(pod.name, pods, pod.address);
  }
  return attachments;
}

const cableName = (a: Endpoint, b: Endpoint): string => `${a.node}-${b.node}`;

function subnetsOf(attachments: Map<string, Attachment[]>): [string, Prefix][] {
  const subnets = new Map<string, Prefix>();
  for (const { network, address } of [...attachments.values()].flat()) {
    subnets.set(network, makePrefix(address.address, address.length));
  }
  return [...subnets];
}

/**
 * The engine takes an address of each network for itself: the last one, since the first ones are the lab's. And it must not
 * masquerade: where bridged frames pass the host's packet filter, it would do so to a client's packet on its way to a pod.
 */
function describeNetwork(subnet: Prefix) {
  const last = (subnet.address as Ipv4Address) + 2 ** (32 - subnet.length) - 2;
  const driver_opts = { "com.docker.network.bridge.enable_ip_masquerade": "false" };
  return { driver_opts, ipam: { config: [{ subnet: formatPrefix(subnet), gateway: formatAddress(last) }] } };
}
