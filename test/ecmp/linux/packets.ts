/** IP packets written by hand, from the inside out: each function puts one header before what it is given. */
import { addressToBytes } from "#src/net/address.ts";
import { type Random, randomBelow } from "#src/net/random.ts";
import { sumOfWords } from "../../port/frames.ts";
import { type FamilyNumber, randomAddresses } from "./kernel.ts";

export interface Ipv4Header {
  readonly protocol: number;
  readonly source: number;
  readonly destination: number;
  /** The word with the fragment's flags and offset. */
  readonly fragment?: number;
  readonly options?: readonly number[];
}

export function ipv4(header: Ipv4Header, payload: Uint8Array): Uint8Array {
  const { protocol, source, destination, fragment = 0, options = [] } = header;
  const headerLength = 20 + options.length;
  const length = headerLength + payload.length;
  const start = [
    0x40 | (headerLength / 4),
    0,
    length >> 8,
    length & 255,
    0x12,
    0x34,
    fragment >> 8,
    fragment & 255,
    64,
    protocol,
  ];
  const bytes = [...start, 0, 0, ...addressToBytes(source), ...addressToBytes(destination), ...options];
  const checksum = ~sumOfWords(bytes) & 0xffff;
  bytes[10] = checksum >> 8;
  bytes[11] = checksum & 255;
  return Uint8Array.of(...bytes, ...payload);
}

export interface Ipv6Header {
  readonly nextHeader: number;
  readonly source: string;
  readonly destination: string;
  readonly flowLabel: number;
}

export function ipv6({ nextHeader, source, destination, flowLabel }: Ipv6Header, payload: Uint8Array): Uint8Array {
  const word = [0x60, flowLabel >> 16, (flowLabel >> 8) & 255, flowLabel & 255];
  const lengths = [payload.length >> 8, payload.length & 255, nextHeader, 64];
  return Uint8Array.of(...word, ...lengths, ...addressToBytes(source), ...addressToBytes(destination), ...payload);
}

const concat = (...parts: readonly (ArrayLike<number> & Iterable<number>)[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => [...part]));
const noise = (random: Random, length: number): Uint8Array => Uint8Array.from({ length }, () => random() & 255);

export const GRE_FLAG = { checksum: 0x8000, routing: 0x4000, key: 0x2000, sequence: 0x1000 } as const;

/** A GRE header with `flags`, its optional words noise. */
export function gre(random: Random, flags: number, type: number, payload: Uint8Array): Uint8Array {
  const words = [GRE_FLAG.checksum, GRE_FLAG.key, GRE_FLAG.sequence].filter((flag) => flags & flag).length;
  return concat([flags >> 8, flags & 255, type >> 8, type & 255], noise(random, 4 * words), payload);
}

/** A packet's body and the number that stands for it in the header before. */
interface Body {
  readonly protocol: number;
  readonly bytes: Uint8Array;
}

type MakeBody = (random: Random, family: FamilyNumber) => Body;

/** A transport header's first bytes, ports or what lies there, with room behind for `tag`. */
const transport =
  (protocol: number): MakeBody =>
  (random) => ({ protocol, bytes: noise(random, 24) });
const tcp = transport(6);
const udp = transport(17);

/** A whole packet with random addresses, now and then without flow label. */
function packet(
  random: Random,
  family: FamilyNumber,
  body: Body,
  more: { fragment?: number; options?: number[] } = {},
): Uint8Array {
  const { source, destination } = randomAddresses(random, family);
  if (family === 4) {
    const addresses = { source: source as number, destination: destination as number };
    return ipv4({ protocol: body.protocol, ...addresses, ...more }, body.bytes);
  }
  const flowLabel = random() & 3 ? randomBelow(random, 1 << 20) : 0;
  const addresses = { source: source as string, destination: destination as string };
  return ipv6({ nextHeader: body.protocol, ...addresses, flowLabel }, body.bytes);
}

const IN_IP = { 4: 4, 6: 41 } as const;
const ETHERTYPE = { 4: 0x0800, 6: 0x86dd } as const;

const tunnel =
  (inner: FamilyNumber, makeBody: MakeBody, more: { fragment?: number } = {}): MakeBody =>
  (random) => ({ protocol: IN_IP[inner], bytes: packet(random, inner, makeBody(random, inner), more) });

const inGre =
  (inner: FamilyNumber, flags: number, makeBody: MakeBody = udp): MakeBody =>
  (random) => ({ protocol: 47, bytes: gre(random, flags, ETHERTYPE[inner], packet(random, inner, makeBody(random, inner))) });

const inBridgedGre =
  (inner: FamilyNumber, tag: readonly number[] = []): MakeBody =>
  (random) => {
    const type = [ETHERTYPE[inner] >> 8, ETHERTYPE[inner] & 255];
    const frame = concat(noise(random, 12), tag, type, packet(random, inner, tcp(random, inner)));
    return { protocol: 47, bytes: gre(random, GRE_FLAG.key, 0x6558, frame) };
  };

