/**
 * UDP that tells with what TTL each datagram came, which Node's own does not, and a wait for several sockets at once. For
 * workers: nothing here needs an event loop, and a wait blocks the thread until something comes or its wake-up is signaled.
 */
import { getSystemErrorName } from "node:util";
import { loadNative, type NativeBindings } from "../../native-bindings/index.ts";
import { addressToBytes, readIpv4, readIpv6 } from "../net/address.ts";
import type { Endpoint } from "./tcp-socket.ts";

export interface Datagram {
  /** Until the next `receive`. */
  readonly bytes: Uint8Array;
  readonly source: Endpoint;
  readonly ttl: number;
}

/** Longer ones come cut. */
const LONGEST_DATAGRAM = 2048;
const FACT = { ttl: 0, interface: 1, port: 2, addressLength: 3, address: 4, words: 8 } as const;

export class DatagramSocket {
  readonly socket: number;
  private readonly native: NativeBindings = loadNative();
  private readonly bytes = new Uint8Array(LONGEST_DATAGRAM);
  private readonly facts = new Uint32Array(FACT.words);
  private readonly source = new Uint8Array(this.facts.buffer, FACT.address * 4, 16);

  /** `ttl`: of what it sends. Throws, with the system's name for the reason as `code`, if the address cannot be had. */
  constructor(at: Endpoint, ttl: number) {
    try {
      this.socket = this.native.openDatagrams(addressToBytes(at.address), at.port, ttl);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw Object.assign(error as Error, code === undefined ? {} : { code: getSystemErrorName(-Number(code)) });
    }
  }

  /** False if the network would not have it now. */
  send(bytes: Uint8Array, to: Endpoint): boolean {
    return this.native.sendDatagram(this.socket, bytes, addressToBytes(to.address), to.port) === 0;
  }

  /** Undefined when none waits. */
  receive(): Datagram | undefined {
    const length = this.native.receiveDatagram(this.socket, this.bytes, this.facts);
    if (length < 0) return undefined;
    const address = this.facts[FACT.addressLength] === 4 ? readIpv4(this.source, 0) : readIpv6(this.source, 0);
    return {
      bytes: this.bytes.subarray(0, Math.min(length, LONGEST_DATAGRAM)),
      source: { address, port: this.facts[FACT.port] },
      ttl: this.facts[FACT.ttl],
    };
  }

  close(): void {
    this.native.closeDatagrams(this.socket);
  }
}

/** Returns when one of them has a datagram, when the wake-up is signaled, or after the time; it may be early. */
export function waitForDatagrams(sockets: readonly DatagramSocket[], wakeDescriptor: number, timeoutMs: number): void {
  loadNative().waitForDatagrams(
    Uint32Array.from(sockets, ({ socket }) => socket),
    wakeDescriptor,
    timeoutMs,
  );
}
