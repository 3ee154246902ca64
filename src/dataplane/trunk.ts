/**
 * Several ports on one interface, each with VLAN tags of its own or without (a router on a stick). What comes in is received
 * once, by the ring or capture of the first of them, and each port is handed its share as a batch of its own; a frame whose tags
 * none has is the first one's, which drops it by name. What leaves does so by each port's own way out, so that each counts it.
 *
 *   interface -- ring --+-- untagged, and tags that nobody has   port 0
 *                       +-- VLAN 10                              port 1
 *                       +-- VLANs 20, 7                          port 2
 */
import { BATCH_CAPACITY, type Batch, createBatch, ROW, ROW_WORDS } from "../port/batch.ts";
import type { Port, PortCounters } from "../port/port.ts";
import { readTags, type VlanStack } from "./vlan.ts";

export interface TrunkPlace {
  readonly interface: string;
  readonly vlans: VlanStack;
}

/** By port: the first of those on its interface, which receives for them all. */
export const receiverOf = (places: readonly Pick<TrunkPlace, "interface">[]): number[] =>
  places.map((place) => places.findIndex((other) => other.interface === place.interface));

/** The ports as they are, but for those that share an interface: of these the first one's frames are handed out to all. */
export function shareInterfaces(ports: readonly Port[], places: readonly TrunkPlace[]): Port[] {
  const receivers = receiverOf(places);
  const shared = [...ports];
  for (const first of new Set(receivers)) {
    const members = [...ports.keys()].filter((port) => receivers[port] === first);
    if (members.length === 1) continue;
    const trunk = new Trunk(
      ports[first],
      members.map((port) => places[port].vlans),
    );
    for (const [member, port] of members.entries()) shared[port] = new VlanPort(trunk, member, ports[port]);
  }
  return shared;
}

const VLANS = 0xffffff;
// Imported objects are looked up at every use; these are not.
const { length: ROW_LENGTH, offset: ROW_OFFSET, vlanTci: ROW_VLAN_TCI } = ROW;

function ownerOf(members: readonly VlanStack[], vlans: VlanStack): number {
  for (let member = 0; member < members.length; member++) if (members[member] === vlans) return member;
  return 0;
}

/** The frames of one interface that were received and not yet handed out. */
class Trunk {
  readonly #receiver: Port;
  readonly #vlans: readonly VlanStack[];
  /** By frame of the receiver's batch, whose it is; by member, how many. */
  readonly #owners: Uint8Array;
  readonly #waiting: Uint32Array;
  #left = 0;
  #received: Batch;

  constructor(receiver: Port, vlans: readonly VlanStack[]) {
    this.#receiver = receiver;
    this.#vlans = vlans;
    this.#owners = new Uint8Array(BATCH_CAPACITY);
    this.#waiting = new Uint32Array(vlans.length);
    this.#received = receiver.batch;
  }

  get batch(): Batch {
    return this.#receiver.batch;
  }

  /**
   * Fills in the member's rows. The wire is asked again only when nobody's frames wait, for that gives all of them back: a breath
   * has done with one port's frames before it asks the next port.
   */
  handOut(member: number, into: Uint32Array): number {
    // It was closed and opened anew, and what waited is gone with its memory.
    if (this.#received !== this.#receiver.batch) this.#forget();
    if (this.#left === 0) this.#receive();
    const count = this.#waiting[member];
    if (count === 0) return 0;
    const { rows } = this.#received;
    const owners = this.#owners;
    for (let frame = 0, to = 0; to < count * ROW_WORDS; frame++) {
      if (owners[frame] !== member) continue;
      const row = frame * ROW_WORDS;
      for (let word = 0; word < ROW_WORDS; word++) into[to + word] = rows[row + word];
      to += ROW_WORDS;
    }
    this.#waiting[member] = 0;
    this.#left -= count;
    return count;
  }

  #forget(): void {
    this.#waiting.fill(0);
    this.#left = 0;
    this.#received = this.#receiver.batch;
  }

  #receive(): void {
    const count = this.#receiver.receive();
    const { bytes, rows } = this.#received;
    const owners = this.#owners;
    const waiting = this.#waiting;
    for (let frame = 0, row = 0; frame < count; frame++, row += ROW_WORDS) {
      const tags = readTags(bytes, rows[row + ROW_OFFSET], rows[row + ROW_LENGTH], rows[row + ROW_VLAN_TCI]);
      const owner = ownerOf(this.#vlans, tags & VLANS);
      owners[frame] = owner;
      waiting[owner]++;
    }
    this.#left = count;
  }
}

class VlanPort implements Port {
  readonly name: string;
  readonly #trunk: Trunk;
  readonly #member: number;
  readonly #wayOut: Port;
  #batch: Batch;
  #receivedFrames = 0;
  #receivedBytes = 0;

  constructor(trunk: Trunk, member: number, wayOut: Port) {
    this.name = wayOut.name;
    this.#trunk = trunk;
    this.#member = member;
    this.#wayOut = wayOut;
    this.#batch = createBatch(trunk.batch.bytes);
  }

  /** Rows of its own, over the memory that the interface's frames lie in now. */
  get batch(): Batch {
    const { bytes } = this.#trunk.batch;
    if (bytes !== this.#batch.bytes) this.#batch = createBatch(bytes);
    return this.#batch;
  }

  receive(): number {
    const { batch } = this;
    const count = this.#trunk.handOut(this.#member, batch.rows);
    batch.count = count;
    this.#receivedFrames += count;
    for (let row = 0; row < count * ROW_WORDS; row += ROW_WORDS) this.#receivedBytes += batch.rows[row + ROW.wireLength];
    return count;
  }

  transmit(batch: Batch, egress: number): number {
    return this.#wayOut.transmit(batch, egress);
  }

  /** Frames that the interface lost before anybody knew whose they were are the first port's: its way out is the receiver. */
  counters(): PortCounters {
    return { ...this.#wayOut.counters(), receivedFrames: this.#receivedFrames, receivedBytes: this.#receivedBytes };
  }

  close(): void {
    this.#batch.count = 0;
    this.#wayOut.close();
  }
}
