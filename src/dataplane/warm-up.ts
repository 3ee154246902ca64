/**
 * Lets the compiler see a worker's breath before the first real packet does: some tens of thousands of made-up packets through an
 * image of their own. Without it the first packets take about half as long again, and sparse ones do for minutes.
 *
 * What V8 compiles it compiles for what it has seen. So the thread's own ports breathe too, though nothing comes in by them
 * yet; there are two loops, since code that has known one set of closures is thrown away at the next; and routes lie
 * behind every level of the tries. Whatever else the thread loads or opens comes before: that throws code away as well.
 */
import type { HashOptions } from "../ecmp/flow-hash.ts";
import { createFib } from "../fib/fib.ts";
import { createImage } from "../fib/image.ts";
import { type Address, parseAddress } from "../net/address.ts";
import { systemClock } from "../net/clock.ts";
import { parsePrefix } from "../net/prefix.ts";
import { LivePort } from "../port/live-port.ts";
import type { Port } from "../port/port.ts";
import { createTapMemory } from "../port/tap-memory.ts";
import { createPortSettings, surround } from "./around-port.ts";
import { createChannelMemory, createChannelWriter } from "./channel.ts";
import { createPortIdentity } from "./classify.ts";
import { createCounterMemory, createCounterWriter } from "./counters.ts";
import { createForwarder } from "./forward.ts";
import { type Breathe, createLoop } from "./loop.ts";
import { MADE_UP_MAC } from "./made-up-frames.ts";
import { MadeUpPort } from "./made-up-port.ts";
import { createOwnSources } from "./own-sources.ts";

/** With 2000 one thread in nine begins interpreted, with 1000 every one. */
const ROUNDS = 3000;
const ROUNDS_A_PORT = 100;
const MEMORY_BYTES = 1 << 12;

const prefix = (text: string) => parsePrefix(text) as NonNullable<ReturnType<typeof parsePrefix>>;
const address = (text: string) => parseAddress(text) as Address;

/** What the made-up frames ask for. */
const ROUTES = [
  { to: ["198.51.100.0/24", "198.51.100.7/32"], via: ["10.0.0.2", "10.0.0.3"] },
  { to: ["10.100.0.0/16"], via: ["10.0.0.2"] },
  { to: ["2001:db8:51::/48", "2001:db8:51::7/128"], via: ["2001:db8::2", "2001:db8::3"] },
];

/** What compiled code was compiled for. V8 throws it away with the first of these that is collected, be it hours later. */
const alive: unknown[] = [];

export interface WarmUpOptions {
  readonly hash: HashOptions;
  readonly selector: string;
  /** Of this thread; nothing may come in by them yet. */
  readonly ports: readonly Port[];
}

export function warmUp({ hash, selector, ports: own }: WarmUpOptions): void {
  const buffers = createImage(1 << 14);
  const fib = createFib({ buffers, selector: "modulo", selectorOptions: {}, hash, workers: 0 });
  for (const subnet of ["10.0.0.0/24", "2001:db8::/64"]) fib.attach({ prefix: prefix(subnet), port: 0 });
  for (const { to, via } of ROUTES) {
    const nextHops = via.map((text) => ({ address: address(text), weight: 1 }));
    fib.apply([{ prefixes: to.map(prefix), protocol: "static", nextHops }]);
    nextHops.forEach(
      (hop, i) => void fib.setNeighbor(hop.address, 0, { mac: 0x02fe_f000_0002 + i, source: 0x0200_f123_4567, mtu: 1500 }),
    );
  }
  fib.publish();

  const madeUp = new LivePort("made up", () => new MadeUpPort());
  const ports = [madeUp, ...own].map(wrap);
  const identities = ports.map(() => Object.assign(createPortIdentity(0), MADE_UP_MAC));
  const make = (): Breathe =>
    createLoop({
      ports,
      isUnseen: ports.map(() => false),
      forward: createForwarder({ image: fib.image, hash, selector, ports: identities, ownSources: createOwnSources() }),
      counters: createCounterWriter(createCounterMemory()),
      channel: createChannelWriter(createChannelMemory(MEMORY_BYTES)),
    });
  const loops = [make(), make()];
  alive.push(ports, loops);
  for (let round = 0; round < ROUNDS; round++) {
    // Other memory, as each port has its own.
    if (round % ROUNDS_A_PORT === 0) madeUp.renew();
    loops[round % loops.length]();
    // Nothing leaves: no next hop is behind them.
    for (const port of ports.slice(1)) port.transmit(ports[0].batch, NOBODY);
  }
}

const NOBODY = 31;

function wrap(port: Port, index: number): Port {
  return surround(port, createPortSettings(1), { index, worker: 0, copies: createTapMemory(MEMORY_BYTES), clock: systemClock })
    .outer;
}
