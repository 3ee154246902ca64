/**
 * The entry of a worker thread: opens its own rings on every port, warms up, waits for its seat, listens, and breathes until it
 * is told to stop. Where it takes over from another data plane, it listens when that one's workers have gone deaf
 * (`ending.ts`). It talks to the main thread through shared words and the channel; its messages carry no data.
 */
import { parentPort, workerData } from "node:worker_threads";
import { acknowledge, type ImageBuffers, openImage, readGeneration } from "../fib/image.ts";
import type { HashState } from "../fib/state.ts";
import { systemClock } from "../net/clock.ts";
import { BATCH_CAPACITY } from "../port/batch.ts";
import { createFaultyWaiter } from "../port/fault.ts";
import type { RingSize } from "../port/packet-ring.ts";
import type { PortMemory } from "../port/served-memory.ts";
import { nameThread } from "../port/thread.ts";
import { type PortSettings, surround } from "./around-port.ts";
import { createChannelWriter } from "./channel.ts";
import { createPortIdentity, type PortIdentity } from "./classify.ts";
import { createCounterWriter } from "./counters.ts";
import { awaitEndings, ENDING, setEnding } from "./ending.ts";
import { createForwarder } from "./forward.ts";
import { allowInlining } from "./inlining.ts";
import { openLinks } from "./links.ts";
import { createLoop } from "./loop.ts";
import { createOffload, type OffloadStart } from "./offload.ts";
import { warmUp } from "./warm-up.ts";

export interface WorkerPort extends Pick<PortIdentity, "vlans">, PortSettings {
  readonly interface: string;
  /** Of a port that another thread serves; absent: it has rings. */
  readonly served?: PortMemory | undefined;
  /** The kernel does not see its frames. */
  readonly isUnseen: boolean;
}

/** What it is started with: what all workers have in common. */
export interface WorkerStart {
  readonly ports: readonly WorkerPort[];
  /** A shared value: Link[]. */
  readonly links: SharedArrayBuffer;
  readonly ring: RingSize;
  /** Never sleeps: a core for a round trip without waking anybody. */
  readonly busy: boolean;
  readonly hash: HashState;
  readonly selector: string;
  readonly image: ImageBuffers;
  /** Of `own-sources.ts`. */
  readonly ownSources: SharedArrayBuffer;
  /** By worker: where its taps put what they copy. */
  readonly taps: readonly SharedArrayBuffer[];
  /** Where the kernel carries flows that were decided once. */
  readonly offload?: OffloadStart | undefined;
  /** One Int32: not zero says stop. */
  readonly stop: SharedArrayBuffer;
  /** Of `ending.ts`: how far the workers have come with that. */
  readonly endings: SharedArrayBuffer;
}

/** The one message that it is sent: whose place it takes. */
export interface WorkerSeat {
  readonly index: number;
  readonly counters: SharedArrayBuffer;
  readonly channel: SharedArrayBuffer;
  readonly wakeDescriptor: number;
  /** Of its rings, for carried flows; another than its predecessor's. */
  readonly lane: number;
  /** The endings of the workers whose place those of this data plane take; absent: nobody forwards. */
  readonly after?: SharedArrayBuffer | undefined;
}

/**
 * `warm`: it wants nothing but a seat. `waits`: for the end of those before. `ready`: it forwards. `bell`: the channel has
 * entries. `acknowledged`: a new generation was seen.
 */
export type WorkerMessage = "warm" | "waits" | "ready" | "bell" | "acknowledged";

/** How long an idle worker sleeps at the most. */
const IDLE_MS = 100;
/** How often port counters are read (a system call and an object each): not each time that a batch was the last for a moment. */
const PORT_COUNTER_MS = 100;
const PORT_COUNTER_BREATHS = 4096;

const say = (message: WorkerMessage): void => parentPort?.postMessage(message);

function run(seat: WorkerSeat): void {
  const { index, after } = seat;
  nameThread(`ecmp worker ${index}`);
  const image = openImage(start.image);
  const stop = new Int32Array(start.stop);
  const isStopped = (): boolean => Atomics.load(stop, 0) !== 0;
  const counters = createCounterWriter(seat.counters);
  const channel = createChannelWriter(seat.channel);
  const offload = start.offload && createOffload(start.offload, seat.lane);
  const links = deafLinks.seat(index, seat.wakeDescriptor, offload?.ringFlows);
  const copies = start.taps[index];
  const around = links.ports.map((port, i) =>
    surround(port, start.ports[i], { index: i, worker: index, copies, clock: systemClock }),
  );
  const ports = around.map(({ outer }) => outer);
  const waiter = createFaultyWaiter(
    links,
    around.map(({ faulty }) => faulty),
  );
  const breathe = createLoop({
    ports,
    isUnseen: start.ports.map(({ isUnseen }) => isUnseen),
    forward: createForwarder({
      image,
      hash: start.hash,
      selector: start.selector,
      ports: identities,
      ownSources: start.ownSources,
    }),
    counters,
    channel,
    offload,
  });
  const countPorts = (): void => ports.forEach((port, i) => void counters.setPort(i, port.counters()));

  if (after) {
    say("waits");
    awaitEndings(after, ENDING.deaf, isStopped);
  }
  // Those before may go on where ours never took their place.
  if (!isStopped()) links.listen();
  // What they have heard goes out before anything that came later: no packet overtakes another of its flow.
  if (after) awaitEndings(after, ENDING.drained, isStopped);
  say("ready");
  const idleMs = start.busy ? 0 : IDLE_MS;
  let breaths = 0;
  let countAtMs = 0;
  let known = -1;
  while (!isStopped()) {
    const generation = readGeneration(image);
    if (generation !== known) {
      acknowledge(image, index, generation);
      known = generation;
      say("acknowledged");
    }
    links.follow();
    const frames = breathe();
    if (channel.takeBell()) say("bell");
    const isIdle = frames === 0;
    // The clock is asked where there is time for it, and by who never sleeps not at all: its answer is an object, and a hundred
    // thousand a second would be a garbage collection every half a second.
    if (++breaths % PORT_COUNTER_BREATHS === 0 || (isIdle && !start.busy && systemClock.nowMs() >= countAtMs)) {
      countPorts();
      countAtMs = systemClock.nowMs() + PORT_COUNTER_MS;
    }
    if (isIdle) waiter.wait(idleMs);
  }
  links.deafen();
  setEnding(start.endings, index, ENDING.deaf);
  // As many as a full ring takes; an empty breath is no end, as a fault may have swallowed all of it.
  for (let left = start.ring.slots / BATCH_CAPACITY + 1; left > 0; left--) breathe();
  if (channel.takeBell()) say("bell");
  countPorts();
  setEnding(start.endings, index, ENDING.drained);
  // What a tap still has to tell comes out; the rings close once.
  for (const port of ports) port.close();
  waiter.close();
}

const start = workerData as WorkerStart;
allowInlining();
const identities = start.ports.map(({ vlans }) => createPortIdentity(vlans));
const deafLinks = openLinks({ ports: start.ports, ring: start.ring, links: start.links, identities });
warmUp({ hash: start.hash, selector: start.selector, ports: deafLinks.rings });
nameThread("ecmp stand-by");
say("warm");
parentPort?.once("message", run);
