/**
 * The native addon, typed: packet rings, wake-ups, interfaces, socket options, hashes by the batch. `src/port` is its only
 * caller in the product (tests and benchmarks also take the traffic generator); the hashes are handed to
 * `src/ecmp/batch-hash.ts` by whoever composes them. It is loaded at the first call, so that everything that needs no packets
 * runs without it. Contracts and ownership of memory are in README.md.
 */
import { createRequire } from "node:module";

/** As `kVersion` of binding.cc. */
const VERSION = 11;

export interface OpenedRing {
  /** The name of the ring in all other calls. */
  readonly ring: number;
  /** Slots and jumbo area (`frameBytes`), then the rows. Detached by `closeRing`. */
  readonly buffer: ArrayBuffer;
  readonly frameBytes: number;
  /** What the kernel granted for frames that are larger than a slot; `net.core.rmem_max` limits it without CAP_NET_ADMIN. */
  readonly receiveBufferBytes: number;
}

export interface RingCounters {
  readonly receivedFrames: number;
  readonly receivedBytes: number;
  readonly transmittedFrames: number;
  readonly transmittedBytes: number;
  readonly transmitErrors: number;
  readonly receiveDrops: number;
  readonly cutFrames: number;
  readonly interfaceErrors: number;
  /** Empty if there was none. */
  readonly lastInterfaceError: string;
}

export interface NativeInterface {
  readonly name: string;
  readonly index: number;
  /** 48 bits in a number; 0 if it is not Ethernet. */
  readonly mac: number;
  readonly mtu: number;
  readonly up: boolean;
  readonly running: boolean;
  readonly loopback: boolean;
  /** Each of 4 or 16 bytes, network order. */
  readonly addresses: readonly { readonly bytes: Uint8Array; readonly prefixLength: number }[];
}

/**
 * Fills in the hashes of as many tuples. `columns`: sources, destinations, protocols, ports, one column behind the other and each
 * a quarter of the array, numbers in host order; of both ports the source's is in the upper half. Must not be memory of `hashes`.
 */
type HashTuples<First> = (first: First, columns: Uint32Array, hashes: Uint32Array) => void;

export interface NativeBindings {
  readonly version: number;
  openRing(interfaceName: string, receive: boolean, slots: number, slotBytes: number, capacity: number): OpenedRing;
  /** Nothing comes in before; -1: no fan-out group. */
  listen(ring: number, fanoutGroup: number): void;
  /** Before it listens: frames for which this program says 0 do not come in. It has to stay open. */
  filterRing(ring: number, program: number): void;
  /** Nothing comes in after; what has come can still be received. */
  deafen(ring: number): void;
  closeRing(ring: number): void;
  receive(ring: number): number;
  transmit(ring: number, bytes: Uint8Array, rows: Uint32Array, count: number, egress: number): number;
  counters(ring: number): RingCounters;
  wait(rings: Uint32Array, event: number, timeoutMs: number): void;
  openEvent(): number;
  signalEvent(event: number): void;
  closeEvent(event: number): void;
  /** Of any packet socket of this process, since the last time; -1: it is none. */
  packetDrops(descriptor: number): number;
  listInterfaces(): NativeInterface[];
  /** 1 to 15 bytes. */
  nameThread(name: string): void;
  makeThreadRealTime(): boolean;
  /** Whether it could be asked for: nothing is different otherwise. */
  adviseLargePages(memory: Uint8Array): boolean;
  /** Each word ends with a zero; returns only by an error. */
  replaceProgram(words: Uint8Array): never;

  /** Memory that BPF programs and this process share. Both stay until they are closed, or let go. */
  createMap(bytes: number): { readonly descriptor: number; readonly buffer: ArrayBuffer };
  /** The same memory in another thread. */
  shareMap(descriptor: number, bytes: number): ArrayBuffer;
  /** A socket filter, or a program for `attachIngress`; `name`: 1 to 15 bytes. */
  loadProgram(isIngress: boolean, name: string, code: Uint8Array): number;
  /** Until the answer is closed. */
  attachIngress(program: number, interfaceIndex: number): number;
  /** A veth whose other end is in another network namespace. */
  isVethAcross(interfaceIndex: number): boolean;
  /** A map, a program, or its place; by the thread that opened it. */
  closeDescriptor(descriptor: number): void;

  openTcp(ipv6: boolean): number;
  releaseTcp(descriptor: number): void;
  closeTcp(descriptor: number): void;
  bindTcp(descriptor: number, address: Uint8Array, port: number, reuse: boolean): void;
  bindToDevice(descriptor: number, interfaceName: string): void;
  signTcp(descriptor: number, address: Uint8Array, prefixLength: number, key: Uint8Array): void;
  setTtl(descriptor: number, ttl: number): void;
  setMinimumTtl(descriptor: number, ttl: number): void;
  /** The addresses one behind the other; of each its prefix length and TTL. */
  requireTtl(descriptor: number, addresses: Uint8Array, rows: Uint8Array): void;
  droppedSegments(descriptor: number): number;

  openDatagrams(address: Uint8Array, port: number, ttl: number): number;
  closeDatagrams(socket: number): void;
  /** The errno, or 0. */
  sendDatagram(socket: number, bytes: Uint8Array, address: Uint8Array, port: number): number;
  /** The length, or -1 if none waits. Facts (8 words): TTL, interface, port, bytes of the address, the address in memory order. */
  receiveDatagram(socket: number, bytes: Uint8Array, facts: Uint32Array): number;
  waitForDatagrams(sockets: Uint32Array, event: number, timeoutMs: number): void;

  generate(
    interfaceName: string,
    frame: Uint8Array,
    count: number,
    seconds: number,
    packetsPerSecond: number,
    flows: number,
    checksum: boolean,
  ): { readonly sent: number; readonly refusals: number; readonly seconds: number };
  /** First the seed. */
  readonly hashXxh32: HashTuples<number>;
  readonly hashMurmur3: HashTuples<number>;
  readonly hashCrc32c: HashTuples<number>;
  /** First the tables of the 13 bytes of a key (`src/ecmp/hash/toeplitz.ts`). */
  readonly hashToeplitz: HashTuples<Uint32Array>;
}

let loaded: NativeBindings | undefined;

export function loadNative(): NativeBindings {
  loaded ??= load();
  return loaded;
}

function load(): NativeBindings {
  const path = new URL("./ecmp.node", import.meta.url).pathname;
  let bindings: NativeBindings;
  try {
    bindings = createRequire(import.meta.url)("./ecmp.node");
  } catch (error) {
    throw new Error(`${path}: cannot load the native addon; wanted one built here: run \`npm run build:native\` (Linux only)`, {
      cause: error,
    });
  }
  if (bindings.version !== VERSION) {
    throw new Error(`${path}: version ${bindings.version}; wanted ${VERSION}: run \`npm run build:native\``);
  }
  return bindings;
}
