/**
 * Neighbors by prefix: whoever connects from inside a range is a neighbor with the range's options, as long as it has a
 * session, and a moment longer so that one that fails at once is not met as a stranger each time. We never dial them. The
 * speaker asks here about an address that it does not know, and tells when something of a member has ended.
 */
import type { Address } from "../net/address.ts";
import type { Clock } from "../net/clock.ts";
import { type Prefix, prefixContains, prefixKey } from "../net/prefix.ts";
import { INCOMING_WINDOW_SECONDS } from "./fsm.ts";
import type { NeighborOptions } from "./neighbor.ts";

export interface RangeOptions extends Omit<NeighborOptions, "address" | "port" | "passive" | "localAddress" | "shutdown"> {
  readonly prefix: Prefix;
  /** How many neighbors it may have at a time. */
  readonly limit: number;
}

interface Range {
  readonly options: RangeOptions;
  readonly members: Set<Address>;
}

export class Ranges {
  private readonly clock: Clock;
  private readonly ranges = new Map<number | string, Range>();
  /** One timer each, however often something ends. */
  private readonly lingering = new Set<Address>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  add(options: RangeOptions): void {
    this.ranges.set(prefixKey(options.prefix), { options, members: new Set() });
  }

  /** Returns the members, who are members no more. */
  remove(prefix: Prefix): Address[] {
    const range = this.ranges.get(prefixKey(prefix));
    this.ranges.delete(prefixKey(prefix));
    return [...(range?.members ?? [])];
  }

  all = (): RangeOptions[] => Array.from(this.ranges.values(), ({ options }) => options);

  rangeOf = (address: Address): Prefix | undefined => this.holding(address)?.options.prefix;

  /** The options of a new member, or in words why it is none; the longest range that holds the address decides. */
  admit(address: Address): NeighborOptions | string {
    const [range] = [...this.ranges.values()]
      .filter(({ options }) => prefixContains(options.prefix, address))
      .sort((a, b) => b.options.prefix.length - a.options.prefix.length);
    if (!range) return "not a neighbor";
    const { prefix: _, limit, ...options } = range.options;
    if (range.members.size >= limit) return `its range has ${limit} neighbors already`;
    range.members.add(address);
    return { ...options, address, passive: true };
  }

  /** Something of a member has ended: `dismiss` is asked in a moment whether all has. */
  linger(address: Address, dismiss: () => void): void {
    if (this.lingering.has(address) || !this.holding(address)) return;
    this.lingering.add(address);
    this.clock.setTimer(INCOMING_WINDOW_SECONDS * 1000, () => {
      this.lingering.delete(address);
      if (this.holding(address)) dismiss();
    });
  }

  /** The address is a member no more. */
  release(address: Address): void {
    this.holding(address)?.members.delete(address);
  }

  private holding(address: Address): Range | undefined {
    for (const range of this.ranges.values()) if (range.members.has(address)) return range;
    return undefined;
  }
}