/** An IPv6 extension header of eight or more bytes before the body: options of padding, routing, or a fragment. */
const extended =
  (header: number, length: number, makeBody: MakeBody): MakeBody =>
  (random, family) => {
    const { protocol, bytes } = makeBody(random, family);
    const padding = [1, length - 4, ...new Array<number>(length - 4).fill(0)];
    return { protocol: header, bytes: concat([protocol, length / 8 - 1], padding, bytes) };
  };
const fragmentHeader =
  (offsetAndFlags: number, makeBody: MakeBody): MakeBody =>
  (random, family) => {
    const { protocol, bytes } = makeBody(random, family);
    return { protocol: 44, bytes: concat([protocol, 0, offsetAndFlags >> 8, offsetAndFlags & 255], noise(random, 4), bytes) };
  };

/** An ICMP message of `type` that quotes a packet of its own family. */
const quoting =
  (type: number, makeBody: MakeBody = udp): MakeBody =>
  (random, family) => ({
    protocol: family === 4 ? 1 : 58,
    bytes: concat([type, 0], noise(random, 6), packet(random, family, makeBody(random, family))),
  });

const ANY_FAMILY: Readonly<Record<string, MakeBody>> = {
  tcp,
  udp,
  sctp: transport(132),
  dccp: transport(33),
  "udp-lite": transport(136),
  esp: transport(50),
  ah: transport(51),
  "protocol without ports": transport(89),
  "ipv4 in it, tcp": tunnel(4, tcp),
  "ipv4 in it, fragmented": tunnel(4, udp, { fragment: 0x2000 }),
  "ipv4 in it, esp": tunnel(4, transport(50)),
  "ipv6 in it, udp": tunnel(6, udp),
  "ipv6 in it, options, tcp": tunnel(6, extended(60, 16, tcp)),
  "ipv6 in ipv4 in it": tunnel(4, tunnel(6, tcp)),
  "ipv4 in ipv6 in it": tunnel(6, tunnel(4, udp)),
  "ipv6 in ipv6 in it": tunnel(6, tunnel(6, udp)),
  "gre, ipv4": inGre(4, 0),
  "gre, ipv6": inGre(6, 0, tcp),
  "gre with key, ipv4": inGre(4, GRE_FLAG.key),
  "gre with all, ipv6": inGre(6, GRE_FLAG.checksum | GRE_FLAG.key | GRE_FLAG.sequence),
  "gre with routing": inGre(4, GRE_FLAG.routing),
  "gre of version 2": inGre(4, 2),
  "gre, bridged ipv4": inBridgedGre(4),
  "gre, bridged and tagged ipv6": inBridgedGre(6, [0x81, 0, 0, 7]),
  "gre of nothing known": (random) => ({ protocol: 47, bytes: gre(random, 0, 0x88b5, noise(random, 40)) }),
};

/** Bodies by name; of IPv4 also whole packets, for what stands in its header. */
export const KINDS: Readonly<Record<FamilyNumber, Readonly<Record<string, (random: Random) => Uint8Array>>>> = {
  4: {
    ...wrapped(4, {
      ...ANY_FAMILY,
      "icmp echo": (random) => ({ protocol: 1, bytes: concat([8, 0], noise(random, 26)) }),
      "icmp unreachable": quoting(3),
      "icmp time exceeded, of a tunnel": quoting(11, tunnel(4, udp)),
      "icmp redirect": quoting(5, tcp),
    }),
    "first fragment": (random) => packet(random, 4, udp(random, 4), { fragment: 0x2000 }),
    "last fragment": (random) => packet(random, 4, udp(random, 4), { fragment: 0x0017 }),
    "fragment of a tunnel": (random) => packet(random, 4, tunnel(4, tcp)(random, 4), { fragment: 0x2000 }),
    "do not fragment": (random) => packet(random, 4, tcp(random, 4), { fragment: 0x4000 }),
    "options in the header": (random) => packet(random, 4, tcp(random, 4), { options: [1, 1, 1, 0] }),
  },
  6: wrapped(6, {
    ...ANY_FAMILY,
    "icmp echo": (random) => ({ protocol: 58, bytes: concat([128, 0], noise(random, 26)) }),
    "icmp unreachable": quoting(1),
    "icmp too big": quoting(2, tcp),
    "icmp time exceeded, of a tunnel": quoting(3, tunnel(6, udp)),
    "icmp parameter problem": quoting(4, extended(60, 8, udp)),
    "first fragment": fragmentHeader(0x0001, udp),
    "last fragment": fragmentHeader(0x0038, tcp),
    "fragment of a tunnel": fragmentHeader(0x0001, tunnel(4, tcp)),
    "destination options": extended(60, 24, tcp),
    "hop-by-hop and destination options": extended(0, 8, extended(60, 8, udp)),
    "options before a tunnel": extended(60, 8, tunnel(6, tcp)),
  }),
};

function wrapped(family: FamilyNumber, bodies: Readonly<Record<string, MakeBody>>) {
  const entries = Object.entries(bodies).map(
    ([name, makeBody]) => [name, (random: Random) => packet(random, family, makeBody(random, family))] as const,
  );
  return Object.fromEntries(entries);
}
