/**
 * The two cables of the wire bench and the hosts at their ends. Packets are counted at the sink, where they arrive.
 *
 *   source 10.0.1.2 -- in0 [ router ] out0 -- 10.0.2.2 sink
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

export async function createNetwork(): Promise<void> {
  for (const name of ["source", "router", "sink"]) await execute(["ip", "netns", "add", name]);
  await execute(["ip", "link", "add", "out", "netns", "source", "type", "veth", "peer", "name", "in0", "netns", "router"]);
  await execute(["ip", "link", "add", "in", "netns", "sink", "type", "veth", "peer", "name", "out0", "netns", "router"]);
  await sh("source", "ip link set lo up; ip addr add 10.0.1.2/24 dev out; ip link set out up; ip route add default via 10.0.1.1");
  await sh("sink", "ip link set lo up; ip addr add 10.0.2.2/24 dev in; ip link set in up; ip route add default via 10.0.2.1");
  await sh(
    "router",
    "ip link set lo up; ip addr add 10.0.1.1/24 dev in0; ip addr add 10.0.2.1/24 dev out0; ip link set in0 up; ip link set out0 up",
  );
  // The sink's kernel is not to answer UDP that nobody listens for: it is counted where it arrives, and dropped there.
  await execute(
    inNamespace("sink", ["nft", "-f", "-"]),
    `table netdev sink {
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
  for (const [namespace, link] of [
    ["source", "out"],
    ["sink", "in"],
  ])
    await sh(namespace, `ethtool -K ${link} tx ${state} tso ${state} gso ${state} gro ${state} >/dev/null`);
}

export const macOf = async (namespace: string, link: string): Promise<string> =>
  JSON.parse(await execute(inNamespace(namespace, ["ip", "-j", "link", "show", link])))[0].address;

/** UDP packets that came to the sink since there is one. */
export async function received(): Promise<number> {
  const text = await execute(inNamespace("sink", ["nft", "-j", "list", "counter", "netdev", "sink", "arrived"]));
  const answer: { nftables: { counter?: { packets: number } }[] } = JSON.parse(text);
  return answer.nftables.find(({ counter }) => counter)?.counter?.packets ?? Number.NaN;
}

/** UDP of 64 k flows from the source to the sink. */
export async function generate({ seconds, frameBytes = SMALLEST_FRAME_BYTES, packetsPerSecond = 0 }: Load): Promise<LoadResult> {
  const words = ["generate", await macOf("router", "in0"), seconds, frameBytes, packetsPerSecond].map(String);
  return JSON.parse(await execute(inNamespace("source", [process.execPath, ROLE, ...words])));
}

/** The command that prints the first UDP packet that comes to the sink. */
export const CATCH = inNamespace("sink", [process.execPath, ROLE, "catch"]);
