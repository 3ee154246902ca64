/**
 * Carried flows in a running router: opened where the configuration asks for it, forgotten with every change, off while a fault or
 * a tap wants to see every packet, and added to what the workers have counted.
 */
import type { Config } from "../config/schema.ts";
import type { CounterSnapshot } from "../dataplane/counters.ts";
import { LANES_A_WORKER, type OffloadStart } from "../dataplane/offload.ts";
import { isByFlow } from "../ecmp/by-flow.ts";
import { MAXIMUM_NEXT_HOPS } from "../fib/layout.ts";
import type { Clock } from "../net/clock.ts";
import type { Random } from "../net/random.ts";
import type { FlowMemorySize } from "../port/flow-layout.ts";
import { type FlowOffload, openFlowOffload } from "../port/flow-offload.ts";
import { countProcessors } from "../port/processors.ts";
import type { EventRecord } from "./events.ts";
import type { PortFacts } from "./port-facts.ts";

/** Powers of two; 16 MiB. */
const PORTS = 64;
const FLOWS = 1 << 18;
const SECOND_MS = 1000;
const LAST_GENERATION = 0xfffffffe;

export interface FlowOffloadOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: EventRecord;
  readonly facts: readonly PortFacts[];
  packetMtu(port: number): number;
  /** Something wants to see every packet: its name. */
  disturbance(): string | undefined;
}

export type RouterFlowOffload = ReturnType<typeof startFlowOffload>;

export function startFlowOffload(options: FlowOffloadOptions) {
  const { config, clock, random, events, facts, packetMtu, disturbance } = options;
  const lanes = config.workers * LANES_A_WORKER;
  const processors = countProcessors();
  const size = {
    ports: PORTS,
    processors,
    lanes,
    nextHops: MAXIMUM_NEXT_HOPS,
    flows: FLOWS,
    seed: random(),
    ringSlots: config.ringSlots,
  };
  /** Between interfaces that are one port each, over rings, without tags. */
  const carried = config.ports.map(
    ({ kind, vlan }, port) =>
      kind === "packet-ring" &&
      vlan === undefined &&
      facts.filter((other) => other.interface === facts[port].interface).length === 1,
  );
  const { memory, shared, follow, close } = open(size, carried);
  const { hash, selector } = config.ecmp;
  let generation = 0;
  let isOff: string | undefined;

  const tick = (): void => {
    memory.setSeconds(Math.floor(clock.nowMs() / SECOND_MS));
    cancel = clock.setTimer(SECOND_MS, tick);
  };
  let cancel = clock.setTimer(0, tick);

  /** Whatever was decided before is decided anew. */
  const forget = (): void => {
    const because = disturbance();
    generation = generation >= LAST_GENERATION ? 1 : generation + 1;
    memory.setGeneration(because === undefined ? generation : 0);
    if (because === isOff) return;
    isOff = because;
    events.add("flow-offload", because === undefined ? { state: "on" } : { state: "off", because });
  };

  const sums = () => {
    const ports = facts.map((_, port) => memory.countsOfPort(port));
    const sum = (name: keyof (typeof ports)[number]): number => ports.reduce((total, counts) => total + counts[name], 0);
    return { ports, packets: sum("receivedFrames"), bytes: sum("receivedBytes") };
  };

  return {
    start: { ...shared, ...isByFlow(hash, selector.name) } satisfies OffloadStart,
    forget,

    /** The interfaces that are behind the ports now. */
    follow(): void {
      for (const [port, { name, index }] of facts.entries()) {
        try {
          follow(port, index, packetMtu(port));
        } catch (error) {
          // Gone again: at the next look.
          events.add("port-failed", { interface: name, problem: (error as Error).message });
        }
      }
    },

    /** What the workers have counted, and what has not come to them. */
    addTo(counters: CounterSnapshot): CounterSnapshot {
      const { ports, packets, bytes } = sums();
      const refused = memory.refused();
      return {
        ...counters,
        received: counters.received + packets + refused,
        receivedBytes: counters.receivedBytes + bytes,
        forwarded: counters.forwarded + packets,
        forwardedBytes: counters.forwardedBytes + bytes,
        dropped: { ...counters.dropped, "egress-refused": counters.dropped["egress-refused"] + refused },
        ports: counters.ports.map((port, i) => ({
          ...port,
          receivedFrames: port.receivedFrames + ports[i].receivedFrames,
          receivedBytes: port.receivedBytes + ports[i].receivedBytes,
          receiveDrops: port.receiveDrops + memory.leftOut(i),
          transmittedFrames: port.transmittedFrames + ports[i].sentFrames,
          transmittedBytes: port.transmittedBytes + ports[i].sentBytes,
        })),
      };
    },

    countsOfNextHop: memory.countsOfNextHop,

    state() {
      const { packets, bytes } = sums();
      return { state: isOff === undefined ? "on" : "off", because: isOff ?? null, flows: memory.flows(), packets, bytes };
    },

    stop(): void {
      cancel();
      memory.setGeneration(0);
      close();
    },
  };
}

function open(size: FlowMemorySize, carried: readonly boolean[]): FlowOffload {
  try {
    return openFlowOffload(size, carried);
  } catch (error) {
    throw new Error(`flowOffload: ${(error as Error).message}; or false`);
  }
}
