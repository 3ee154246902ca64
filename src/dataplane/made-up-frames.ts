/**
 * Frames that nobody sent: one of each kind that most networks are made of, for the warm-up. Their numbers are as large as real
 * ones are, since V8 compiles for the range that it has seen: above 31 bits a number is another kind of value, and code that knew
 * only small ones is thrown away at the first packet of the wire.
 */
import { checksum } from "../wire/checksum.ts";
import { ETHERNET_HEADER_LENGTH, ETHERTYPE } from "../wire/ethernet.ts";

/** The port that they come to, in the two words of `PortIdentity`. */
export const MADE_UP_MAC = { macHigh: 0x0200, macLow: 0xf1234567 };
const FRAME_BYTES = 90;

const [ICMP, TCP, UDP, ICMPV6] = [1, 6, 17, 58];
const SOURCES = [0x0a000102, 0xcb007105];
/** To the routes of the warm-up, to a neighbor that is not known, and to no route. */
const DESTINATIONS = [0x0a640007, 0xc6336407, 0x0a00004d, 0xd0000001];
const SOURCE_6 = [0x20010db8, 0x00010000, 0, 2];
const DESTINATIONS_6 = [
  [0x20010db8, 0x00510000, 0, 7],
  [0xfd000000, 0, 0, 7],
];
const SOLICITED_NODE = [0xff020000, 0, 1, 0xff000007];
const MULTICAST_DNS = 0xe00000fb;
const MULTICAST_DNS_6 = [0xff020000, 0, 0, 0xfb];

function ethernet(ethertype: number, to = MADE_UP_MAC): DataView {
  const frame = new DataView(new ArrayBuffer(FRAME_BYTES));
  frame.setUint16(0, to.macHigh);
  frame.setUint32(2, to.macLow);
  frame.setUint16(6, 0x02fe);
  frame.setUint32(8, 0xfedcba98);
  frame.setUint16(12, ethertype);
  return frame;
}

/** Echo requests where there are no ports. */
const writeTransport = (frame: DataView, offset: number, protocol: number): void =>
  protocol === ICMP || protocol === ICMPV6
    ? frame.setUint32(offset, protocol === ICMP ? 0x0800f3a1 : 0x8000f3a1)
    : frame.setUint32(offset, 0xc35001bb);

function ipv4(
  protocol: number,
  source: number,
  destination: number,
  identification: number,
  timeToLive = 64,
  to = MADE_UP_MAC,
): Uint8Array {
  const frame = ethernet(ETHERTYPE.ipv4, to);
  const bytes = new Uint8Array(frame.buffer);
  frame.setUint32(14, 0x45000000 | (FRAME_BYTES - ETHERNET_HEADER_LENGTH));
  frame.setUint32(18, (identification << 16) | 0x4000);
  frame.setUint32(22, (timeToLive << 24) | (protocol << 16));
  frame.setUint32(26, source);
  frame.setUint32(30, destination);
  frame.setUint16(24, checksum(bytes, ETHERNET_HEADER_LENGTH, 20));
  writeTransport(frame, 34, protocol);
  return bytes;
}

function ipv6(protocol: number, destination: readonly number[], to = MADE_UP_MAC): Uint8Array {
  const frame = ethernet(ETHERTYPE.ipv6, to);
  frame.setUint32(14, 0x600abcde);
  frame.setUint32(18, ((FRAME_BYTES - 54) << 16) | (protocol << 8) | 64);
  SOURCE_6.concat(destination).forEach((word, i) => void frame.setUint32(22 + 4 * i, word));
  writeTransport(frame, 54, protocol);
  return new Uint8Array(frame.buffer);
}

/** A neighbor solicitation: it has crossed no router. */
function solicitation(): Uint8Array {
  const frame = ipv6(ICMPV6, SOLICITED_NODE, { macHigh: 0x3333, macLow: 0xff000007 });
  frame[21] = 255;
  frame[54] = 135;
  return frame;
}

const arp = (): Uint8Array => new Uint8Array(ethernet(ETHERTYPE.arp, { macHigh: 0xffff, macLow: 0xffffffff }).buffer);

export const MADE_UP_FRAMES: readonly Uint8Array[] = [
  ...[TCP, UDP, ICMP].flatMap((protocol) =>
    SOURCES.flatMap((source) => DESTINATIONS.map((destination, i) => ipv4(protocol, source, destination, 0x1234 + 0x7531 * i))),
  ),
  ...[TCP, UDP, ICMPV6].flatMap((protocol) => DESTINATIONS_6.map((destination) => ipv6(protocol, destination))),
  ipv4(TCP, SOURCES[0], DESTINATIONS[1], 1, 1),
  arp(),
  solicitation(),
  ipv4(UDP, SOURCES[0], MULTICAST_DNS, 1, 255, { macHigh: 0x0100, macLow: 0x5e0000fb }),
  ipv6(UDP, MULTICAST_DNS_6, { macHigh: 0x3333, macLow: 0x000000fb }),
];
