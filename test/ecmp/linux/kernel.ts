/**
 * A router in this network namespace that decides by the kernel's own multipath, and questions to it. Flows come in at "in0" (its
 * other end is "source0") and leave by "out0" (to "sink0"), where next hop number n, from 1, is 10.0.0.n or fd00::n.
 */
import { spawnSync } from "node:child_process";
import { accessSync, constants, writeFileSync } from "node:fs";
import { shuffledNumbers } from "#src/ecmp/select/scatter.ts";
import { type Address, formatAddress } from "#src/net/address.ts";
import { type Flow, PROTOCOLS } from "#src/net/flow.ts";
import { type Random, randomBelow } from "#src/net/random.ts";
import { createCable, run } from "../../common/namespace.ts";

const SETTINGS = "/proc/sys/net";

/** What keeps this kernel from being an oracle; undefined: nothing. */
export function findObstacle(): string | undefined {
  try {
    accessSync(`${SETTINGS}/ipv4/fib_multipath_hash_seed`, constants.W_OK);
    return undefined;
  } catch {
    return "this kernel has no net.ipv4.fib_multipath_hash_seed (Linux 6.11)";
  }
}

const set = (setting: string, value: number | string): void => writeFileSync(`${SETTINGS}/${setting}`, String(value));

export type FamilyNumber = 4 | 6;

export function createRouter(): void {
  run("ip link set dev lo up");
  createCable("in0", "source0");
  createCable("out0", "sink0");
  for (const name of ["in0", "out0"]) {
    set(`ipv6/conf/${name}/disable_ipv6`, 0);
    set(`ipv4/conf/${name}/rp_filter`, 0);
  }
  set("ipv4/conf/all/rp_filter", 0);
  set("ipv4/ip_forward", 1);
  set("ipv6/conf/all/forwarding", 1);
  run("ip address add 10.0.0.254/24 dev out0");
  run("ip address add 10.9.0.254/24 dev in0");
  run("ip address add fd00::ffff/64 dev out0 nodad");
  run("ip address add fd09::ffff/64 dev in0 nodad");
}

export interface HashSettings {
  readonly policy: 0 | 1 | 2 | 3;
  readonly fields: number;
  readonly seed: number;
}

export function setHash(family: FamilyNumber, { policy, fields, seed }: HashSettings): void {
  set("ipv4/fib_multipath_hash_seed", seed);
  set(`ipv${family}/fib_multipath_hash_policy`, policy);
  if (policy === 3) set(`ipv${family}/fib_multipath_hash_fields`, fields);
}

export const GATEWAY = { 4: (n: number) => `10.0.0.${n}`, 6: (n: number) => `fd00::${n.toString(16)}` } as const;
export const PREFIX = { 4: "198.0.0.0/8", 6: "2001:db8::/32" } as const;
const FIRST_GROUP = 1000;

export interface GroupMember {
  readonly id: number;
  readonly weight: number;
}

/** Next hops 1 to that many with these weights, in no order at all: what a kernel makes of an order shows in any but ascending. */
export function drawMembers(random: Random, weights: readonly number[]): GroupMember[] {
  return [...shuffledNumbers(weights.length, random())].map((i) => ({ id: i + 1, weight: weights[i] }));
}

export const toMembers = (members: readonly GroupMember[]) => members.map(({ id, weight }) => ({ address: id, weight }));

/** In that order, behind the prefix of the family. */
export function setMultipathRoute(family: FamilyNumber, members: readonly GroupMember[]): void {
  clearRoutes(family);
  const hops = members.map(({ id, weight }) => `nexthop via ${GATEWAY[family](id)} dev out0 weight ${weight}`);
  run(`ip -${family} route replace ${PREFIX[family]} ${hops.join(" ")}`);
}

export function setNextHopGroup(family: FamilyNumber, members: readonly GroupMember[], type = ""): void {
  clearRoutes(family);
  askIp(members.map(({ id }) => `nexthop add id ${id} via ${GATEWAY[family](id)} dev out0\n`));
  replaceGroup(members, type);
  run(`ip -${family} route add ${PREFIX[family]} nhid ${FIRST_GROUP}`);
}

export const GROUP_KINDS = ["multipath route", "next-hop group"] as const;
const FIRST_OF_MANY = 2000;

/** All of them at once, for both families: the group with index i behind 198.i.0.0/16 and 2001:db8:i::/48 (i in hex). */
export function addGroups(
  groups: readonly { readonly kind: (typeof GROUP_KINDS)[number]; readonly members: readonly GroupMember[] }[],
): void {
  const most = Math.max(...groups.map(({ members }) => members.length));
  for (const family of [4, 6] as const) {
    // A next hop is of one family, and so is its number.
    const idOf = (id: number): number => (family === 6 ? FIRST_OF_MANY / 2 : 0) + id;
    const hops = Array.from({ length: most }, (_, i) => i + 1);
    const lines = hops.map((id) => `nexthop add id ${idOf(id)} via ${GATEWAY[family](id)} dev out0\n`);
    groups.forEach(({ kind, members }, i) => {
      const prefix = family === 4 ? `198.${i}.0.0/16` : `2001:db8:${i.toString(16)}::/48`;
      const list = members.map(({ id, weight }) => `${idOf(id)},${weight}`).join("/");
      const legacy = members.map(({ id, weight }) => `nexthop via ${GATEWAY[family](id)} dev out0 weight ${weight}`).join(" ");
      const group = FIRST_OF_MANY * family + i;
      if (kind === "multipath route") lines.push(`route add ${prefix} ${legacy}\n`);
      else lines.push(`nexthop add id ${group} group ${list}\n`, `route add ${prefix} nhid ${group}\n`);
    });
    askIp(lines);
  }
}

