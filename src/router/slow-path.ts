/**
 * What a breath does not finish: packets whose neighbor is not resolved, packets to be cut, and errors owed for dropped ones.
 * Holds a few packets for each neighbor, asks the neighbor table, and sends them through the same forwarding core once the
 * answer is there. All of it on the main thread, all of it bounded.
 */
import { CHANNEL_KIND, type ChannelEntry } from "../dataplane/channel.ts";
import type { PortIdentity } from "../dataplane/classify.ts";
import type { Forward } from "../dataplane/forward.ts";
import { rewrite } from "../dataplane/rewrite.ts";
import { type AnsweredDrop, DROP_REASONS, EXPLAINED_DROP, SLOW } from "../dataplane/verdict.ts";
import { insertTags } from "../dataplane/vlan.ts";
import type { FibImage } from "../fib/image.ts";
import { NEXT_HOP_KIND, NEXT_HOP_RECORD, NEXT_HOPS } from "../fib/layout.ts";
import { type Address, readIpv4, readIpv6 } from "../net/address.ts";
import { BATCH_HEADROOM, createBatch, ROW, VERDICT, VIRTIO_HEADER_LENGTH } from "../port/batch.ts";
import type { Port } from "../port/port.ts";
import { finishChecksum } from "../wire/checksum.ts";
import { ETHERNET_HEADER_LENGTH, ETHERTYPE, writeMac } from "../wire/ethernet.ts";
import { fragmentIpv4 } from "../wire/fragment.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { IPV6_HEADER_LENGTH, readPayloadLength } from "../wire/ipv6.ts";
import { decodeRouterMessage, type RouterMessage } from "../wire/router-discovery.ts";
import type { ErrorReason, IcmpErrorCounters, IcmpErrors } from "./icmp-errors.ts";
import { type Hearing, hear } from "./neighbor-protocol.ts";
import type { NeighborStateName } from "./neighbors.ts";
import type { NextNeighbors } from "./next-neighbor.ts";
import type { OwnAnswers } from "./own-answers.ts";

/** Linux holds 101 packets of 2 KiB an unresolved neighbor (unres_qlen_bytes); we count packets. */
const HELD_PER_NEIGHBOR = 64;
const HELD_IN_ALL = 1024;
const LARGEST_FRAME = 1 << 17;
const FRAME = BATCH_HEADROOM + VIRTIO_HEADER_LENGTH;
/** Where the IP packet lies in an entry. */
const PACKET = VIRTIO_HEADER_LENGTH + ETHERNET_HEADER_LENGTH;

export interface SlowCounters extends IcmpErrorCounters {
  /**
   * Frames that the router itself sent: those it made (ARP, neighbor discovery, ICMP errors, fragments), and those that had
   * waited.
   */
  readonly originated: number;
  /** Packets that had waited for their neighbor: slow = released + fragmented + abandoned + held. */
  readonly released: number;
  /** Packets that were sent in pieces. */
  readonly fragmented: number;
  /** Packets that were held, or to be cut, and are not any more without having been sent. */
  readonly abandoned: number;
  readonly held: number;
}

export interface SlowPathOptions {
  readonly forward: Forward;
  readonly image: FibImage;
  /** For sending only. */
  readonly ports: readonly Port[];
  readonly identities: readonly PortIdentity[];
  readonly errors: IcmpErrors;
  /** Who is behind the next hop of that index. */
  neighborOf: NextNeighbors["of"];
  /** Of the neighbor table. */
  resolve(address: Address, port: number): NeighborStateName;
  receive(hearing: Hearing, port: number): void;
  /** By port: whether the kernel does not see its frames. */
  readonly isUnseen: readonly boolean[];
  /** To what is heard on such ports. */
  readonly answer: OwnAnswers;
  /** Of router discovery. */
  discover(message: RouterMessage, port: number): void;
  /** Of a packet that came in by `port`, its first bytes, which is dropped for what only its sender's operator can change. */
  explain(packet: Uint8Array, port: number): void;
}

/** A packet on its way, as if it came in by `port` just now. */
interface Waiting {
  /** The virtio header, then the frame. */
  readonly bytes: Uint8Array;
  readonly port: number;
  /** Made here, and in no worker's counters. */
  readonly isOurs: boolean;
}

