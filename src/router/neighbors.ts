/**
 * The neighbor table: who has which address on our segments, of both families, learned by asking and listening ourselves
 * (`neighbor-protocol.ts`; states after RFC 4861 7.3.2). A machine over a clock; it sends through a callback and tells the
 * router what changed. Frames that wait for an address are not its business: `slow-path.ts` holds those.
 *
 *            resolve                 reply
 *   (none) ----------> incomplete ----------> reachable --confirm due--> probe --reply--> reachable
 *                          | 3 requests, no reply                          | 3 requests, no reply
 *                          v                                              v
 *                        failed  (asked again, at most once a second, when somebody wants it)
 */
import { type Address, compareAddresses, formatAddress, inZone, withoutZone } from "../net/address.ts";
import type { CancelTimer, Clock } from "../net/clock.ts";
import { formatMac, isGroup, type Mac } from "../net/mac.ts";
import { encodeQuestion, type Hearing } from "./neighbor-protocol.ts";

const REQUEST_INTERVAL_MS = 1000;
const REQUESTS = 3;
/** Linux confirms after base_reachable_time (30 s) if nothing else did. */
const CONFIRM_AFTER_MS = 30_000;
/** Said without being asked, a MAC is believed, and soon asked whether it answers (RFC 4861 DELAY_FIRST_PROBE_TIME). */
const PROBE_AFTER_MS = 5000;
/** A bound on what a scan of an attached subnet can make us remember (Linux: gc_thresh3). */
const MAXIMUM_NEIGHBORS = 4096;

export type NeighborStateName = "incomplete" | "reachable" | "probe" | "failed";

export interface NeighborState {
  readonly address: string;
  readonly port: number;
  readonly state: NeighborStateName;
  readonly mac?: string;
}

export interface KnownNeighbor {
  readonly address: Address;
  readonly port: number;
  readonly mac: Mac;
}

export interface NeighborPort {
  /** The zone of link-local addresses heard here. */
  readonly name: string;
  /** Of now, as the rest. */
  mac(): Mac;
  /** Our address on the subnet that holds `address`, to ask from. */
  sourceFor(address: Address): Address | undefined;
  /** Whether the address is one of ours on this port. */
  owns(address: Address): boolean;
  /** Where nobody answers, as behind files: the MAC that an address has, once and for all. */
  readonly macOf?: ((address: Address) => Mac) | undefined;
}

export interface NeighborOptions {
  readonly clock: Clock;
  readonly ports: readonly NeighborPort[];
  send(port: number, frame: Uint8Array): void;
  /** The neighbor can be reached at `mac`, or (undefined) did not answer, or is forgotten. */
  onChange(address: Address, port: number, mac: Mac | undefined): void;
}

interface Entry {
  readonly address: Address;
  readonly port: number;
  state: NeighborStateName;
  mac: Mac | undefined;
  requests: number;
  failedAtMs: number;
  cancel: CancelTimer | undefined;
}

export interface Neighbors {
  /** Somebody wants to send to `address` on `port`: starts asking unless it is known or being asked for. */
  resolve(address: Address, port: number): NeighborStateName;
  /** Something heard on `port`. */
  receive(hearing: Hearing, port: number): void;
  /** What was known of a port's neighbors is worth nothing any more. */
  forget(port: number): void;
  states(): NeighborState[];
  /** Who can be reached, for those who ask after us. */
  known(): KnownNeighbor[];
  /** Told by who asked before us: believed, and soon asked whether he answers. */
  adopt(neighbor: KnownNeighbor): void;
  stop(): void;
}

