/**
 * Raw IP sockets (the package `raw-socket`), for probes: whole packets are sent, and of what this host receives the ICMP messages
 * and the probed protocol are heard. That package works in the main thread only, and compiles on Node 22 and older.
 */
import { createRequire } from "node:module";
import { type Address, formatAddress, parseAddress } from "../net/address.ts";
import { PROTOCOLS } from "../net/flow.ts";

/** Of the package, what is used here. */
interface RawSocket {
  setOption(level: number, option: number, value: number): void;
  send(bytes: Buffer, offset: number, length: number, address: string, done: (error: Error | null) => void): void;
  on(event: "message", take: (bytes: Buffer, source: string) => void): void;
  on(event: "error", take: (error: Error) => void): void;
  close(): void;
}

interface RawPackage {
  createSocket(options: { addressFamily: number; protocol: number; bufferSize: number }): RawSocket;
}

const FAMILY = { ipv4: 1, ipv6: 2 } as const;
const LARGEST_PACKET = 65_535;
/** Level and option: what is sent has its IP header (ip(7), linux/in6.h; the package knows only the former). */
const HEADER_INCLUDED = { ipv4: [0, 3], ipv6: [41, 36] } as const;

export interface RawMessage {
  readonly protocol: number;
  readonly from: Address;
  /** IPv4: from the IP header on. IPv6: what follows it. Valid until the listener returns. */
  readonly bytes: Uint8Array;
}

export interface RawSockets {
  /** A whole packet, its IP header included. */
  send(packet: Uint8Array, destination: Address): void;
  close(): void;
}

function loadRaw(): RawPackage {
  try {
    return createRequire(import.meta.url)("raw-socket") as RawPackage;
  } catch (error) {
    throw new Error(
      `cannot load the package raw-socket: ${(error as Error).message.split("\n")[0]}; wanted it installed and built: Node 22 or ` +
        `older (this is ${process.version}), g++, \`npm install\`, then \`npm run build:native\``,
    );
  }
}

export function openRawSockets(
  { protocol, isV4 }: { readonly protocol: number; readonly isV4: boolean },
  onMessage: (message: RawMessage) => void,
  onError: (error: Error) => void,
): RawSockets {
  const raw = loadRaw();
  const icmp = isV4 ? PROTOCOLS.icmp : PROTOCOLS.icmp6;
  const open = (heard: number): RawSocket => {
    try {
      const addressFamily = isV4 ? FAMILY.ipv4 : FAMILY.ipv6;
      const socket = raw.createSocket({ addressFamily, protocol: heard, bufferSize: LARGEST_PACKET });
      socket.on("message", (bytes, source) => {
        const from = parseAddress(source);
        if (from !== undefined) onMessage({ protocol: heard, from, bytes });
      });
      socket.on("error", onError);
      return socket;
    } catch (error) {
      throw new Error(`cannot open a raw socket: ${(error as Error).message}; wanted CAP_NET_RAW`);
    }
  };
  const sockets = [...new Set([protocol, icmp])].map(open);
  const [level, option] = HEADER_INCLUDED[isV4 ? "ipv4" : "ipv6"];
  sockets[0].setOption(level, option, 1);
  return {
    send(packet, destination) {
      sockets[0].send(Buffer.from(packet), 0, packet.length, formatAddress(destination), (error) => {
        if (error) onError(new Error(`cannot send to ${formatAddress(destination)}: ${error.message}`));
      });
    },
    close() {
      for (const socket of sockets) socket.close();
    },
  };
}
