/**
 * What a router owes whoever sent a packet that it does not forward: the ICMP error, of either family, and whether it is owed
 * at all (RFC 1812 4.3.2.7, RFC 4443 2.4). At most so many a second, with a bucket apart for "too big", without which
 * connections hang. The source is chosen as Linux does: for IPv4 the address on the subnet of whom the error is handed to, by
 * whichever port; for IPv6 the one most like the sender's (RFC 6724 rule 8) on the port that the packet came in by. An error about a
 * packet for the router itself is from where that was sent to, and goes back to whoever handed it to us.
 */
import type { AnsweredDrop } from "../dataplane/verdict.ts";
import {
  type Address,
  type AddressFamily,
  addressFamily,
  addressToBytes,
  isIpv4,
  isLinkLocal,
  readIpv4,
  readIpv6,
} from "../net/address.ts";
import type { Clock } from "../net/clock.ts";
import { makePrefix, type Prefix, prefixContains } from "../net/prefix.ts";
import { createTokenBucket } from "../net/token-bucket.ts";
import { encodeIcmpError, mayBeAnswered } from "../wire/icmp-error.ts";
import { readVersion } from "../wire/ipv4.ts";
import type { NextNeighbor, NextNeighbors } from "./next-neighbor.ts";

/** `port-unreachable`: it is for the router itself, where nobody listens. */
export type ErrorReason = AnsweredDrop | "neighbor-failed" | "port-unreachable";

/**
 * Type and code: of ICMP, of ICMPv6, as Linux has them: behind a route of its type `unreachable` an IPv4 host is, and to an IPv6 one
 * there is no route.
 */
const ERRORS: Readonly<Record<ErrorReason, readonly [ipv4: readonly [number, number], ipv6: readonly [number, number]]>> = {
  "no-route": [
    [3, 0],
    [1, 0],
  ],
  "next-hop-unreachable": [
    [3, 1],
    [1, 0],
  ],
  "neighbor-failed": [
    [3, 1],
    [1, 3],
  ],
  "port-unreachable": [
    [3, 3],
    [1, 4],
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
const TTL = 64;

export interface IcmpErrorCounters {
  /** Errors made. */
  readonly errors: number;
  /** Errors that were due, and too many. */
  readonly limited: number;
  /** About packets that no error may be about, to senders without a way back, or from a router without an address. */
  readonly unanswered: number;
}

export type IcmpErrors = ReturnType<typeof createIcmpErrors>;

export interface IcmpErrorOptions {
  readonly clock: Pick<Clock, "nowMs">;
  /** The addresses of each port as of now, host bits set. */
  ports(): readonly (readonly Prefix[])[];
  /** Whom an error is handed to. */
  toward: NextNeighbors["toward"];
}

export function createIcmpErrors({ clock, ports, toward }: IcmpErrorOptions) {
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
      const isOwn = reason === "port-unreachable";
      const source = isOwn
        ? readDestination(packet)
        : isIpv4(sender)
          ? chooseIpv4(ports(), toward(sender))
          : chooseIpv6(ports(), port, sender);
      if (source === undefined || (isLinkLocal(sender) && !isOwn) || !mayBeAnswered(packet, 0, packet.length)) {
        unanswered++;
        return undefined;
      }
      if (!(reason === "too-big" ? takeTooBig : takeAny)()) {
        limited++;
        return undefined;
      }
      errors++;
      const [type, code] = ERRORS[reason][isV4 ? 0 : 1];
      // One more for those that go through the core like any packet.
      const ttl = isOwn ? TTL : TTL + 1;
      return encodeIcmpError({ type, code, word: mtu, source, destination: sender, ttl, quoted: packet });
    },

    counters: (): IcmpErrorCounters => ({ errors, limited, unanswered }),
  };
}

const readDestination = (packet: Uint8Array): Address =>
  readVersion(packet, 0) === 4 ? readIpv4(packet, 16) : readIpv6(packet, 24);

const isUsable = ({ address }: Prefix, family: AddressFamily): boolean =>
  addressFamily(address) === family && !isLinkLocal(address);

/** There is none if no route leads back. */
function chooseIpv4(ports: readonly (readonly Prefix[])[], next: NextNeighbor | undefined): Address | undefined {
  if (!next) return undefined;
  const all = ports.map((own) => own.filter((prefix) => isUsable(prefix, "ipv4")));
  const near = all[next.port].find(({ address, length }) => prefixContains(makePrefix(address, length), next.address));
  return (near ?? all[next.port][0] ?? all.flat()[0])?.address;
}

function chooseIpv6(ports: readonly (readonly Prefix[])[], port: number, sender: Address): Address | undefined {
  const all = ports.map((own) => own.filter((prefix) => isUsable(prefix, "ipv6")));
  const [best] = all[port].toSorted((a, b) => likeness(b, sender) - likeness(a, sender));
  return (best ?? all.flat()[0])?.address;
}

/** How many leading bits of the address, within its subnet, are those of `other`. */
function likeness({ address, length }: Prefix, other: Address): number {
  const [ours, theirs] = [addressToBytes(address), addressToBytes(other)];
  const first = ours.findIndex((byte, i) => byte !== theirs[i]);
  return first < 0 ? length : Math.min(length, first * 8 + Math.clz32(ours[first] ^ theirs[first]) - 24);
}
