/**
 * A place in bytes that are read from front to back. A read that leaves the bytes sets `failed`, and answers with zeros from
 * then on: whoever reads a form asks once, at its end, whether it was all there.
 */
import { read16, read32 } from "../bgp/bytes.ts";
import { type Address, readIpv4, readIpv6 } from "../net/address.ts";

const NOTHING = new Uint8Array(0);

export class Cursor {
  failed = false;
  private readonly all: Uint8Array;
  private offset = 0;

  constructor(bytes: Uint8Array) {
    this.all = bytes;
  }

  get left(): number {
    return this.all.length - this.offset;
  }

  uint8 = (): number => (this.has(1) ? this.all[this.offset++] : 0);

  uint16(): number {
    return this.has(2) ? read16(this.all, this.advance(2)) : 0;
  }

  uint32(): number {
    return this.has(4) ? read32(this.all, this.advance(4)) : 0;
  }

  /** A view of the next `length` bytes. */
  bytes(length: number): Uint8Array {
    if (!this.has(length)) return NOTHING;
    const start = this.advance(length);
    return this.all.subarray(start, start + length);
  }

  rest = (): Uint8Array => this.bytes(this.left);

  address(isIpv6: boolean): Address {
    const bytes = this.bytes(isIpv6 ? 16 : 4);
    if (this.failed) return 0;
    return isIpv6 ? readIpv6(bytes, 0) : readIpv4(bytes, 0);
  }

  private has(length: number): boolean {
    if (!this.failed && length <= this.left) return true;
    this.failed = true;
    this.offset = this.all.length;
    return false;
  }

  private advance(length: number): number {
    const start = this.offset;
    this.offset += length;
    return start;
  }
}
