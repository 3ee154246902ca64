/**
 * Packets from outside that claim to come from one of our addresses, or from a broadcast of our subnets, are martian (RFC 1812
 * 5.3.7), and Linux throws them away. The FIB knows these addresses, and a second lookup for every packet would cost more than
 * all else: so a filter comes first, a bit for the last 16 bits of each, in memory that the main thread writes and all workers
 * read. It says "never" or "ask the FIB".
 */
import { type Address, addressToBytes } from "../net/address.ts";
import { swapBytes16 } from "../net/byte-order.ts";

const BITS = 1 << 16;

export const createOwnSources = (): SharedArrayBuffer => new SharedArrayBuffer(BITS / 8);

/** These and no others. Who reads meanwhile may find one of before, or of after, and has the FIB to ask. */
export function setOwnSources(memory: SharedArrayBuffer, addresses: readonly Address[]): void {
  const bits = new Uint8Array(BITS / 8);
  for (const address of addresses) {
    const ending = endingOf(new DataView(addressToBytes(address).slice(-2).buffer).getUint16(0));
    bits[ending >>> 3] |= 1 << (ending & 7);
  }
  new Uint8Array(memory).set(bits);
}

/** The last 16 bits of an address (a word of them, in host order) as the filter counts them: as a little-endian load has them. */
export const endingOf = (word: number): number => swapBytes16(word & 0xffff);

export const mayBeOwn = (filter: Uint8Array, ending: number): boolean => ((filter[ending >>> 3] >>> (ending & 7)) & 1) !== 0;
