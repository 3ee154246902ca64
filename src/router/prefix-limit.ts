/**
 * The limit of prefixes that a neighbor may have, of each family, counted before any of them is refused (RFC 4486). Near it
 * the router says so; beyond it the session ends with Cease/Maximum Number of Prefixes Reached, and stays down for the restart
 * time, or until the limit is another one.
 */
import { uint16, uint32 } from "../bgp/bytes.ts";
import { type BgpError, bgpError } from "../bgp/error.ts";
import { AFI, CEASE, ERROR, SAFI } from "../bgp/iana.ts";
import { type Address, type AddressFamily, formatAddress } from "../net/address.ts";
import type { CancelTimer, Clock } from "../net/clock.ts";
import type { EventRecord } from "./events.ts";
import type { NeighborConfig } from "./policy.ts";

type Limit = NonNullable<NeighborConfig["prefixLimit"]>;

export interface PrefixLimitsOptions {
  readonly clock: Clock;
  readonly events: EventRecord;
  limitOf(neighbor: Address): Limit | undefined;
  received(neighbor: Address, family: AddressFamily): number;
  end(neighbor: Address, error: BgpError): void;
  begin(neighbor: Address): void;
}

export interface PrefixLimits {
  /** After each UPDATE of the neighbor. */
  check(neighbor: Address): void;
  /** Limits may be others now: who waits for the old one begins again. */
  reconsider(): void;
  /** The neighbor is gone. */
  forget(neighbor: Address): void;
}

const FAMILIES = ["ipv4", "ipv6"] as const;

export function createPrefixLimits(options: PrefixLimitsOptions): PrefixLimits {
  const { clock, events, limitOf } = options;
  /** Of the families that have been warned about. */
  const warned = new Set<string>();
  const ended = new Map<Address, { readonly limit: Limit; readonly cancel: CancelTimer }>();

  const exceed = (neighbor: Address, family: AddressFamily, limit: Limit): void => {
    const { restartTimeSeconds } = limit;
    const details = { peer: formatAddress(neighbor), family, maxPrefixes: limit.maxPrefixes, restartTimeSeconds };
    events.add("prefix-limit-exceeded", details);
    const begin = (): void => {
      ended.delete(neighbor);
      options.begin(neighbor);
    };
    const cancel = restartTimeSeconds === undefined ? () => {} : clock.setTimer(restartTimeSeconds * 1000, begin);
    ended.set(neighbor, { limit, cancel });
    options.end(neighbor, tooMany(family, limit.maxPrefixes));
  };

  const warn = (neighbor: Address, family: AddressFamily, limit: Limit, count: number): void => {
    const key = `${family} ${neighbor}`;
    const isNear = count * 100 >= limit.maxPrefixes * limit.warningThresholdPct;
    if (isNear && !warned.has(key)) {
      const { maxPrefixes } = limit;
      events.add("prefix-limit-near", { peer: formatAddress(neighbor), family, received: count, maxPrefixes });
    }
    if (isNear) warned.add(key);
    else warned.delete(key);
  };

  return {
    check(neighbor) {
      const limit = limitOf(neighbor);
      if (!limit || ended.has(neighbor)) return;
      for (const family of FAMILIES) {
        const count = options.received(neighbor, family);
        if (count > limit.maxPrefixes) return exceed(neighbor, family, limit);
        warn(neighbor, family, limit, count);
      }
    },
    reconsider() {
      for (const [neighbor, { limit, cancel }] of ended) {
        if (JSON.stringify(limitOf(neighbor)) === JSON.stringify(limit)) continue;
        cancel();
        ended.delete(neighbor);
        options.begin(neighbor);
      }
    },
    forget(neighbor) {
      ended.get(neighbor)?.cancel();
      ended.delete(neighbor);
      for (const family of FAMILIES) warned.delete(`${family} ${neighbor}`);
    },
  };
}

/** RFC 4486 section 4: which family, and how many would have been taken. */
const tooMany = (family: AddressFamily, maximum: number): BgpError =>
  bgpError(ERROR.cease, CEASE.maximumPrefixes, [
    ...uint16(family === "ipv4" ? AFI.ipv4 : AFI.ipv6),
    SAFI.unicast,
    ...uint32(maximum),
  ]);
