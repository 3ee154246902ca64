/**
 * A lab as a containerlab topology file: one `linux` node a machine, the links as we have them. Pure; `ecmp lab export
 * --containerlab` writes it. The rules of the format: schemas/clab.schema.json and docs/manual/nodes.md of srl-labs/containerlab.
 *
 * A node's own command only keeps it there: its links come later, and `exec` runs when they are all in place. It sets up the
 * addresses and routes of the namespaces' lab (`topology.ts`), and then plays the machine, as a container of compose does.
 */
import { stringify } from "yaml";
import { containerEventOf } from "./container-event.ts";
import { clientsHost, meets, SOCKET_FOLDER, socketOf } from "./container-sockets.ts";
import { type LabSource, playedAs, sourceBinds } from "./container-source.ts";
import { hasIpv6, type Lab, routersOf } from "./lab.ts";
import { sysctlsOf } from "./sysctls.ts";
import { linkEnds, planTopology } from "./topology.ts";

const IMAGE = "ecmp-router-lab";

/** containerlab's own folder of the lab, which is there before the nodes are. */
const SOCKETS_BIND = `__clabDir__:${SOCKET_FOLDER}`;

/** Of a link that says nothing: containerlab would take 9500. */
const DEFAULT_MTU = 1500;

/** `source`: as `compose.ts` has it. */
export function renderContainerlab(lab: Lab, source: LabSource = { name: lab.name }): string {
  const routers = routersOf(lab).map(({ name }) => name);
  const nodes = [...planTopology(lab).configure].map(([name, commands]) => {
    const sysctls = sysctlsOf(lab, name);
    const play = lab.bridges.includes(name) ? [] : [inBackground(`ecmp lab play ${playedAs(source)} ${name}`)];
    const binds = [...(meets(lab, name) ? [SOCKETS_BIND] : []), ...(play.length > 0 ? sourceBinds(source) : [])];
    const node = {
      ...(binds.length > 0 ? { binds } : {}),
      ...(routers.includes(name) ? { env: { ECMP_CONTROL: socketOf(name) } } : {}),
      ...(Object.keys(sysctls).length > 0 ? { sysctls } : {}),
      exec: [...commands.map((command) => `ip ${command}`), ...play],
    };
    return [name, node];
  });
  const links = linkEnds(lab).map(([a, b]) => ({
    endpoints: [`${a.node}:${a.interface}`, `${b.node}:${b.interface}`],
    mtu: a.mtu ?? DEFAULT_MTU,
  }));
  const linux = {
    image: IMAGE,
    entrypoint: "sleep",
    cmd: "infinity",
    // No management network: the names of the interfaces are the lab's, eth0 included.
    "network-mode": "none",
    // An engine turns IPv6 off where it has no network of it.
    ...(hasIpv6(lab) ? { sysctls: { "net.ipv6.conf.all.disable_ipv6": 0 } } : {}),
  };
  const file = {
    name: lab.name,
    topology: { kinds: { linux }, defaults: { kind: "linux" }, nodes: Object.fromEntries(nodes), links },
  };
  return `${introduction(lab, source)}${stringify(file, { aliasDuplicateObjects: false, lineWidth: 0, flowCollectionPadding: true })}`;
}

/** What it says is told by `docker logs`, as if the node had been started with it. */
const inBackground = (command: string): string => `sh -c '${command} >/proc/1/fd/1 2>&1 &'`;

function introduction(lab: Lab, source: LabSource): string {
  const { name, experiment } = lab;
  const { node } = experiment.event;
  return `# The lab ${name} for containerlab. Made by: ecmp lab export ${source.name} --containerlab FILE
#
#   docker build --target lab --tag ${IMAGE} .      the nodes' image, in a clone of ecmp-router
#   containerlab deploy --topo FILE                       brings it up; the client opens its connections and waits
#   docker exec clab-${name}-${node} pkill -USR1 -f "lab play"   the event: ${node}'s ${containerEventOf(lab).what(lab)}
#   docker logs clab-${name}-${clientsHost(lab)}                         what broke, and what was forecast
#   containerlab destroy --topo FILE
`;
}
