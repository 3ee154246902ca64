/**
 * Keeps the kernel's hands off transit packets. A packet socket for all protocols sees a frame before the ingress hook does, so
 * a rule there that drops whatever is not for the router itself leaves such frames to us alone: the kernel forwards no second
 * copy and answers nothing, whatever its sysctls say. A VLAN tag makes no difference: the kernel has taken it out by then.
 *
 * `renderIngressRule` is pure; `installIngressRule` runs `nft`, and whoever calls it removes what it returns.
 */
import { spawnSync } from "node:child_process";
import { type Address, compareAddresses, formatAddress, isIpv4, isLinkLocal } from "../net/address.ts";
import { subnetBroadcast } from "../net/prefix.ts";
import { findInterface, type InterfaceInfo, listInterfaces } from "./interface.ts";

export interface IngressRule {
  /** Of nftables, in the netdev family: one for each router of a network namespace. */
  readonly table: string;
  readonly interfaces: readonly GuardedInterface[];
  /** What the kernel is to have besides ARP and multicast: the router's own addresses and their broadcasts. */
  readonly addresses: readonly Address[];
  /** And the link-local ones, each at its interface alone: at another the kernel would look for a neighbor of that address. */
  readonly linkLocals: readonly LinkLocal[];
}

export interface GuardedInterface {
  readonly name: string;
  /**
   * The router speaks there with VLAN tags only, and the interface's addresses are meant so: without tags the kernel hears
   * nothing.
   */
  readonly isTagged: boolean;
}

export interface LinkLocal {
  readonly interface: string;
  readonly address: Address;
}

export interface InstalledRule {
  remove(): void;
}

const DEFAULT_TABLE = "ecmp_router";
const LIMITED_BROADCAST = 0xffffffff;

/** Every address of the namespace that a frame from outside may be for, in order, each once. */
export function ownAddresses(interfaces: readonly InterfaceInfo[]): Address[] {
  const prefixes = interfaces.flatMap((info) => info.addresses).filter(({ address }) => !isHostLoopback(address));
  const own = prefixes.flatMap((prefix) => [prefix.address, subnetBroadcast(prefix) ?? prefix.address]);
  return [...new Set([LIMITED_BROADCAST, ...own])].sort(compareAddresses);
}

/**
 * What the kernel is to have at these interfaces, of all that there are. A link-local address of another interface is accepted at
 * each: that may be a VLAN of any of them, whose frames come by here first.
 */
export function allowedAt(
  interfaces: readonly string[],
  all: readonly InterfaceInfo[],
): Pick<IngressRule, "addresses" | "linkLocals"> {
  const ours = all.filter(({ name }) => interfaces.includes(name));
  const linkLocals = ours.flatMap((info) =>
    info.addresses.filter(({ address }) => isLinkLocal(address)).map(({ address }) => ({ interface: info.name, address })),
  );
  const others = all.filter((info) => !ours.includes(info));
  const addresses = ownAddresses([...others, ...ours.map(withoutLinkLocals)]);
  return { addresses, linkLocals };
}

const withoutLinkLocals = (info: InterfaceInfo): InterfaceInfo => ({
  ...info,
  addresses: info.addresses.filter(({ address }) => !isLinkLocal(address)),
});

/** 127.0.0.0/8 and ::1 never come from a wire; the other addresses of the loopback interface (a router id) may be meant. */
const isHostLoopback = (address: Address): boolean => (isIpv4(address) ? address >>> 24 === 127 : /^0{31}1$/.test(address));

/** The text for `nft -f -`. One transaction: a table of that name, left by whoever was killed, is replaced, not added to. */
export function renderIngressRule(rule: IngressRule): string {
  const quoted = (interfaces: readonly GuardedInterface[]): string => interfaces.map(({ name }) => `"${name}"`).join(", ");
  const tagged = rule.interfaces.filter(({ isTagged }) => isTagged);
  const ipv4 = rule.addresses.filter(isIpv4).map(formatAddress);
  const ipv6 = rule.addresses.filter((address) => !isIpv4(address)).map(formatAddress);
  const ofLinks = rule.linkLocals.map((one) => `"${one.interface}" . ${formatAddress(one.address)}`);
  const rules = [
    // A priority is no VLAN: to the kernel, too, such a frame is an untagged one.
    ...(tagged.length > 0
      ? ["ether type != { 8021q, 8021ad }", "vlan id 0"].map((what) => `iifname { ${quoted(tagged)} } ${what} drop`)
      : []),
    // What most packets are comes first: the sender's processor pays for every line that one passes.
    ...(ipv4.length > 0 ? [`ip daddr { ${ipv4.join(", ")} } accept`] : []),
    "ip daddr != 224.0.0.0/4 drop",
    "meta protocol arp accept",
    "ip daddr 224.0.0.0/4 accept",
    ...(ipv6.length > 0 ? [`ip6 daddr { ${ipv6.join(", ")} } accept`] : []),
    // What duplicate detection has to hear comes to groups (RFC 4862 section 5.4); by its end the address has long been listed.
    "ip6 daddr ff00::/8 accept",
    ...(ofLinks.length > 0 ? [`iifname . ip6 daddr { ${ofLinks.join(", ")} } accept`] : []),
  ];
  return [
    `table netdev ${rule.table}`,
    `delete table netdev ${rule.table}`,
    `table netdev ${rule.table} {`,
    "  chain ingress {",
    `    type filter hook ingress devices = { ${quoted(rule.interfaces)} } priority -500; policy drop;`,
    ...rules.map((line) => `    ${line}`),
    "  }",
    "}",
    "",
  ].join("\n");
}

/**
 * For the given interfaces and the addresses that this namespace has now: call it again when they change, the new rule takes
 * the place of the old one at once.
 */
export function installIngressRule(interfaces: readonly GuardedInterface[], table = DEFAULT_TABLE): InstalledRule {
  if (interfaces.length === 0) throw new Error("ingress rule: no interfaces; wanted at least one");
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,30}$/.test(table))
    throw new Error(`ingress rule: table "${table}"; wanted letters, digits and _`);
  const names = interfaces.map(({ name }) => name);
  for (const name of names) findInterface(name);
  runNft(renderIngressRule({ table, interfaces, ...allowedAt(names, listInterfaces()) }));
  return { remove: () => runNft(`table netdev ${table}\ndelete table netdev ${table}\n`) };
}

function runNft(text: string): void {
  // An ordinary user's PATH, which root of a user namespace inherits, often lacks the folders where nft lives.
  const env = { ...process.env, PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin` };
  const { error, status, stderr } = spawnSync("nft", ["-f", "-"], { input: text, env, encoding: "utf8" });
  const wanted = "wanted the program nft (package nftables), CAP_NET_ADMIN, and a kernel with CONFIG_NF_TABLES_NETDEV";
  if (error) throw new Error(`ingress rule: cannot run nft: ${error.message}; ${wanted}`, { cause: error });
  if (status !== 0) throw new Error(`ingress rule: nft refused it: ${stderr.trim()}; ${wanted}`);
}