export type SlowPath = ReturnType<typeof createSlowPath>;

export function createSlowPath(options: SlowPathOptions) {
  const { forward, image, ports, identities, errors, neighborOf, resolve, receive, isUnseen, answer, discover, explain } =
    options;
  const waiting = new Map<Address, Waiting[]>();
  const batch = createBatch(new Uint8Array(LARGEST_FRAME), 1);
  const { rows } = batch;
  let made = 0;
  let released = 0;
  let fragmented = 0;
  let abandoned = 0;
  let held = 0;

  /** `bytes`: the virtio header, then the frame, without tags. */
  const place = (bytes: Uint8Array): void => {
    batch.bytes.set(bytes, BATCH_HEADROOM);
    rows.fill(0);
    rows[ROW.offset] = FRAME;
    rows[ROW.length] = rows[ROW.wireLength] = bytes.length - VIRTIO_HEADER_LENGTH;
    batch.count = 1;
  };

  const tag = (port: number): void => {
    const { vlans } = identities[port];
    if (vlans !== 0) insertTags(batch.bytes, rows, 0, vlans);
  };

  /** What was placed goes out by `egress`. */
  const transmit = (egress: number): boolean => {
    rows[ROW.verdict] = VERDICT.forward;
    rows[ROW.egress] = egress;
    return ports[egress].transmit(batch, egress) === 0;
  };

  /** True when it is sent. */
  const forwardNow = ({ bytes, port }: Waiting): boolean => {
    place(bytes);
    tag(port);
    forward(batch, port);
    return rows[ROW.verdict] === VERDICT.forward && transmit(rows[ROW.egress]);
  };

  const giveUp = ({ isOurs }: Waiting): void => {
    if (!isOurs) abandoned++;
  };

  const hold = (address: Address, packet: Waiting): void => {
    const queue = waiting.get(address) ?? [];
    waiting.set(address, queue);
    if (queue.length === HELD_PER_NEIGHBOR || held === HELD_IN_ALL) return giveUp(packet);
    queue.push(packet);
    held++;
  };

  const letGo = (address: Address): Waiting[] => {
    const packets = waiting.get(address) ?? [];
    waiting.delete(address);
    held -= packets.length;
    return packets;
  };

  /** The neighbor is resolved, and the FIB knows it. */
  const release = (address: Address): void => {
    for (const packet of letGo(address)) {
      if (!forwardNow(packet)) giveUp(packet);
      else if (packet.isOurs) made++;
      else released++;
    }
  };

  /** The neighbor does not answer: whoever sent to it is told. */
  const abandon = (address: Address): void => {
    for (const packet of letGo(address)) {
      giveUp(packet);
      reply("neighbor-failed", packet, 0);
    }
  };

  const awaitNeighbor = (packet: Waiting, nextHop: number): void => {
    const next = neighborOf(nextHop, readDestination(packet.bytes));
    if (!next) return giveUp(packet);
    hold(next.address, packet);
    const state = resolve(next.address, next.port);
    if (state === "reachable" || state === "probe") release(next.address);
    else if (state === "failed") abandon(next.address);
  };

  const reply = (reason: ErrorReason, { bytes, port, isOurs }: Waiting, mtu: number): void => {
    if (isOurs) return;
    const packet = errors.make(reason, packetIn(bytes), port, mtu);
    if (packet) originate(packet, port);
  };

  /** An IP packet made here goes through the core as if it had come in by `port`. */
  const originate = (packet: Uint8Array, port: number): void => {
    const { macHigh, macLow } = identities[port];
    const ours = { bytes: makeFrame(packet, macHigh, macLow), port, isOurs: true };
    if (forwardNow(ours)) made++;
    else if (rows[ROW.verdict] === VERDICT.slow && rows[ROW.reason] === SLOW.neighbor) awaitNeighbor(ours, rows[ROW.nextHop]);
  };

  /** Each piece goes where the whole was to go: hashed again, it might take another way. */
  const fragment = ({ bytes, nextHop }: ChannelEntry): void => {
    const record = image.words[NEXT_HOPS + nextHop];
    const isReachable = image.words[record + NEXT_HOP_RECORD.kind] === NEXT_HOP_KIND.reachable;
    finishChecksum(bytes, 0, PACKET + ipv4.readTotalLength(bytes, PACKET));
    const pieces = isReachable ? fragmentIpv4(bytes.subarray(PACKET), image.words[record + NEXT_HOP_RECORD.mtu]) : [];
    const egress = image.words[record + NEXT_HOP_RECORD.port];
    let sent = 0;
    for (const piece of pieces) {
      place(makeFrame(piece, 0, 0));
      rewrite(batch.bytes, FRAME, image.words, record, true);
      tag(egress);
      if (transmit(egress)) sent++;
    }
    made += sent;
    if (sent > 0) fragmented++;
    else abandoned++;
  };

  /** A frame made here, without a virtio header. */
  const send = (port: number, frame: Uint8Array): void => {
    const bytes = new Uint8Array(VIRTIO_HEADER_LENGTH + frame.length);
    bytes.set(frame, VIRTIO_HEADER_LENGTH);
    place(bytes);
    tag(port);
    if (transmit(port)) made++;
  };

  return {
    release,
    abandon,
    send,

    /** Something from a worker's channel. */
    take(entry: ChannelEntry): void {
      const { kind, bytes, port, nextHop } = entry;
      if (kind === CHANNEL_KIND.hearing) {
        const length = bytes.length - VIRTIO_HEADER_LENGTH;
        const hearing = hear(bytes, VIRTIO_HEADER_LENGTH, length);
        if (hearing) receive(hearing, port);
        const message = decodeRouterMessage(bytes, VIRTIO_HEADER_LENGTH, length);
        if (message) discover(message, port);
        if (!isUnseen[port]) return;
        finishChecksum(bytes, 0, PACKET + packetIn(bytes).length);
        const ours = answer(bytes, VIRTIO_HEADER_LENGTH, length, port);
        if (ours) send(port, ours);
      } else if (kind >= CHANNEL_KIND.dropped) {
        const reason = DROP_REASONS[kind - CHANNEL_KIND.dropped] as AnsweredDrop | typeof EXPLAINED_DROP;
        if (reason === EXPLAINED_DROP) return explain(packetIn(bytes), port);
        const mtu = reason === "too-big" ? image.words[image.words[NEXT_HOPS + nextHop] + NEXT_HOP_RECORD.mtu] : 0;
        reply(reason, { bytes, port, isOurs: false }, mtu);
      } else if (kind === CHANNEL_KIND.slow + SLOW.fragmentation) fragment(entry);
      else awaitNeighbor({ bytes, port, isOurs: false }, nextHop);
    },

    counters: (): SlowCounters => ({
      originated: made + released,
      released,
      fragmented,
      abandoned,
      held: [...waiting.values()].flat().filter(({ isOurs }) => !isOurs).length,
      ...errors.counters(),
    }),
  };
}

