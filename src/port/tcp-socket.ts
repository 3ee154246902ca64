/**
 * TCP with what Node cannot ask for: signed segments (TCP-MD5, RFC 2385), the TTL of what is sent, and the least TTL that is
 * taken (GTSM, RFC 5082). The addon makes the sockets and sets their options before the first segment; then they are Node's,
 * and the speaker gets ordinary ones.
 *
 * A listener serves all neighbors: it has a key for each, and a filter that knows the least TTL of each, both at work in the
 * kernel from the SYN on. They change while it listens; connections that stand keep what they began with.
 */
import { createServer, type Server, Socket } from "node:net";
import { getSystemErrorName } from "node:util";
import { loadNative, type NativeBindings } from "../../native-bindings/index.ts";
import { type Address, addressToBytes, formatAddress, isIpv4, parseAddress } from "../net/address.ts";
import { hostPrefix, type Prefix, prefixContains, prefixKey } from "../net/prefix.ts";

export interface Endpoint {
  readonly address: Address;
  readonly port: number;
}

/** What connections with a peer must have, whichever side opens them. */
export interface TcpProtection {
  /** Of every segment's signature; 1 to 80 bytes. */
  readonly password?: string | undefined;
  /** Of what we send; absent: the system's. */
  readonly ttl?: number | undefined;
  /** What comes with less is dropped. */
  readonly minimumTtl?: number | undefined;
}

/** A peer, or all of a prefix that no longer one names; but the kernel asks for the password of the longest that has one. */
export interface TcpPeer extends TcpProtection {
  readonly source: Prefix;
}

export interface DialOptions extends TcpProtection {
  readonly from?: Address | undefined;
  /** The interface that it goes out by, and no other. */
  readonly device?: string | undefined;
}

const MAXIMUM_TTL = 255;

/** Whatever fails, an option that cannot be had too, is an error of the socket, later: addresses and interfaces come and go. */
export function dialTcp(to: Endpoint, options: DialOptions = {}): Socket {
  try {
    return connect(to, options);
  } catch (error) {
    return new Socket().destroy(error as Error);
  }
}

function connect(to: Endpoint, { from, device, password, ttl, minimumTtl }: DialOptions): Socket {
  const fd = prepare(to.address, (native, descriptor) => {
    if (device !== undefined) native.bindToDevice(descriptor, device);
    if (from !== undefined) native.bindTcp(descriptor, addressToBytes(from), 0, false);
    if (password !== undefined) sign(native, descriptor, hostPrefix(to.address), password);
    if (ttl !== undefined) native.setTtl(descriptor, ttl);
    if (minimumTtl !== undefined) native.setMinimumTtl(descriptor, minimumTtl);
  });
  const socket = new Socket({ fd, readable: true, writable: true });
  // A socket that was not connected when it was handed over would be read at once if this came any later.
  return socket.connect({ host: formatAddress(to.address), port: to.port, family: isIpv4(to.address) ? 4 : 6, noDelay: true });
}

export class TcpListener {
  private readonly at: Endpoint;
  private readonly descriptor: number;
  private readonly server: Server;
  private peers: readonly TcpPeer[] = [];
  private drops: number | undefined;

  /** Nobody is heard who is not protected as `peers` say. Rejects if the address cannot be listened on. */
  static async open(at: Endpoint, peers: readonly TcpPeer[], onSocket: (socket: Socket) => void): Promise<TcpListener> {
    const listener = new TcpListener(at, peers, onSocket);
    await listener.listen();
    return listener;
  }

  private constructor(at: Endpoint, peers: readonly TcpPeer[], onSocket: (socket: Socket) => void) {
    this.at = at;
    this.server = createServer({ noDelay: true }, (socket) => {
      this.limitReach(socket);
      onSocket(socket);
    });
    this.descriptor = prepare(at.address, (native, descriptor) => {
      native.bindTcp(descriptor, addressToBytes(at.address), at.port, true);
      this.apply(native, descriptor, peers);
    });
  }

  /** The real one if 0 was asked for. */
  get port(): number {
    const bound = this.server.address();
    return bound && typeof bound === "object" ? bound.port : this.at.port;
  }

