/**
 * The whole forecast a second way: from the JSON that a router prints and a flow in words to the next hop before and after a
 * departure, with the other slow twins of this folder and nothing of the product.
 */
import { readAddress, slowLookup } from "./lookup.ts";
import { type PlainMember, slowModulo, slowResilient, slowThreshold } from "./selectors.ts";
import { slowXxh32 } from "./xxh32.ts";

/** As much of `ecmp show groups --json` as a forecast needs. */
export interface PlainState {
  readonly hash: { readonly algorithm: string; readonly fields: readonly string[]; readonly seed: number };
  readonly selector: { readonly name: string };
  readonly groups: readonly {
    readonly prefixes: readonly string[];
    readonly members: readonly { readonly address: string; readonly weight: number }[];
    readonly reduction: string;
    readonly owners: readonly number[];
    readonly bounds?: readonly number[];
  }[];
}

const PROTOCOL_NUMBERS: Readonly<Record<string, bigint>> = { icmp: 1n, tcp: 6n, udp: 17n, gre: 47n, icmp6: 58n, sctp: 132n };

/** "tcp 10.0.0.2:1000 192.0.2.1:80", "udp [2001:db8::1]:53 [2001:db8::2]:53", "icmp 10.0.0.2 192.0.2.1". */
function readFlow(text: string): Record<string, { bytes: number; value: bigint }> & { destination?: never } {
  const [protocol, from, to] = text.split(" ");
  const [source, sourcePort] = readEndpoint(from);
  const [destination, destinationPort] = readEndpoint(to);
  const address = (written: string) => ({ bytes: readAddress(written).bits / 8, value: readAddress(written).value });
  return {
    protocol: { bytes: 1, value: PROTOCOL_NUMBERS[protocol] ?? BigInt(protocol) },
    "source-address": address(source),
    "destination-address": address(destination),
    "source-port": { bytes: 2, value: sourcePort },
    "destination-port": { bytes: 2, value: destinationPort },
  };
}

function readEndpoint(text: string): [string, bigint] {
  const bracket = text.indexOf("]");
  if (bracket >= 0) return [text.slice(1, bracket), BigInt(text.slice(bracket + 2))];
  if (text.split(":").length === 2) return [text.split(":")[0], BigInt(text.split(":")[1])];
  return [text, 0n];
}

function slowHash({ fields, seed }: PlainState["hash"], flow: string): number {
  const values = readFlow(flow);
  const bytes: number[] = [];
  for (const field of fields) {
    const { bytes: width, value } = values[field];
    for (let shift = width - 1; shift >= 0; shift--) bytes.push(Number((value >> BigInt(8 * shift)) & 255n));
  }
  return slowXxh32(Uint8Array.from(bytes), seed);
}

export function slowForecast(state: PlainState, flow: string, departed: string) {
  const hash = slowHash(state.hash, flow);
  const destination = readEndpoint(flow.split(" ")[2])[0];
  const before = route(state, destination, (group) => {
    const bucket = group.bounds ? group.bounds.findIndex((bound) => hash <= bound) : hash % group.owners.length;
    return group.members[group.owners[bucket]].address;
  });
  const remaining = {
    ...state,
    groups: state.groups.filter(({ members }) => members.some(({ address }) => address !== departed)),
  };
  const after = route(remaining, destination, (group) => pickWithout(state.selector.name, group, departed, hash));
  return { prefix: before.prefix, before: before.nextHop, after: after.nextHop, moved: before.nextHop !== after.nextHop };
}

function route(state: PlainState, destination: string, pick: (group: PlainState["groups"][number]) => string) {
  const prefix = slowLookup(
    state.groups.flatMap(({ prefixes }) => prefixes),
    destination,
  );
  const group = state.groups.find(({ prefixes }) => prefix !== undefined && prefixes.includes(prefix));
  return { prefix, nextHop: group && pick(group) };
}

function pickWithout(selector: string, group: PlainState["groups"][number], departed: string, hash: number): string {
  const members: PlainMember[] = group.members.map(({ address, weight }) => ({ name: address, weight }));
  const left = members.filter(({ name }) => name !== departed);
  const owners = group.owners.map((owner) => members[owner].name);
  if (left.length === members.length) {
    const bucket = group.bounds ? group.bounds.findIndex((bound) => hash <= bound) : hash % owners.length;
    return owners[bucket];
  }
  if (selector === "modulo") return slowModulo(left, hash) as string;
  if (selector === "threshold") return slowThreshold(left, hash) as string;
  const after = slowResilient(left, owners.length, { members, owners });
  return after[hash % after.length];
}