/** The IP packet in an entry, without what pads it, as far as it is there. */
function packetIn(bytes: Uint8Array): Uint8Array {
  const isV4 = ipv4.readVersion(bytes, PACKET) === 4;
  const length = isV4 ? ipv4.readTotalLength(bytes, PACKET) : IPV6_HEADER_LENGTH + readPayloadLength(bytes, PACKET);
  return bytes.subarray(PACKET, PACKET + length);
}

const readDestination = (bytes: Uint8Array): Address =>
  ipv4.readVersion(bytes, PACKET) === 4 ? readIpv4(bytes, PACKET + 16) : readIpv6(bytes, PACKET + 24);

/** A virtio header that says nothing, an Ethernet header to and from the MAC, and the packet. */
function makeFrame(packet: Uint8Array, macHigh: number, macLow: number): Uint8Array {
  const bytes = new Uint8Array(PACKET + packet.length);
  const ethertype = ipv4.readVersion(packet, 0) === 4 ? ETHERTYPE.ipv4 : ETHERTYPE.ipv6;
  writeMac(bytes, VIRTIO_HEADER_LENGTH, macHigh, macLow);
  writeMac(bytes, VIRTIO_HEADER_LENGTH + 6, macHigh, macLow);
  bytes[PACKET - 2] = ethertype >>> 8;
  bytes[PACKET - 1] = ethertype & 0xff;
  bytes.set(packet, PACKET);
  return bytes;
}
