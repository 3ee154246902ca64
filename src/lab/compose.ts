/**
 * A lab as a docker-compose file: one container a machine, one network a link or bridge, and one more for each node's pods.
 * Pure; `ecmp lab export --compose` prints it, and the one at the top of the project is this text of `metallb-bgp`. Written in
 * the words that compose 1.29 and 2 share.
 *
 *   client ── client-router ── router ── fabric ──┬─ n1 ── n1-pods ── n1-a, n1-b
 *                                                 ├─ n2 ...
 */
import { stringify } from "yaml";
import { formatAddress } from "../net/address.ts";
import { formatPrefix } from "../net/prefix.ts";
import { containerEventOf } from "./container-event.ts";
import { clientsHost, meets, SOCKET_FOLDER, socketOf } from "./container-sockets.ts";
import { type LabSource, playedAs, sourceBinds } from "./container-source.ts";
import { type EngineNetwork, planNetworks } from "./engine-network.ts";
import { type Lab, routersOf } from "./lab.ts";
import { sysctlsOf } from "./sysctls.ts";

/** What a kind of machine has beside what all have. */
const ROUTER = {
  image: "ecmp-router",
  build: { context: ".", target: "router" },
  read_only: true,
  tmpfs: ["/tmp"],
  cap_drop: ["ALL"],
  cap_add: ["NET_ADMIN", "NET_RAW"],
  // Prometheus on any of the lab's networks finds it here.
  expose: ["9179"],
};
const OURS = { image: "ecmp-router-lab", build: { context: ".", target: "lab" }, cap_add: ["NET_ADMIN"] };
const NODE = { ...OURS, cap_add: ["NET_ADMIN", "SYS_ADMIN"] };

/** `source`: what the command was given, and the file that the containers read where it is none of the image's. */
export function renderCompose(lab: Lab, source: LabSource = { name: lab.name }): string {
  const networks = planNetworks(lab);
  const selector = { ECMP_SELECTOR: `\${ECMP_SELECTOR:-${lab.experiment.selectors[0].name}}` };
  const service = (name: string, kind: object, more: object = {}): [string, object] => [
    name,
    {
      ...kind,
      init: true,
      command: ["lab", "play", playedAs(source), name],
      ...sysctlsSection(sysctlsOf(lab, name)),
      ...volumesSection([...(meets(lab, name) ? [`control:${SOCKET_FOLDER}`] : []), ...sourceBinds(source)]),
      networks: networksOf(name, networks),
      ...more,
    },
  ];
  const routers = routersOf(lab).map(({ name }) =>
    service(name, ROUTER, {
      // Port 179 is free for an ordinary user in this container.
      sysctls: { ...sysctlsOf(lab, name), "net.ipv4.ip_unprivileged_port_start": 0 },
      environment: { ...selector, ECMP_CONTROL: socketOf(name) },
    }),
  );
  const cluster = lab.nodes.flatMap((node) => [service(node.name, NODE), ...node.pods.map((pod) => service(pod.name, OURS))]);
  const hosts = lab.hosts.map((name) =>
    service(
      name,
      OURS,
      name === clientsHost(lab) ? { environment: selector, depends_on: routersOf(lab).map((router) => router.name) } : {},
    ),
  );
  const file = {
    services: Object.fromEntries([...routers, ...cluster, ...hosts]),
    networks: Object.fromEntries(networks.map((network) => [network.name, describeNetwork(network)])),
    volumes: { control: {} },
  };
  return `${introduction(lab, source)}${stringify(file, { aliasDuplicateObjects: false, lineWidth: 0, flowCollectionPadding: true })}`;
}

const volumesSection = (volumes: readonly string[]): object => (volumes.length > 0 ? { volumes } : {});
const sysctlsSection = (sysctls: object): object => (Object.keys(sysctls).length > 0 ? { sysctls } : {});

function introduction(lab: Lab, source: LabSource): string {
  const { node } = lab.experiment.event;
  const others = lab.experiment.selectors.slice(1).map(({ name }) => name);
  return `# The lab ${lab.name} in containers. Made by: ecmp lab export ${source.name} --compose
#
#   docker compose up                          brings it up; the client opens its connections and waits
#   docker compose kill -s SIGUSR1 ${node.padEnd(11)} the event: ${node}'s ${containerEventOf(lab).what(lab)}; the client tells what broke
#   docker compose down --volumes              ends it
${others.map((name) => `#\n# ECMP_SELECTOR=${name} docker compose up    the same with another selector\n`).join("")}`;
}

const networksOf = (machine: string, networks: readonly EngineNetwork[]): object =>
  Object.fromEntries(
    networks.flatMap(({ name, members }) => {
      const at = members.get(machine);
      if (!at) return [];
      const ipv6 = at.address6 ? { ipv6_address: formatAddress(at.address6.address) } : {};
      return [[name, { ipv4_address: formatAddress(at.address.address), ...ipv6 }]];
    }),
  );

/**
 * The engine must not masquerade: where bridged frames pass the host's packet filter, it would do so to a client's packet on its
 * way to a pod.
 */
function describeNetwork({ mtu, subnets }: EngineNetwork): object {
  const driver_opts = {
    "com.docker.network.bridge.enable_ip_masquerade": "false",
    ...(mtu === undefined ? {} : { "com.docker.network.driver.mtu": String(mtu) }),
  };
  const config = subnets.map(({ prefix, engine }) => ({ subnet: formatPrefix(prefix), gateway: formatAddress(engine) }));
  return { ...(subnets.length > 1 ? { enable_ipv6: true } : {}), driver_opts, ipam: { config } };
}
