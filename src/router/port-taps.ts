/**
 * The captures of a running router's taps: what the workers and the slow path copied is drawn out of their memories here, named
 * (verdict, reason, next hop), and written to files that turn over. The disk is never waited for; what finds no room is counted.
 */
import type { TapConfig } from "../config/port-schema.ts";
import { DROP_REASONS, PUNT_REASONS, SLOW_REASONS } from "../dataplane/verdict.ts";
import { type Address, formatAddress } from "../net/address.ts";
import type { CancelTimer, Clock } from "../net/clock.ts";
import { encodeCaptureHead, encodePacket } from "../pcap/pcapng-writer.ts";
import { VERDICT } from "../port/batch.ts";
import { createRecordReader, type RingRecord } from "../port/record-ring.ts";
import { RotatingFile } from "../port/rotating-file.ts";
import { createSharedValue, setSharedValue } from "../port/shared-value.ts";
import type { TapSettings } from "../port/tap.ts";
import { createTapMemory, TAP, TAP_WORDS } from "../port/tap-memory.ts";
import { withTag } from "../port/vlan-tag.ts";
import type { EventRecord } from "./events.ts";

export interface PortTapOptions {
  readonly clock: Clock;
  readonly events: EventRecord;
  /** Names, by port. */
  readonly ports: readonly string[];
  /** Threads that have taps of all ports. */
  readonly threads: number;
  nextHopName(index: number): Address | string | undefined;
}

interface OpenTap {
  readonly config: TapConfig;
  readonly file: RotatingFile;
  packets: number;
  /** Found no room in the file's queue. */
  lost: number;
}

const DRAIN_EVERY_MS = 20;

export type PortTaps = ReturnType<typeof createPortTaps>;

export function createPortTaps({ clock, events, ports, threads, nextHopName }: PortTapOptions) {
  const memories = Array.from({ length: threads }, () => createTapMemory());
  const settings = ports.map(createSharedValue);
  const readers = memories.map((memory) => createRecordReader(memory, TAP_WORDS));
  const taps: (OpenTap | undefined)[] = ports.map(() => undefined);
  let cancel: CancelTimer | undefined;

  const drain = (): void => {
    for (const reader of readers) for (let record = reader.next(); record; record = reader.next()) take(record);
    cancel = taps.some((tap) => tap) ? clock.setTimer(DRAIN_EVERY_MS, drain) : undefined;
  };

  const take = ({ words, bytes }: RingRecord): void => {
    const tap = taps[words[TAP.port]];
    if (!tap || tap.packets >= (tap.config.maximumPackets ?? Number.POSITIVE_INFINITY)) return;
    const tagged = words[TAP.vlanTci] === 0 ? bytes : withTag(bytes, words[TAP.vlanTci]);
    const packet = {
      bytes: tagged,
      wireLength: words[TAP.wireLength] + tagged.length - bytes.length,
      timeHigh: words[TAP.timeHigh],
      timeLow: words[TAP.timeLow],
      direction: words[TAP.direction],
      comment: describeVerdict(words, nextHopName),
    };
    if (!tap.file.write(encodePacket(packet))) tap.lost++;
    else if (++tap.packets === tap.config.maximumPackets) setSharedValue(settings[words[TAP.port]], undefined);
  };

  /** With all that was copied before. */
  const close = async (port: number): Promise<void> => {
    setSharedValue(settings[port], undefined);
    cancel?.();
    drain();
    const tap = taps[port];
    taps[port] = undefined;
    await tap?.file.close();
  };

  const open = (port: number, config: TapConfig): void => {
    const { file, maximumMegabytes, files, snapBytes, filter } = config;
    const rotating = new RotatingFile({
      file,
      maximumBytes: maximumMegabytes * 1_000_000,
      files,
      preamble: () => encodeCaptureHead(ports[port], "ecmp-router", snapBytes),
      onFailure: (problem) => events.add("tap-failed", { interface: ports[port], file, problem }),
    });
    taps[port] = { config, file: rotating, packets: 0, lost: 0 };
    const { verdict, ...frames } = filter;
    const wanted: TapSettings = { ...frames, snapBytes, verdict: verdict === undefined ? undefined : VERDICT[verdict] };
    setSharedValue(settings[port], wanted);
    cancel ??= clock.setTimer(DRAIN_EVERY_MS, drain);
  };

  return {
    /** By thread, and by port: what `TapPort` is made with. */
    memories,
    settings,

    async configure(port: number, config: TapConfig | undefined): Promise<void> {
      if (JSON.stringify(taps[port]?.config) === JSON.stringify(config)) return;
      await close(port);
      if (config) open(port, config);
    },

    areAny: (): boolean => taps.some((tap) => tap !== undefined),

    /** When every file is open, or its problem known. */
    async settled(): Promise<void> {
      for (const tap of taps) await tap?.file.settled();
    },

    state: (port: number) => {
      const tap = taps[port];
      const lost = readers.reduce((sum, reader) => sum + reader.refused(), 0);
      return tap && { file: tap.config.file, packets: tap.packets, lost: tap.lost + lost, problem: tap.file.problem ?? null };
    },

    async stop(): Promise<void> {
      for (const port of ports.keys()) await close(port);
      cancel?.();
    },
  };
}

/** As it was on the wire, before the kernel took the tag out. */
const REASONS: Readonly<Record<number, readonly string[]>> = {
  [VERDICT.drop]: DROP_REASONS,
  [VERDICT.punt]: PUNT_REASONS,
  [VERDICT.slow]: SLOW_REASONS,
};
const VERDICT_NAMES = Object.fromEntries(Object.entries(VERDICT).map(([name, verdict]) => [verdict, name]));

/** Other names of next hops ("local") are nobody's address. */
const IPV6_DIGITS = /^[0-9a-f]{32}/;

/** "forward to 10.0.0.11", "drop: no-route". */
function describeVerdict(words: Uint32Array, nextHopName: (index: number) => Address | string | undefined): string {
  const verdict = words[TAP.verdict];
  if (verdict !== VERDICT.forward) return `${VERDICT_NAMES[verdict]}: ${REASONS[verdict]?.[words[TAP.reason]] ?? "not judged"}`;
  const name = nextHopName(words[TAP.nextHop]);
  const isAddress = typeof name === "number" || (name !== undefined && IPV6_DIGITS.test(name));
  return isAddress ? `forward to ${formatAddress(name)}` : "sent by the router itself";
}
