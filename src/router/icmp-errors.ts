/**
 * What a router owes whoever sent a packet that it does not forward: the ICMP error, of either family, and whether it is owed
 * at all (RFC 1812 4.3.2.7, RFC 4443 2.4). At most so many a second, with a bucket apart for "too big", without which
 * connections hang. The source is an address of the port that the packet came in by, the one of the sender's subnet first.
 */
import type { AnsweredDrop } from "../dataplane/verdict.ts";
import { type Address, addressFamily, isLinkLocal, readIpv4, readIpv6 } from "../net/address.ts";
import type { Clock } from "../net/clock.ts";
import { makePrefix, type Prefix, prefixContains } from "../net/prefix.ts";
import { createTokenBucket } from "../net/token-bucket.ts";
import { encodeIcmpError, mayBeAnswered } from "../wire/icmp-error.ts";
import { readVersion } from "../wire/ipv4.ts";

export type ErrorReason = AnsweredDrop | "neighbor-failed";

/** Type and code: of ICMP, of ICMPv6. */
const ERRORS: Readonly<Record<ErrorReason, readonly [ipv4: readonly [number, number], ipv6: readonly [number, number]]>> = {
  "no-route": [
    [3, 0],
    [1, 0],
  ],
  "next-hop-unreachable": [
    [3, 1],
    [1, 3],
  ],
  "neighbor-failed": [
    [3, 1],
    [1, 3],
  ],
  "too-big": [
    [3, 4],
    [2, 0],
  ],
  "ttl-expired": [
    [11, 0],
    [3, 0],
  ],
};

/** Linux's icmp_msgs_per_sec and icmp_msgs_burst. */
const PER_SECOND = 1000;
const BURST = 50;
/** One more than the error leaves with: it goes through the core like any packet. */
const TTL = 65;

export interface IcmpErrorCounters {
  /** Errors made. */
  readonly errors: number;
  /** Errors that were due, and too many. */
  readonly limited: number;
  /** About packets that no error may be about, or that have no address to be answered from. */
  readonly unanswered: number;
}

export type IcmpErrors = ReturnType<typeof createIcmpErrors>;

/** `ports`: the addresses of each as of now, host bits set. */
export function createIcmpErrors(clock: Pick<Clock, "nowMs">, ports: () => readonly (readonly Prefix[])[]) {
  const takeAny = createTokenBucket(clock, PER_SECOND, BURST);
  const takeTooBig = createTokenBucket(clock, PER_SECOND, BURST);
  let errors = 0;
  let limited = 0;
  let unanswered = 0;

  return {
    /** The error about `packet` (an IP packet, or its first bytes) that came in by `port`, as an IP packet; undefined: none. */
    make(reason: ErrorReason, packet: Uint8Array, port: number, mtu = 0): Uint8Array | undefined {
      const isV4 = readVersion(packet, 0) === 4;
      const sender = isV4 ? readIpv4(packet, 12) : readIpv6(packet, 8);
      const source = chooseSource(ports(), port, sender);
      if (source === undefined || isLinkLocal(sender) || !mayBeAnswered(packet, 0, packet.length)) {
        unanswered++;
        return undefined;
      }
      if (!(reason === "too-big" ? takeTooBig : takeAny)()) {
        limited++;
        return undefined;
      }
      errors++;
      const [type, code] = ERRORS[reason][isV4 ? 0 : 1];
      return encodeIcmpError({ type, code, word: mtu, source, destination: sender, ttl: TTL, quoted: packet });
    },

    counters: (): IcmpErrorCounters => ({ errors, limited, unanswered }),
  };
}

function chooseSource(ports: readonly (readonly Prefix[])[], port: number, sender: Address): Address | undefined {
  const usable = ({ address }: Prefix): boolean => addressFamily(address) === addressFamily(sender) && !isLinkLocal(address);
  const own = ports[port].filter(usable);
  const onSubnet = own.find(({ address, length }) => prefixContains(makePrefix(address, length), sender));
  return (onSubnet ?? own[0] ?? ports.flat().find(usable))?.address;
}
