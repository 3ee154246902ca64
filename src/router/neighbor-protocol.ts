/**
 * ARP (RFC 826) and neighbor discovery (RFC 4861) in words common to both: what is heard on a segment, and how one asks. We ask
 * and listen; questions about the router's own addresses are answered by the kernel, which sees them too, but for those on ports
 * with VLAN tags or over files (`own-answers.ts`).
 */
import { type Address, type Ipv4Address, type Ipv6Address, isIpv4 } from "../net/address.ts";
import type { Mac } from "../net/mac.ts";
import { ARP_OPERATION, decodeArp, encodeArp } from "../wire/arp.ts";
import { decodeNeighborMessage, encodeSolicitation } from "../wire/neighbor-discovery.ts";

export interface Hearing {
  /** Whose MAC it is about. */
  readonly address: Address;
  /** Absent where an answer leaves out what is known. */
  readonly mac?: Mac;
  /** The address that is asked for. */
  readonly asksFor?: Address;
  /** Said because somebody asked; else an announcement, or a question that tells who asks. */
  readonly isAnswer: boolean;
  /** Whether it may put another MAC in place of a known one. */
  readonly overrides: boolean;
}

/** What the frame of `length` bytes at `frame` says of a neighbor, if anything. */
export function hear(bytes: Uint8Array, frame: number, length: number): Hearing | undefined {
  const packet = decodeArp(bytes, frame, length);
  if (packet) {
    const { operation, senderMac: mac, senderAddress: address, targetAddress } = packet;
    const isQuestion = operation === ARP_OPERATION.request;
    // Zero: somebody asks whether an address is taken (RFC 5227).
    if (address === 0) return undefined;
    return { address, mac, isAnswer: !isQuestion, overrides: true, ...(isQuestion ? { asksFor: targetAddress } : {}) };
  }
  const message = decodeNeighborMessage(bytes, frame, length);
  if (!message) return undefined;
  if (message.kind === "advertisement") {
    const { target: address, solicited: isAnswer, override: overrides, mac } = message;
    return { address, isAnswer, overrides, ...(mac === undefined ? {} : { mac }) };
  }
  const { source: address, target: asksFor, mac } = message;
  return mac === undefined ? undefined : { address, mac, asksFor, isAnswer: false, overrides: true };
}

/** A frame that asks for `target`: everyone, or, where its MAC is known, that one. Both addresses are of one family. */
export function encodeQuestion(ourMac: Mac, source: Address, target: Address, targetMac: Mac | undefined): Uint8Array {
  if (!isIpv4(target)) return encodeSolicitation({ sourceMac: ourMac, source: source as Ipv6Address, target, targetMac });
  return encodeArp({
    operation: ARP_OPERATION.request,
    senderMac: ourMac,
    senderAddress: source as Ipv4Address,
    targetMac: targetMac ?? 0,
    targetAddress: target,
  });
}
