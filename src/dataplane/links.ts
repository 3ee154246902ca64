/**
 * The interfaces behind a worker's ports, which may change while it is in its loop: the main thread says which they are, and
 * the worker opens its rings anew where another one has come, and goes on with the MAC that it has.
 */
import type { RingFlows } from "../port/flow-offload.ts";
import { listInterfaces } from "../port/interface.ts";
import { LivePort } from "../port/live-port.ts";
import { PacketRing, type RingSize } from "../port/packet-ring.ts";
import { PacketWaiter } from "../port/packet-waiter.ts";
import type { Port, Waiter } from "../port/port.ts";
import type { PortMemory } from "../port/served-memory.ts";
import { ServedPort } from "../port/served-port.ts";
import { createSharedReader } from "../port/shared-value.ts";
import type { createPortIdentity } from "./classify.ts";
import { receiverOf, shareInterfaces, type TrunkPlace } from "./trunk.ts";

/** One port's part of the shared value. */
export interface Link {
  /** Of the interface; 0: there is none to be opened. */
  readonly index: number;
  readonly macHigh: number;
  readonly macLow: number;
  /** The words of `PortIdentity`. */
  readonly linkLocals: readonly number[];
  /** One for each interface that was ever a port, shared by all workers of a data plane; absent where there is one worker. */
  readonly fanoutGroup?: number | undefined;
}

export interface LinkOptions {
  readonly ports: readonly (TrunkPlace & { readonly served?: PortMemory | undefined })[];
  readonly ring: RingSize;
  /** A shared value: Link[]. */
  readonly links: SharedArrayBuffer;
  /** Brought up to date in place, as the forwarding core has them. */
  readonly identities: readonly ReturnType<typeof createPortIdentity>[];
}

export interface Links extends Waiter {
  readonly ports: readonly Port[];
  /** Frames come in from now on. Once. */
  listen(): void;
  /** None do any more; what the rings have can still be received. */
  deafen(): void;
  /** Makes of the ports what the main thread says; where nothing has changed that is a load and a comparison. */
  follow(): void;
}

export interface DeafLinks {
  /** Those that are open: all but what another thread serves. */
  readonly rings: readonly Port[];
  /** Of a worker: its index, what wakes it, and by port what its rings need for carried flows. Once. */
  seat(worker: number, wakeDescriptor: number, flowsOf?: (port: number) => RingFlows | undefined): Links;
}

/**
 * Opens the rings, which takes the kernel some 20 ms each. Nothing comes in until `listen` is called. Both throw, as `follow`
 * does, if an interface that is there cannot be opened.
 */
export function openLinks(options: LinkOptions): DeafLinks {
  const { ring, identities } = options;
  const look = createSharedReader<readonly Link[]>(options.links);
  let known: readonly Link[] = [];
  let isListening = false;
  let ringFlows: (port: number) => RingFlows | undefined = () => undefined;
  const receivers = receiverOf(options.ports);
  const isReceiver = (port: number): boolean => receivers[port] === port;
  const rings = options.ports.map(({ interface: name, served }, i) =>
    served
      ? undefined
      : new LivePort(
          name,
          () => new PacketRing({ interface: name, ...(isReceiver(i) ? { ...ring, isDeaf: true } : { receive: false }) }),
        ),
  );

  /** Undefined: it is gone again, and we shall be told. */
  const attempt = (name: string, { index }: Link, work: () => void): void => {
    try {
      work();
    } catch (error) {
      if (listInterfaces().some((info) => info.index === index && info.name === name)) throw error;
    }
  };

  const listen = (port: number): void => {
    const { fanoutGroup: group } = known[port];
    rings[port]?.inner?.listen(group === undefined ? undefined : { group }, ringFlows(port));
  };

  /** True: something is another. */
  const update = (): boolean => {
    const wanted = look() ?? known;
    if (wanted === known) return false;
    const before = known;
    known = wanted;
    for (const [i, link] of wanted.entries()) {
      const { macHigh, macLow, linkLocals } = link;
      Object.assign(identities[i], { macHigh, macLow, linkLocals: Uint32Array.from(linkLocals) });
      const port = rings[i];
      if (port === undefined || link.index === before[i]?.index) continue;
      if (link.index === 0) port.drop();
      else
        attempt(port.name, link, () => {
          port.renew();
          if (isListening) listen(i);
        });
    }
    return true;
  };

  update();
  return {
    rings: rings.filter((ring) => ring !== undefined),
    seat(worker, wakeDescriptor, flowsOf) {
      if (flowsOf) ringFlows = flowsOf;
      update();
      const opened = rings.map((ring, i) => {
        const { interface: name, served } = options.ports[i];
        // What another thread serves stays open: it is what is behind that comes and goes.
        return ring ?? new ServedPort({ name, memory: served as PortMemory, index: worker });
      });
      const ports = shareInterfaces(opened, options.ports);
      const makeWaiter = (): PacketWaiter =>
        new PacketWaiter(
          rings.flatMap((ring, i) => (isReceiver(i) ? (ring?.inner ?? []) : [])),
          wakeDescriptor,
        );
      let waiter = makeWaiter();
      const follow = (): void => {
        if (!update()) return;
        waiter.close();
        waiter = makeWaiter();
      };
      return {
        ports,
        follow,
        listen() {
          follow();
          isListening = true;
          for (const [i, port] of rings.entries()) if (port) attempt(port.name, known[i], () => listen(i));
        },
        deafen() {
          for (const port of rings) port?.inner?.deafen();
        },
        wait: (timeoutMs) => waiter.wait(timeoutMs),
        close() {
          waiter.close();
          for (const port of ports) port.close();
        },
      };
    },
  };
}
