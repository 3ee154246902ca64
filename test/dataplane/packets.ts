/** Packets for tests, made with Node's Buffer and nothing of the product. */
import { slowChecksum } from "../oracle/checksum.ts";

export interface TestPacket {
  readonly to?: string;
  readonly from?: string;
  readonly ethertype?: number;
  readonly source?: string;
  readonly destination?: string;
  readonly protocol?: number;
  readonly ttl?: number;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  /** Flags and fragment offset, as the field holds them. */
  readonly fragment?: number;
  readonly payloadBytes?: number;
  readonly options?: Uint8Array;
}

export const ROUTER_MAC = "020000000001";
export const CLIENT_MAC = "0200000000c1";
export const CLIENT_6 = "20010db80000000100000000000000c1";
export const SERVICE_6 = "20010db8005100000000000000000010";

const address = (text: string): Buffer => Buffer.from(text.split(".").map(Number));

export interface TestPacket6 extends Omit<TestPacket, "fragment" | "options" | "ttl"> {
  readonly hopLimit?: number;
  readonly flowLabel?: number;
  /** Extension headers in order: what they are, and their bytes but for the first, a multiple of eight less one. */
  readonly extensions?: readonly { readonly type: number; readonly body: Uint8Array }[];
}

/** As `makePacket`; addresses are 32 hex digits. */
export function makePacket6(packet: TestPacket6 = {}): Buffer {
  const { source = CLIENT_6, destination = SERVICE_6, protocol = 6, hopLimit = 64, payloadBytes = 20, extensions = [] } = packet;
  const types = [...extensions.map(({ type }) => type), protocol];
  const chain = Buffer.concat(extensions.flatMap(({ body }, i) => [Buffer.of(types[i + 1]), body]));
  const ip = Buffer.alloc(8);
  ip.writeUInt32BE(0x60000000 + (packet.flowLabel ?? 0), 0);
  ip.writeUInt16BE(chain.length + 8 + payloadBytes, 4);
  ip.writeUInt8(types[0], 6);
  ip.writeUInt8(hopLimit, 7);
  const ethernet = Buffer.from(`${packet.to ?? ROUTER_MAC}${packet.from ?? CLIENT_MAC}86dd`, "hex");
  const addresses = Buffer.from(`${source}${destination}`, "hex");
  return Buffer.concat([ethernet, ip, addresses, chain, makeTransport(packet, payloadBytes)]);
}

/** A frame with tags, the outermost first. */
export function tagFrame(frame: Buffer, ...tags: readonly { readonly type?: number; readonly id: number }[]): Buffer {
  const words = tags.map(({ type = 0x8100, id }) => Buffer.of(type >> 8, type & 255, id >> 8, id & 255));
  return Buffer.concat([frame.subarray(0, 12), ...words, frame.subarray(12)]);
}

export function makePacket(packet: TestPacket = {}): Buffer {
  const { source = "10.0.1.2", destination = "198.51.100.10", protocol = 6, ttl = 64, payloadBytes = 20 } = packet;
  const options = Buffer.from(packet.options ?? []);
  const ip = Buffer.alloc(20);
  ip.writeUInt8(0x40 | ((20 + options.length) / 4), 0);
  ip.writeUInt16BE(20 + options.length + 8 + payloadBytes, 2);
  ip.writeUInt16BE(packet.fragment ?? 0, 6);
  ip.writeUInt8(ttl, 8);
  ip.writeUInt8(protocol, 9);
  address(source).copy(ip, 12);
  address(destination).copy(ip, 16);
  const header = Buffer.concat([ip, options]);
  header.writeUInt16BE(slowChecksum(header), 10);
  const l4 = makeTransport(packet, payloadBytes);
  const ethernet = Buffer.from(`${packet.to ?? ROUTER_MAC}${packet.from ?? CLIENT_MAC}`, "hex");
  const type = Buffer.alloc(2);
  type.writeUInt16BE(packet.ethertype ?? 0x0800);
  return Buffer.concat([ethernet, type, header, l4]);
}

function makeTransport(
  { sourcePort, destinationPort }: Pick<TestPacket, "sourcePort" | "destinationPort">,
  bytes: number,
): Buffer {
  const l4 = Buffer.alloc(8 + bytes, 0x5a);
  l4.writeUInt16BE(sourcePort ?? 1024, 0);
  l4.writeUInt16BE(destinationPort ?? 80, 2);
  return l4;
}
