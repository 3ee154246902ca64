/**
 * Finding the routers at the other end of unnumbered links, and being found (RFC 4861 section 6): on each such link we
 * advertise ourselves and ask until somebody has answered. A machine over a clock, above the slow path, which hands it what
 * the ports hear; the speaker asks it whom to dial. FRR, and whoever followed it, finds its unnumbered peers the same way.
 */
import { type Address, type Ipv6Address, inZone } from "../net/address.ts";
import type { CancelTimer, Clock } from "../net/clock.ts";
import type { Mac } from "../net/mac.ts";
import { encodeRouterAdvertisement, encodeRouterSolicitation, type RouterMessage } from "../wire/router-discovery.ts";

/** As FRR's on such links; the lifetime is RFC 4861's three of these. */
const INTERVAL_MS = 10_000;
const LIFETIME_SECONDS = 30;
/** RFC 4861 section 10, MIN_DELAY_BETWEEN_RAS: whoever asks more often waits. */
const MINIMUM_INTERVAL_MS = 3000;

export interface DiscoveryPort {
  readonly name: string;
  mac(): Mac;
  /** Comes late (duplicate address detection), and may change. */
  linkLocal(): Address | undefined;
}

export interface RouterDiscoveryOptions {
  readonly clock: Clock;
  readonly ports: readonly DiscoveryPort[];
  /** The names of the unnumbered links, as of now. */
  links(): readonly string[];
  send(port: number, frame: Uint8Array): void;
  /** Somebody else is, or nobody any more, the router at the other end. */
  onChange(link: string, router: Address | undefined): void;
}

export interface KnownRouter {
  readonly address: Address;
  readonly untilMs: number;
}

export type RouterDiscovery = ReturnType<typeof createRouterDiscovery>;

export function createRouterDiscovery({ clock, ports, links, send, onChange }: RouterDiscoveryOptions) {
  const routers = new Map<string, KnownRouter>();
  const advertisedAtMs = new Map<number, number>();

  const isUnnumbered = (port: number): boolean => links().includes(ports[port].name);

  const senderOf = (port: number) => {
    const source = ports[port].linkLocal();
    return source === undefined ? undefined : { sourceMac: ports[port].mac(), source: source as Ipv6Address };
  };

  const advertise = (port: number, lifetimeSeconds = LIFETIME_SECONDS): void => {
    const sender = senderOf(port);
    if (!sender) return;
    advertisedAtMs.set(port, clock.nowMs());
    send(port, encodeRouterAdvertisement(sender, lifetimeSeconds));
  };

  const ask = (port: number): void => {
    const sender = senderOf(port);
    if (sender) send(port, encodeRouterSolicitation(sender));
  };

  const forget = (link: string): void => {
    if (routers.delete(link)) onChange(link, undefined);
  };

  const unnumbered = (): number[] => [...ports.keys()].filter(isUnnumbered);

  const tick = (): void => {
    for (const [link, { untilMs }] of routers) if (untilMs <= clock.nowMs()) forget(link);
    for (const port of unnumbered()) {
      advertise(port);
      if (!routers.has(ports[port].name)) ask(port);
    }
    cancel = clock.setTimer(INTERVAL_MS, tick);
  };
  let cancel: CancelTimer | undefined;

  return {
    /** Once somebody hears the answers. `known`: by link, of who asked before us. */
    start(known: ReadonlyMap<string, KnownRouter> = new Map()): void {
      for (const [link, router] of known) if (ports.some(({ name }) => name === link)) routers.set(link, router);
      cancel = clock.setTimer(0, tick);
    },

    /** For who asks and advertises from now on, so that nobody takes us for gone. */
    handOver(): ReadonlyMap<string, KnownRouter> {
      cancel?.();
      cancel = undefined;
      return routers;
    },

    /** Of several the first that was heard, until its advertisements run out. */
    routerOn: (link: string): Address | undefined => routers.get(link)?.address,

    receive(message: RouterMessage, port: number): void {
      if (!isUnnumbered(port)) return;
      if (message.kind === "solicitation") {
        if (clock.nowMs() - (advertisedAtMs.get(port) ?? Number.NEGATIVE_INFINITY) >= MINIMUM_INTERVAL_MS) advertise(port);
        return;
      }
      const link = ports[port].name;
      const address = inZone(message.source, link);
      const known = routers.get(link);
      if (known && known.address !== address) return;
      if (message.lifetimeSeconds === 0) return forget(link);
      routers.set(link, { address, untilMs: clock.nowMs() + message.lifetimeSeconds * 1000 });
      if (!known) onChange(link, address);
    },

    /** We are no router any more. */
    stop(): void {
      if (!cancel) return;
      cancel();
      cancel = undefined;
      for (const port of unnumbered()) advertise(port, 0);
    },
  };
}
