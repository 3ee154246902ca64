/**
 * The interfaces behind a worker's ports, which may change while it is in its loop: the main thread says which they are, and
 * the worker opens its rings anew where another one has come, and goes on with the MAC that it has.
 */
import { listInterfaces } from "../port/interface.ts";
import { LivePort } from "../port/live-port.ts";
import { PacketRing } from "../port/packet-ring.ts";
import { PacketWaiter } from "../port/packet-waiter.ts";
import { PcapLive } from "../port/pcap-live.ts";
import type { CaptureMemory } from "../port/pcap-live-memory.ts";
import type { Waiter } from "../port/port.ts";
import { createSharedReader } from "../port/shared-value.ts";
import type { PortIdentity } from "./classify.ts";

/** One port's part of the shared value. */
export interface Link {
  /** Of the interface; 0: there is none to be opened. */
  readonly index: number;
  readonly macHigh: number;
  readonly macLow: number;
  /** One for each interface that was ever a port, shared by all workers; absent where there is one worker. */
  readonly fanoutGroup?: number;
}

export interface LinkOptions {
  readonly ports: readonly { readonly interface: string; readonly capture?: CaptureMemory | undefined }[];
  /** Of the worker. */
  readonly index: number;
  readonly slots: number;
  /** A shared value: Link[]. */
  readonly links: SharedArrayBuffer;
  /** Brought up to date in place, as the forwarding core has them. */
  readonly identities: readonly { -readonly [Field in keyof PortIdentity]: PortIdentity[Field] }[];
  readonly wakeDescriptor: number;
}

/** What libpcap serves stays open: it is the capture that comes and goes. */
type LinkPort = LivePort<PacketRing> | PcapLive;

export interface Links extends Waiter {
  readonly ports: readonly LinkPort[];
  /** Makes of the ports what the main thread says; where nothing has changed that is a load and a comparison. */
  follow(): void;
}

/** Throws, as `follow` does, if an interface that is there cannot be opened. */
export function openLinks(options: LinkOptions): Links {
  const { index: worker, slots, links, identities, wakeDescriptor } = options;
  const look = createSharedReader<readonly Link[]>(links);
  let known: readonly Link[] = [];
  let waiter: PacketWaiter | undefined;
  const ports = options.ports.map(({ interface: name, capture }, i): LinkPort => {
    if (capture) return new PcapLive({ name, memory: capture, index: worker });
    return new LivePort(name, () => {
      const group = known[i].fanoutGroup;
      return new PacketRing({ interface: name, slots, ...(group === undefined ? {} : { fanout: { group } }) });
    });
  });

  const follow = (): void => {
    const wanted = look() ?? known;
    if (wanted === known) return;
    const before = known;
    known = wanted;
    waiter?.close();
    for (const [i, { index, macHigh, macLow }] of wanted.entries()) {
      Object.assign(identities[i], { macHigh, macLow });
      const port = ports[i];
      if (index === before[i]?.index || port instanceof PcapLive) continue;
      if (index === 0) port.drop();
      else open(port, index);
    }
    waiter = new PacketWaiter(
      ports.flatMap((port) => (port instanceof LivePort ? (port.inner ?? []) : [])),
      wakeDescriptor,
    );
  };

  const open = (port: LivePort<PacketRing>, index: number): void => {
    try {
      port.renew();
    } catch (error) {
      // Gone again: we shall be told.
      if (listInterfaces().some((info) => info.index === index && info.name === port.name)) throw error;
    }
  };

  follow();
  return {
    ports,
    follow,
    wait: (timeoutMs) => waiter?.wait(timeoutMs),
    close() {
      waiter?.close();
      for (const port of ports) port.close();
    },
  };
}
