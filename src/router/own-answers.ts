/**
 * Our own answers to what hosts ask of the router itself, on ports with VLAN tags and on those over files. The kernel throws
 * tagged frames away where it has no interface for that VLAN, and of files it knows nothing, so questions for our addresses
 * (RFC 826, RFC 4861 section 7.2.4) and echo requests to them are answered here, on the main thread, and no more of them than a
 * bucket allows. Nobody listens there, so a datagram or a connection is refused as a host does it (RFC 1122 3.2.2.1, RFC 9293
 * 3.10.7.1), unless the kernel may have the address in that VLAN. For the slow path, which sends what is made.
 */
import { type Address, isIpv4 } from "../net/address.ts";
import type { Clock } from "../net/clock.ts";
import { PROTOCOLS } from "../net/flow.ts";
import { isGroup } from "../net/mac.ts";
import { createTokenBucket } from "../net/token-bucket.ts";
import type { InterfaceInfo } from "../port/interface.ts";
import { ARP_OPERATION, decodeArp, encodeArp } from "../wire/arp.ts";
import { decodeEchoRequest, encodeEchoReply } from "../wire/echo.ts";
import { ETHERNET_HEADER_LENGTH, readMac } from "../wire/ethernet.ts";
import { addressFrame, type PlainPacket, readPlainPacket, sumUpper } from "../wire/ip-packet.ts";
import { decodeNeighborMessage, encodeAdvertisement, UNSPECIFIED } from "../wire/neighbor-discovery.ts";
import { encodeReset } from "../wire/tcp-reset.ts";
import type { IcmpErrors } from "./icmp-errors.ts";

/** As many as ICMP errors. */
const PER_SECOND = 1000;
const BURST = 50;

/** Of now, each time. */
export type AnsweringPort = Pick<InterfaceInfo, "mac" | "addresses">;

export interface OwnAnswerOptions {
  readonly clock: Pick<Clock, "nowMs">;
  readonly ports: readonly AnsweringPort[];
  readonly errors: Pick<IcmpErrors, "make">;
  /** Whether the kernel may hear what is sent to the address of ours by this port, and has somebody who listens. */
  isHeardByKernel(address: Address, port: number): boolean;
}

/** The frame that answers the one of `length` bytes at `frame`, heard on `port` and without its tags; undefined: none does. */
export type OwnAnswers = (bytes: Uint8Array, frame: number, length: number, port: number) => Uint8Array | undefined;

export function createOwnAnswers({ clock, ports, errors, isHeardByKernel }: OwnAnswerOptions): OwnAnswers {
  const take = createTokenBucket(clock, PER_SECOND, BURST);

  /** Datagrams have the bucket of the errors. */
  const refuse = (bytes: Uint8Array, frame: number, length: number, port: number): Uint8Array | undefined => {
    const heard = readPlainPacket(bytes, frame, length);
    if (!heard || heard.isToGroupMac || isGroup(heard.mac) || !isBetween(heard, ports)) return undefined;
    if (isHeardByKernel(heard.destination, port)) return undefined;
    const reset = encodeReset(heard);
    if (reset) return take() ? addressFrame(reset, ports[port].mac, heard.mac) : undefined;
    const error = isSoundDatagram(heard) ? errors.make("port-unreachable", heard.packet, port) : undefined;
    if (!error) return undefined;
    const answer = new Uint8Array(ETHERNET_HEADER_LENGTH + error.length);
    answer.set(error, ETHERNET_HEADER_LENGTH);
    return addressFrame(answer, ports[port].mac, heard.mac);
  };

  return (bytes, frame, length, port) => {
    for (const make of [answerArp, answerSolicitation, answerEcho]) {
      const answer = make(bytes, frame, length, ports[port], ports);
      if (answer) return take() ? answer : undefined;
    }
    return refuse(bytes, frame, length, port);
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
  return isBetween(request, all) ? encodeEchoReply(ours.mac, request) : undefined;
}

/** From somebody else to us. */
function isBetween(ends: Pick<PlainPacket, "source" | "destination">, all: readonly AnsweringPort[]): boolean {
  const isOurs = (address: Address): boolean => all.some((port) => owns(port, address));
  return isOurs(ends.destination) && !isOurs(ends.source);
}

const UDP_HEADER_LENGTH = 8;

/** UDP as a host takes it: IPv4 may do without a checksum (RFC 768), IPv6 may not (RFC 8200 8.1). */
function isSoundDatagram({ source, protocol, packet, payload }: PlainPacket): boolean {
  if (protocol !== PROTOCOLS.udp || payload.length < UDP_HEADER_LENGTH) return false;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const length = view.getUint16(4);
  if (length < UDP_HEADER_LENGTH || length > payload.length) return false;
  if (view.getUint16(6) === 0) return isIpv4(source);
  return sumUpper(packet, 0, packet.length - payload.length, length, protocol) === 0xffff;
}
