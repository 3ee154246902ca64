/**
 * The cables of the wire bench and the hosts at their ends: a source, and behind the router three nodes that share an address.
 * Packets are counted at the nodes, where they arrive.
 *
 *   source 10.0.1.2 -- in0 [ router ] out1 -- 10.0.11.2 node1, 198.51.100.10
 *                                     out2 -- 10.0.12.2 node2, 198.51.100.10
 *                                     out3 -- 10.0.13.2 node3, 198.51.100.10
 */
import { inNamespace } from "../src/lab/namespace.ts";
import { execute } from "../src/lab/process.ts";
import { sh } from "./namespaces.ts";

const ROLE = new URL("./wire-role.js", import.meta.url).pathname;

/** Of a packet of 64 bytes, without the check sequence. */
export const SMALLEST_FRAME_BYTES = 60;

export interface Load {
  readonly seconds: number;
  readonly frameBytes?: number;
  /** 0: as fast as the source can. */
  readonly packetsPerSecond?: number;
}

export interface LoadResult {
  readonly sent: number;
  readonly seconds: number;
}

export interface Node {
  /** Its namespace, in which the cable is `in`. */
  readonly name: string;
  /** The router's end of that cable. */
  readonly port: string;
  readonly address: string;
  readonly gateway: string;
}

export const NODES: readonly Node[] = [1, 2, 3].map((number) => ({
  name: `node${number}`,
  port: `out${number}`,
  address: `10.0.1${number}.2`,
  gateway: `10.0.1${number}.1`,
}));

/** Of every node: the router has three equal next hops to it. */
export const SERVICE = "198.51.100.10";

/** On every cable to a node, so that a packet leaves the router as the same bytes wherever it goes. */
const ROUTER_MAC = "02:00:00:00:02:01";
const NODE_MAC = "02:00:00:00:02:02";

export async function createNetwork(): Promise<void> {
  for (const name of ["source", "router"]) await execute(["ip", "netns", "add", name]);
  await execute(["ip", "link", "add", "out", "netns", "source", "type", "veth", "peer", "name", "in0", "netns", "router"]);
  await sh("source", "ip link set lo up; ip addr add 10.0.1.2/24 dev out; ip link set out up; ip route add default via 10.0.1.1");
  await sh("router", "ip link set lo up; ip addr add 10.0.1.1/24 dev in0; ip link set in0 up");
  for (const node of NODES) await plug(node);
  // The kernel's way to share them out; whoever else routes here has a configuration of its own.
  const nextHops = NODES.map(({ address }) => `nexthop via ${address}`).join(" ");
  await sh("router", `sysctl -qw net.ipv4.fib_multipath_hash_policy=1; ip route add ${SERVICE} ${nextHops}`);
}

async function plug({ name, port, address, gateway }: Node): Promise<void> {
  await execute(["ip", "netns", "add", name]);
  const peer = ["peer", "name", port, "address", ROUTER_MAC, "netns", "router"];
  await execute(["ip", "link", "add", "in", "address", NODE_MAC, "netns", name, "type", "veth", ...peer]);
  await sh("router", `ip addr add ${gateway}/24 dev ${port}; ip link set ${port} up`);
  await sh(name, `ip link set lo up; ip addr add ${SERVICE}/32 dev lo`);
  await sh(name, `ip addr add ${address}/24 dev in; ip link set in up; ip route add default via ${gateway}`);
  // The node's kernel is not to answer UDP that nobody listens for: it is counted where it arrives, and dropped there.
  await execute(
    inNamespace(name, ["nft", "-f", "-"]),
    `table netdev node {
  counter arrived { }
  chain in {
    type filter hook ingress device "in" priority 0;
    meta l4proto udp counter name arrived drop
  }
}
`,
  );
}

/** Segments of 64 KiB and checksums left to somebody else, which whoever sees frames through libpcap cannot handle. */
export async function setOffloads(state: "on" | "off"): Promise<void> {
  for (const [namespace, link] of [["source", "out"], ...NODES.map(({ name }) => [name, "in"])])
    await sh(namespace, `ethtool -K ${link} tx ${state} tso ${state} gso ${state} gro ${state} >/dev/null`);
}

export const macOf = async (namespace: string, link: string): Promise<string> =>
  JSON.parse(await execute(inNamespace(namespace, ["ip", "-j", "link", "show", link])))[0].address;

/** UDP packets that came to each node since there are nodes. */
export const receivedByNode = (): Promise<number[]> => Promise.all(NODES.map(receivedBy));

/** And to all of them. */
export const received = async (): Promise<number> => (await receivedByNode()).reduce((sum, packets) => sum + packets, 0);

async function receivedBy({ name }: Node): Promise<number> {
  const text = await execute(inNamespace(name, ["nft", "-j", "list", "counter", "netdev", "node", "arrived"]));
  const answer: { nftables: { counter?: { packets: number } }[] } = JSON.parse(text);
  return answer.nftables.find(({ counter }) => counter)?.counter?.packets ?? Number.NaN;
}

/** UDP of 64 k flows from the source to the address that the nodes share. */
export async function generate({ seconds, frameBytes = SMALLEST_FRAME_BYTES, packetsPerSecond = 0 }: Load): Promise<LoadResult> {
  const words = ["generate", await macOf("router", "in0"), SERVICE, seconds, frameBytes, packetsPerSecond].map(String);
  return JSON.parse(await execute(inNamespace("source", [process.execPath, ROLE, ...words])));
}

/** The command that prints the first UDP packet that comes to the node. */
export const catchAt = ({ name }: Node): string[] => inNamespace(name, [process.execPath, ROLE, "catch"]);