export function createNeighbors({ clock, ports, send, onChange }: NeighborOptions): Neighbors {
  const entries = new Map<Address, Entry>();

  const ask = (entry: Entry): void => {
    const source = ports[entry.port].sourceFor(entry.address);
    if (source === undefined) return;
    // A probe goes to the MAC that we know, a first question to everyone.
    const targetMac = entry.state === "probe" ? entry.mac : undefined;
    send(entry.port, encodeQuestion(ports[entry.port].mac(), source, withoutZone(entry.address), targetMac));
  };

  const schedule = (entry: Entry, delayMs: number, run: () => void): void => {
    entry.cancel?.();
    entry.cancel = clock.setTimer(delayMs, run);
  };

  const startAsking = (entry: Entry, state: "incomplete" | "probe"): void => {
    entry.state = state;
    entry.requests = 0;
    const next = (): void => {
      if (entry.requests++ === REQUESTS) return fail(entry);
      ask(entry);
      schedule(entry, REQUEST_INTERVAL_MS, next);
    };
    next();
  };

  const fail = (entry: Entry): void => {
    entry.state = "failed";
    entry.mac = undefined;
    entry.failedAtMs = clock.nowMs();
    onChange(entry.address, entry.port, undefined);
  };

  const confirm = (entry: Entry, mac: Mac, isAnswer: boolean): void => {
    const changed = entry.mac !== mac;
    entry.state = "reachable";
    entry.mac = mac;
    schedule(entry, isAnswer || !changed ? CONFIRM_AFTER_MS : PROBE_AFTER_MS, () => startAsking(entry, "probe"));
    if (changed) onChange(entry.address, entry.port, mac);
  };

  const settle = (entry: Entry, mac: Mac): void => {
    entry.state = "reachable";
    entry.mac = mac;
    onChange(entry.address, entry.port, mac);
  };

  const create = (address: Address, port: number): Entry | undefined => {
    if (entries.size >= MAXIMUM_NEIGHBORS) forgetOne();
    if (entries.size >= MAXIMUM_NEIGHBORS) return undefined;
    const entry: Entry = { address, port, state: "incomplete", mac: undefined, requests: 0, failedAtMs: 0, cancel: undefined };
    entries.set(address, entry);
    return entry;
  };

  const oldest = (isSuch: (entry: Entry) => boolean): Entry | undefined => {
    for (const entry of entries.values()) if (isSuch(entry)) return entry;
    return undefined;
  };

  /** Who did not answer, or else one whose MAC is no question: that one is back with its next packet. */
  const forgetOne = (): void => {
    const entry = oldest(({ state }) => state === "failed") ?? oldest(({ port }) => ports[port].macOf !== undefined);
    if (!entry) return;
    entries.delete(entry.address);
    if (entry.mac !== undefined) onChange(entry.address, entry.port, undefined);
  };

  return {
    resolve(address, port) {
      const known = entries.get(address);
      if (known && (known.state !== "failed" || clock.nowMs() - known.failedAtMs < REQUEST_INTERVAL_MS)) return known.state;
      const entry = known ?? create(address, port);
      if (!entry) return "failed";
      const mac = ports[port].macOf?.(address);
      if (mac === undefined) startAsking(entry, "incomplete");
      else settle(entry, mac);
      return entry.state;
    },

    receive({ address: said, mac, asksFor, isAnswer, overrides }, port) {
      const { name, sourceFor, owns, mac: ours, macOf } = ports[port];
      if (macOf) return;
      const address = inZone(said, name);
      const known = entries.get(address);
      const heard = mac ?? known?.mac;
      if (heard === undefined || heard === ours() || isGroup(heard) || owns(said) || sourceFor(address) === undefined) return;
      // RFC 826: what we know is brought up to date by any packet; who is unknown is learned only if he asks for us.
      const asksForUs = asksFor !== undefined && owns(asksFor);
      const entry = known ?? (asksForUs ? create(address, port) : undefined);
      if (entry?.port !== port) return;
      if (overrides || entry.mac === undefined || entry.mac === heard) confirm(entry, heard, isAnswer);
      // Somebody else claims the address and gives way to whoever is there: is he?
      else if (entry.state === "reachable") startAsking(entry, "probe");
    },

    forget(port) {
      for (const entry of [...entries.values()].filter((one) => one.port === port)) {
        entry.cancel?.();
        entries.delete(entry.address);
        onChange(entry.address, port, undefined);
      }
    },

    known: () => [...entries.values()].flatMap(({ address, port, mac }) => (mac === undefined ? [] : [{ address, port, mac }])),

    adopt({ address, port, mac }) {
      const { sourceFor, macOf } = ports[port];
      if (macOf || entries.has(address) || sourceFor(address) === undefined) return;
      const entry = create(address, port);
      if (entry) confirm(entry, mac, false);
    },

    states: () =>
      [...entries.values()]
        .sort((a, b) => compareAddresses(a.address, b.address))
        .map(({ address, port, state, mac }) => ({
          address: formatAddress(address),
          port,
          state,
          ...(mac === undefined ? {} : { mac: formatMac(mac) }),
        })),

    stop() {
      for (const entry of entries.values()) entry.cancel?.();
    },
  };
}
