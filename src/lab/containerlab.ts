/**
 * A lab as a containerlab topology file: one `linux` node a machine, the links as we have them. Pure; `ecmp lab export
 * --containerlab` writes it. The rules of the format: schemas/clab.schema.json and docs/manual/nodes.md of srl-labs/containerlab.
 *
 * A node's own command only keeps it there: its links come later, and `exec` runs when they are all in place. It sets up the
 * addresses and routes of the namespaces' lab (`topology.ts`), and then plays the machine, as a container of compose does.
 */
import { stringify } from "yaml";
import type { Lab } from "./lab.ts";
import { linkEnds, planTopology } from "./topology.ts";

const IMAGE = "ecmp-router-lab";

/** containerlab's own folder of the lab, which is there before the nodes are: the router's control socket, for the client. */
const CONTROL_BIND = "__clabDir__:/run/ecmp";

export function renderContainerlab(lab: Lab): string {
  const { configure, forwarding } = planTopology(lab);
  const binds = new Map([lab.router.name, ...lab.hosts].map((name) => [name, { binds: [CONTROL_BIND] }]));
  const nodes = [...configure].map(([name, commands]) => {
    const forward = forwarding.includes(name) ? FORWARD : [];
    const play = lab.bridges.includes(name) ? [] : [inBackground(`ecmp lab play ${lab.name} ${name}`)];
    return [name, { ...binds.get(name), exec: [...commands.map((command) => `ip ${command}`), ...forward, ...play] }];
  });
  const links = linkEnds(lab).map(([a, b]) => ({ endpoints: [`${a.node}:${a.interface}`, `${b.node}:${b.interface}`] }));
  // No management network: the names of the interfaces are the lab's, eth0 included.
  const linux = { image: IMAGE, entrypoint: "sleep", cmd: "infinity", "network-mode": "none" };
  const file = {
    name: lab.name,
    topology: { kinds: { linux }, defaults: { kind: "linux" }, nodes: Object.fromEntries(nodes), links },
  };
  return `${introduction(lab)}${stringify(file, { aliasDuplicateObjects: false, lineWidth: 0, flowCollectionPadding: true })}`;
}

const FORWARD = ["sysctl -q -w net.ipv4.ip_forward=1", "sysctl -q -w net.ipv6.conf.all.forwarding=1"];

/** What it says is told by `docker logs`, as if the node had been started with it. */
const inBackground = (command: string): string => `sh -c '${command} >/proc/1/fd/1 2>&1 &'`;

const introduction = ({
  name,
  experiment: { event },
}: Lab): string => `# The lab ${name} for containerlab. Made by: ecmp lab export ${name} --containerlab FILE
#
#   docker build --target lab --tag ${IMAGE} .      the nodes' image, in a clone of ecmp-router
#   containerlab deploy --topo FILE                       brings it up; the client opens its connections and waits
#   docker exec clab-${name}-${event.node} pkill -USR1 -f "lab play"   the event
#   docker logs clab-${name}-client                         what broke, and what was forecast
#   containerlab destroy --topo FILE
`;
