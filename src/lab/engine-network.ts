/**
 * The networks of a lab as a container engine has them: one a cable or bridge, and one more for each node's pods. Pure;
 * `compose.ts` writes them. The engine takes an address of each for itself, has one MTU for all of it, one subnet of each family,
 * and joins a machine to it once: a lab that asks for more is refused here.
 */
import { type Address, type AddressFamily, formatAddress, isIpv4 } from "../net/address.ts";
import { formatPrefix, makePrefix, maximumLength, type Prefix } from "../net/prefix.ts";
import { LabFailure } from "./failure.ts";
import { type Addressed, type Endpoint, type Lab, ofFamily } from "./lab.ts";

export interface Subnet {
  readonly prefix: Prefix;
  /** The engine's own address. */
  readonly engine: Address;
}

export interface EngineNetwork {
  readonly name: string;
  readonly mtu: number | undefined;
  readonly members: ReadonlyMap<string, Addressed>;
  /** One of IPv4, and perhaps one of IPv6. */
  readonly subnets: readonly Subnet[];
}

type Link = readonly [Endpoint, Endpoint];

export function planNetworks(lab: Lab): readonly EngineNetwork[] {
  const names = [...new Set(lab.links.map((link) => nameOf(lab, link)))];
  const linked = names.map((name) => {
    const links = lab.links.filter((link) => nameOf(lab, link) === name);
    const members = links.flatMap((link) => membersOf(lab, link));
    return makeNetwork(name, members, mtuOf(name, links));
  });
  const ofPods = lab.nodes.map(({ name, podGateway, pods }) =>
    makeNetwork(`${name}-pods`, [[name, podGateway], ...pods.map((pod): [string, Addressed] => [pod.name, pod])], undefined),
  );
  return [...linked, ...ofPods];
}

/** A bridge's own; a cable's is after both machines, and has a number where they have several. */
function nameOf(lab: Lab, link: Link): string {
  const bridge = link.find(({ node }) => lab.bridges.includes(node));
  if (bridge) return bridge.node;
  const pair = ([a, b]: Link) => `${a.node}-${b.node}`;
  const index = lab.links.filter((other) => pair(other) === pair(link)).indexOf(link);
  return index === 0 ? pair(link) : `${pair(link)}-${index + 1}`;
}

function membersOf(lab: Lab, link: Link): [string, Addressed][] {
  const isBridge = ({ node }: Endpoint) => lab.bridges.includes(node);
  if (link.every(isBridge)) throw refusal(`${link[0].node} and ${link[1].node} are linked`, "no link between two bridges");
  return link.flatMap((end): [string, Addressed][] => {
    const { node, interface: name, address, address6 } = end;
    if (isBridge(end) !== (address === undefined))
      throw refusal(
        `${node}:${name} has ${address ? "an" : "no"} address`,
        address ? "none at a bridge" : "one for every machine on a link",
      );
    return address ? [[node, { address, address6 }]] : [];
  });
}

function mtuOf(name: string, links: readonly Link[]): number | undefined {
  const mtus = [...new Set(links.map(([{ mtu }]) => mtu))];
  if (mtus.length === 1) return mtus[0];
  throw refusal(`the links of ${name} have MTUs of ${mtus.map((mtu) => mtu ?? "the default").join(", ")}`, "one for a bridge");
}

function makeNetwork(name: string, members: readonly [string, Addressed][], mtu: number | undefined): EngineNetwork {
  const byMachine = new Map(members);
  if (byMachine.size < members.length) throw refusal(`a machine is on ${name} twice`, "one link of each machine to a bridge");
  const subnets = (["ipv4", "ipv6"] as const).flatMap((family) => planSubnet(name, byMachine, family) ?? []);
  return { name, mtu, members: byMachine, subnets };
}

function planSubnet(name: string, members: ReadonlyMap<string, Addressed>, family: AddressFamily): Subnet | undefined {
  const addresses = [...members.values()].flatMap((member) => ofFamily(member, family) ?? []);
  if (addresses.length === 0) return undefined;
  const prefix = makePrefix(addresses[0].address, addresses[0].length);
  const others = addresses.map((each) => formatPrefix(makePrefix(each.address, each.length)));
  const found = [...new Set(others)];
  if (found.length > 1) throw refusal(`${name} has the subnets ${found.join(", ")}`, "one of each family");
  const engine = spareAddress(prefix, new Set(addresses.map(({ address }) => address)));
  if (engine !== undefined) return { prefix, engine };
  const taken = addresses.map(({ address }) => formatAddress(address)).join(", ");
  throw refusal(`${name} is ${formatPrefix(prefix)}, all taken (${taken})`, "an address left for the engine's own");
}

/** The last one that is free, since the first ones are the lab's. */
function spareAddress({ address, length }: Prefix, taken: ReadonlySet<Address>): Address | undefined {
  const first = BigInt(isIpv4(address) ? address : `0x${address}`);
  const lastHost = (1n << BigInt(maximumLength(address) - length)) - 2n;
  for (let host = lastHost; host > 0n; host--) {
    const candidate = first + host;
    const spare = isIpv4(address) ? Number(candidate) : candidate.toString(16).padStart(32, "0");
    if (!taken.has(spare)) return spare;
  }
  return undefined;
}

const refusal = (found: string, wanted: string): LabFailure => new LabFailure("lab export --compose", found, wanted);
