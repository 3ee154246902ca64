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

const address = (text: string): Buffer => Buffer.from(text.split(".").map(Number));

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
  const l4 = Buffer.alloc(8 + payloadBytes, 0x5a);
  l4.writeUInt16BE(packet.sourcePort ?? 1024, 0);
  l4.writeUInt16BE(packet.destinationPort ?? 80, 2);
  const ethernet = Buffer.from(`${packet.to ?? ROUTER_MAC}${packet.from ?? CLIENT_MAC}`, "hex");
  const type = Buffer.alloc(2);
  type.writeUInt16BE(packet.ethertype ?? 0x0800);
  return Buffer.concat([ethernet, type, header, l4]);
}