  /** From the next connection on these are the peers; what did not change is not touched. */
  protect(peers: readonly TcpPeer[]): void {
    if (this.drops === undefined) this.apply(loadNative(), this.descriptor, peers);
  }

  /** Segments that the kernel dropped here: signature, TTL, or more connections than were taken in time. */
  droppedSegments(): number {
    return this.drops ?? loadNative().droppedSegments(this.descriptor);
  }

  close(): Promise<void> {
    this.drops ??= this.droppedSegments();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.server.once("error", reject);
      this.server.listen({ fd: this.descriptor }, () => {
        this.server.off("error", reject);
        // A failed accept (out of descriptors) concerns one connection, not the listener.
        this.server.on("error", () => undefined);
        resolve();
      });
    });
  }

  private apply(native: NativeBindings, descriptor: number, all: readonly TcpPeer[]): void {
    const ours = isIpv4(this.at.address);
    const peers = all.filter(({ source }) => isIpv4(source.address) === ours);
    const before = new Map(this.peers.map((peer) => [prefixKey(peer.source), peer]));
    for (const { source, password } of peers) {
      const key = prefixKey(source);
      if (password !== before.get(key)?.password) sign(native, descriptor, source, password ?? "");
      before.delete(key);
    }
    for (const { source, password } of before.values()) if (password !== undefined) sign(native, descriptor, source, "");
    requireTtl(native, descriptor, peers);
    this.peers = peers;
  }

  /** The kernel gives an accepted connection the TTL of its listener. Node has no other name for its descriptor. */
  private limitReach(socket: Socket): void {
    const remote = parseAddress(socket.remoteAddress ?? "");
    const ttl = remote === undefined ? undefined : mostSpecific(this.peers).find(contains(remote))?.ttl;
    const handle: { readonly fd?: number } | undefined = Reflect.get(socket, "_handle");
    if (ttl !== undefined && handle?.fd !== undefined && handle.fd >= 0) loadNative().setTtl(handle.fd, ttl);
  }
}

const contains =
  (address: Address) =>
  ({ source }: TcpPeer): boolean =>
    prefixContains(source, address);

const isInside = ({ source: { address, length } }: TcpPeer, { source }: TcpPeer): boolean =>
  source.length < length && prefixContains(source, address);

const mostSpecific = (peers: readonly TcpPeer[]): TcpPeer[] => peers.toSorted((a, b) => b.source.length - a.source.length);

/** The first row that holds the peer decides; one without a limit needs a row only where it would else be under another's. */
function requireTtl(native: NativeBindings, descriptor: number, peers: readonly TcpPeer[]): void {
  const guarded = peers.filter(({ minimumTtl }) => minimumTtl !== undefined);
  const decided = mostSpecific(peers).filter((peer) => guarded.some((one) => one === peer || isInside(peer, one)));
  const addresses = decided.flatMap(({ source }) => Array.from(addressToBytes(source.address)));
  const rows = decided.flatMap(({ source, minimumTtl = 0 }) => [source.length, minimumTtl]);
  native.requireTtl(descriptor, Uint8Array.from(addresses), Uint8Array.from(rows));
  // A peer that asks the same of us drops the answer to its SYN otherwise.
  if (guarded.length > 0) native.setTtl(descriptor, MAXIMUM_TTL);
}

/** An empty password: no signature any more. */
function sign(native: NativeBindings, descriptor: number, { address, length }: Prefix, password: string): void {
  native.signTcp(descriptor, addressToBytes(address), length, new TextEncoder().encode(password));
}

/** A new socket of the address's family with `options` set; whoever gets the descriptor owns it. */
function prepare(address: Address, options: (native: NativeBindings, descriptor: number) => void): number {
  const native = loadNative();
  const descriptor = native.openTcp(!isIpv4(address));
  try {
    options(native, descriptor);
  } catch (error) {
    native.closeTcp(descriptor);
    throw named(error as NodeJS.ErrnoException);
  }
  native.releaseTcp(descriptor);
  return descriptor;
}

/** The border knows errors of the system by number; everybody else by name. */
function named(error: NodeJS.ErrnoException): NodeJS.ErrnoException {
  if (error.code !== undefined) error.code = getSystemErrorName(-Number(error.code));
  return error;
}