/** Many commands to one `ip`, and what it says. */
function askIp(lines: readonly string[]): string {
  const options = { input: lines.join(""), encoding: "utf8", maxBuffer: 1 << 26 } as const;
  const { stdout, stderr, status } = spawnSync("ip", ["-o", "-batch", "-"], options);
  if (status !== 0) throw new Error(`ip: ${stderr}`);
  return stdout;
}

export function replaceGroup(members: readonly GroupMember[], type = ""): void {
  const list = members.map(({ id, weight }) => `${id},${weight}`).join("/");
  run(`ip nexthop replace id ${FIRST_GROUP} group ${list}${type}`);
}

export function addNextHop(family: FamilyNumber, id: number): void {
  run(`ip -${family} nexthop replace id ${id} via ${GATEWAY[family](id)} dev out0`);
}

/** Next hop number n is known to be at a MAC address that tells n, so that a frame at "sink0" is a witness. */
export function addNeighbors(count: number): void {
  for (let n = 1; n <= count; n++) {
    const mac = `02:00:00:00:01:${n.toString(16).padStart(2, "0")}`;
    for (const family of [4, 6] as const) run(`ip neighbor add ${GATEWAY[family](n)} lladdr ${mac} dev out0 nud permanent`);
  }
}

/** The next hop that a frame was sent to; 0: the frame is of no next hop of ours. */
export const numberOfMac = (frame: Uint8Array): number => (frame[0] === 2 && frame[4] === 1 ? frame[5] : 0);

/** And all within. */
export function clearRoutes(family: FamilyNumber): void {
  const prefixes = run(`ip -o -${family} route show root ${PREFIX[family]}`).match(/^\S+/gm) ?? [];
  askIp(prefixes.map((prefix) => `route del ${prefix}\n`));
  run("ip nexthop flush");
}

/** For each bucket of the resilient group, the next hop's number and for how many seconds it has been idle. */
export function readBuckets(): { owners: number[]; idleSeconds: number[] } {
  const lines = run(`ip nexthop bucket show id ${FIRST_GROUP}`).trim().split("\n");
  const field = (name: string): number[] => lines.map((line) => Number(new RegExp(` ${name} ([0-9.]+)`).exec(line)?.[1]));
  return { owners: field("nhid"), idleSeconds: field("idle_time") };
}

/** The numbers of the next hops that `ip route get` answers, in the order of the flows. */
export function askRouteGet(flows: readonly Flow[]): number[] {
  const script = flows.map(({ protocol, source, destination, sourcePort, destinationPort }) => {
    const ports = protocol === PROTOCOLS.tcp || protocol === PROTOCOLS.udp ? ` sport ${sourcePort} dport ${destinationPort}` : "";
    const addresses = `${formatAddress(destination)} from ${formatAddress(source)}`;
    return `route get ${addresses} iif in0 ipproto ${protocol}${ports}\n`;
  });
  const stdout = askIp(script);
  const gateways = stdout
    .trim()
    .split("\n")
    .map((line) => / via (\S+)/.exec(line)?.[1] ?? line);
  if (gateways.length !== flows.length) throw new Error(`ip route get: ${gateways.length} answers to ${flows.length} flows`);
  return gateways.map(numberOfGateway);
}

function numberOfGateway(gateway: string): number {
  return gateway.includes(":") ? Number.parseInt(gateway.split("::")[1], 16) : Number(gateway.split(".")[3]);
}

/** A source that no martian filter minds, and a destination of the routed prefix. */
export function randomAddresses(random: Random, family: FamilyNumber): { source: Address; destination: Address } {
  if (family === 4) {
    const source = ((randomBelow(random, 100) + 20) * 2 ** 24 + (random() >>> 8)) >>> 0;
    return { source, destination: (198 * 2 ** 24 + (random() >>> 8)) >>> 0 };
  }
  const word = (): string => random().toString(16).padStart(8, "0");
  const tail = (): string => word() + word() + word();
  // Some share their first words, so that the order of two addresses is not always told by the first.
  const head = random() & 1 ? "20010db8" : `2${word().slice(1)}`;
  return { source: head + tail(), destination: `20010db8${tail()}` };
}

/** TCP, UDP and now and then ICMP, which has no ports. */
export function randomFlow(random: Random, family: FamilyNumber): Flow {
  const addresses = randomAddresses(random, family);
  const kind = randomBelow(random, 8);
  if (kind === 0)
    return { ...addresses, protocol: family === 4 ? PROTOCOLS.icmp : PROTOCOLS.icmp6, sourcePort: 0, destinationPort: 0 };
  const port = (): number => 1 + randomBelow(random, 65535);
  return { ...addresses, protocol: kind < 5 ? PROTOCOLS.tcp : PROTOCOLS.udp, sourcePort: port(), destinationPort: port() };
}
