/**
 * What a breath does not finish: packets whose neighbor is not resolved. Holds a few for each, asks the neighbor table, and
 * sends them through the same forwarding core once the answer is there. All of it on the main thread, all of it bounded.
 */
import { CHANNEL_KIND, type ChannelEntry } from "../dataplane/channel.ts";
import type { Forward } from "../dataplane/forward.ts";
import { insertTags, type VlanStack } from "../dataplane/vlan.ts";
import { type Address, readIpv4, readIpv6 } from "../net/address.ts";
import { BATCH_HEADROOM, createBatch, ROW, VERDICT, VIRTIO_HEADER_LENGTH } from "../port/batch.ts";
import type { Port } from "../port/port.ts";
import { ETHERNET_HEADER_LENGTH, ETHERTYPE, readEthertype } from "../wire/ethernet.ts";
import { decodeRouterMessage } from "../wire/router-discovery.ts";
import { hear } from "./neighbor-protocol.ts";
import type { Neighbors } from "./neighbors.ts";
import type { RouterDiscovery } from "./router-discovery.ts";

/** Linux holds 101 packets of 2 KiB an unresolved neighbor (unres_qlen_bytes); we count packets. */
const HELD_PER_NEIGHBOR = 64;
const HELD_IN_ALL = 1024;
const LARGEST_FRAME = 1 << 17;

export interface SlowCounters {
  /** Frames that the router itself sent: those it made (ARP, neighbor discovery), and those that had waited for their neighbor. */
  readonly originated: number;
  /** Of those, the ones that had waited: slow = released + abandoned + held. */
  readonly released: number;
  /** Packets that were held and are not any more without having been sent. */
  readonly abandoned: number;
  readonly held: number;
}

export interface SlowPathOptions {
  readonly forward: Forward;
  /** For sending only. */
  readonly ports: readonly Port[];
  /** Of each port: what is made here leaves with its tags. */
  readonly vlans: readonly VlanStack[];
  nextHopName(index: number): Address | string | undefined;
  portOf(address: Address): number | undefined;
}

export type SlowPath = ReturnType<typeof createSlowPath>;

export function createSlowPath({ forward, ports, vlans, nextHopName, portOf }: SlowPathOptions) {
  const waiting = new Map<Address, ChannelEntry[]>();
  const batch = createBatch(new Uint8Array(LARGEST_FRAME), 1);
  let made = 0;
  let released = 0;
  let abandoned = 0;
  let held = 0;

  /** One frame through the core, as if it came in by `ingress` just now. */
  const forwardAgain = ({ bytes, port }: ChannelEntry): void => {
    place(bytes);
    forward(batch, port);
    if (batch.rows[ROW.verdict] === VERDICT.forward && transmit(batch.rows[ROW.egress])) released++;
    else abandoned++;
  };

  /** `bytes`: the virtio header, then the frame. */
  const place = (bytes: Uint8Array): void => {
    batch.bytes.set(bytes, BATCH_HEADROOM);
    batch.rows.fill(0);
    batch.rows[ROW.offset] = BATCH_HEADROOM + VIRTIO_HEADER_LENGTH;
    batch.rows[ROW.length] = batch.rows[ROW.wireLength] = bytes.length - VIRTIO_HEADER_LENGTH;
    batch.count = 1;
  };

  const transmit = (egress: number): boolean => ports[egress].transmit(batch, egress) === 0;

  const hold = (address: Address, entry: ChannelEntry): void => {
    const queue = waiting.get(address) ?? [];
    waiting.set(address, queue);
    if (queue.length === HELD_PER_NEIGHBOR || held === HELD_IN_ALL) {
      abandoned++;
      return;
    }
    queue.push(entry);
    held++;
  };

  const letGo = (address: Address): ChannelEntry[] => {
    const entries = waiting.get(address) ?? [];
    waiting.delete(address);
    held -= entries.length;
    return entries;
  };

  /** The neighbor is resolved, and the FIB knows it. */
  const release = (address: Address): void => {
    for (const entry of letGo(address)) forwardAgain(entry);
  };

  const abandon = (address: Address): void => {
    abandoned += letGo(address).length;
  };

  return {
    release,
    abandon,

    /** A frame made here, without a virtio header. */
    send(port: number, frame: Uint8Array): void {
      const bytes = new Uint8Array(VIRTIO_HEADER_LENGTH + frame.length);
      bytes.set(frame, VIRTIO_HEADER_LENGTH);
      place(bytes);
      if (vlans[port] !== 0) insertTags(batch.bytes, batch.rows, 0, vlans[port]);
      batch.rows[ROW.verdict] = VERDICT.forward;
      batch.rows[ROW.egress] = port;
      if (transmit(port)) made++;
    },

    /** Something from a worker's channel. */
    take(entry: ChannelEntry, neighbors: Neighbors, discovery: RouterDiscovery): void {
      if (entry.kind === CHANNEL_KIND.hearing) {
        const length = entry.bytes.length - VIRTIO_HEADER_LENGTH;
        const hearing = hear(entry.bytes, VIRTIO_HEADER_LENGTH, length);
        if (hearing) neighbors.receive(hearing, entry.port);
        const message = decodeRouterMessage(entry.bytes, VIRTIO_HEADER_LENGTH, length);
        if (message) discovery.receive(message, entry.port);
        return;
      }
      const name = nextHopName(entry.nextHop);
      const isAttached = typeof name === "string" && name.startsWith("attached:");
      const address = isAttached ? readDestination(entry.bytes) : (name as Address | undefined);
      const port = address === undefined ? undefined : portOf(address);
      if (address === undefined || port === undefined) {
        abandoned++;
        return;
      }
      hold(address, entry);
      const state = neighbors.resolve(address, port);
      if (state === "reachable" || state === "probe") release(address);
      else if (state === "failed") abandon(address);
    },

    counters: (): SlowCounters => ({ originated: made + released, released, abandoned, held }),
  };
}

/** Of the IP packet behind the virtio header. */
function readDestination(bytes: Uint8Array): Address {
  const isIpv6 = readEthertype(bytes, VIRTIO_HEADER_LENGTH) === ETHERTYPE.ipv6;
  const ip = VIRTIO_HEADER_LENGTH + ETHERNET_HEADER_LENGTH;
  return isIpv6 ? readIpv6(bytes, ip + 24) : readIpv4(bytes, ip + 16);
}
