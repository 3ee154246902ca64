/**
 * Our own answers to what hosts ask of the router itself, on ports with VLAN tags and on those over files. The kernel throws
 * tagged frames away where it has no interface for that VLAN, and of files it knows nothing, so questions for our addresses
 * (RFC 826, RFC 4861 section 7.2.4) and echo requests to them are answered here, on the main thread, and no more of them than a
 * bucket allows. For the slow path, which sends what is made.
 */
import type { Address } from "../net/address.ts";
import type { Clock } from "../net/clock.ts";
import { isGroup } from "../net/mac.ts";
import { createTokenBucket } from "../net/token-bucket.ts";
import type { InterfaceInfo } from "../port/interface.ts";
import { ARP_OPERATION, decodeArp, encodeArp } from "../wire/arp.ts";
import { decodeEchoRequest, encodeEchoReply } from "../wire/echo.ts";
import { readMac } from "../wire/ethernet.ts";
import { decodeNeighborMessage, encodeAdvertisement, UNSPECIFIED } from "../wire/neighbor-discovery.ts";

/** As many as ICMP errors. */
const PER_SECOND = 1000;
const BURST = 50;

/** Of now, each time. */
export type AnsweringPort = Pick<InterfaceInfo, "mac" | "addresses">;

export interface OwnAnswerOptions {
  readonly clock: Pick<Clock, "nowMs">;
  readonly ports: readonly AnsweringPort[];
}

/** The frame that answers the one of `length` bytes at `frame`, heard on `port` and without its tags; undefined: none does. */
export type OwnAnswers = (bytes: Uint8Array, frame: number, length: number, port: number) => Uint8Array | undefined;

export function createOwnAnswers({ clock, ports }: OwnAnswerOptions): OwnAnswers {
  const take = createTokenBucket(clock, PER_SECOND, BURST);
  return (bytes, frame, length, port) => {
    for (const make of [answerArp, answerSolicitation, answerEcho]) {
      const answer = make(bytes, frame, length, ports[port], ports);
      if (answer) return take() ? answer : undefined;
    }
    return undefined;
  };
}

/** Whether the address is one of ours on this port. */
const owns = ({ addresses }: AnsweringPort, address: Address): boolean => addresses.some((own) => own.address === address);

function answerArp(bytes: Uint8Array, frame: number, length: number, ours: AnsweringPort): Uint8Array | undefined {
  const question = decodeArp(bytes, frame, length);
  if (question?.operation !== ARP_OPERATION.request || !owns(ours, question.targetAddress)) return undefined;
  const { senderMac, senderAddress, targetAddress } = question;
  if (isGroup(senderMac) || senderMac === 0 || owns(ours, senderAddress)) return undefined;
  return encodeArp({
    operation: ARP_OPERATION.reply,
    senderMac: ours.mac,
    senderAddress: targetAddress,
    targetMac: senderMac,
    targetAddress: senderAddress,
  });
}

function answerSolicitation(bytes: Uint8Array, frame: number, length: number, ours: AnsweringPort): Uint8Array | undefined {
  const question = decodeNeighborMessage(bytes, frame, length);
  if (question?.kind !== "solicitation" || !owns(ours, question.target)) return undefined;
  const { source, target } = question;
  // Who asks a known MAC may leave his own out of the message: it is the frame's.
  const asker = question.mac ?? readMac(bytes, frame + 6);
  if (isGroup(asker) || source.startsWith("ff") || owns(ours, source)) return undefined;
  const { mac } = ours;
  return encodeAdvertisement(source === UNSPECIFIED ? { mac, target } : { mac, target, asker: { mac: asker, address: source } });
}

/** Whichever port of ours has the address: a host pings the other VLANs' gateways too. */
function answerEcho(
  bytes: Uint8Array,
  frame: number,
  length: number,
  ours: AnsweringPort,
  all: readonly AnsweringPort[],
): Uint8Array | undefined {
  const request = decodeEchoRequest(bytes, frame, length);
  if (request === undefined || isGroup(request.mac)) return undefined;
  const isOurs = (address: Address): boolean => all.some((port) => owns(port, address));
  return isOurs(request.destination) && !isOurs(request.source) ? encodeEchoReply(ours.mac, request) : undefined;
}
