/**
 * What runs beside `warm-up.test.ts` with V8's trace of code that it throws away: it warms up as a worker does, says "warm", and
 * breathes packets that the warm-up has not seen, by a port that it has.
 */
import { setTimeout as delay } from "node:timers/promises";
import { createPortSettings, surround } from "#src/dataplane/around-port.ts";
import { createChannelMemory, createChannelWriter } from "#src/dataplane/channel.ts";
import { createPortIdentity } from "#src/dataplane/classify.ts";
import { createCounterMemory, createCounterWriter } from "#src/dataplane/counters.ts";
import { createForwarder } from "#src/dataplane/forward.ts";
import { allowInlining } from "#src/dataplane/inlining.ts";
import { createLoop } from "#src/dataplane/loop.ts";
import { createOwnSources } from "#src/dataplane/own-sources.ts";
import { warmUp } from "#src/dataplane/warm-up.ts";
import { createFib } from "#src/fib/fib.ts";
import { createImage } from "#src/fib/image.ts";
import { parseAddress } from "#src/net/address.ts";
import { systemClock } from "#src/net/clock.ts";
import { parsePrefix } from "#src/net/prefix.ts";
import { createBatch, ROW, ROW_WORDS, VERDICT, VIRTIO_HEADER_LENGTH } from "#src/port/batch.ts";
import { LivePort } from "#src/port/live-port.ts";
import { NO_COUNTERS } from "#src/port/port.ts";
import { createTapMemory } from "#src/port/tap-memory.ts";

const [hash, selector, frames] = JSON.parse(process.argv[2]);
const SLOT_BYTES = 256;
/** Of V8's `OptimizationStatus` (src/runtime/runtime.h). */
const OPTIMIZED = 1 << 4;
const statusOf = new Function("compiled", "return %GetOptimizationStatus(compiled)");

/** As a ring is to its worker: what waits is one word, and there is nothing to compile in it. */
class HeldPort {
  name = "held";
  batch = createBatch(new Uint8Array(SLOT_BYTES * 64));
  waiting = 0;

  receive() {
    this.batch.count = this.waiting;
    this.waiting = 0;
    return this.batch.count;
  }

  transmit() {
    return 0;
  }

  counters() {
    return NO_COUNTERS;
  }

  close() {}
}

allowInlining();
const identity = createPortIdentity(0);
Object.assign(identity, { macHigh: 0x0200, macLow: 0x9e3779b9 });
const live = new LivePort("held", () => new HeldPort());
live.renew();
warmUp({ hash, selector, ports: [live] });

const fib = createFib({ buffers: createImage(1 << 19), selector, selectorOptions: {}, hash, workers: 0 });
for (const subnet of ["10.0.0.0/24", "2001:db8:0:2::/64"]) fib.attach({ prefix: parsePrefix(subnet), port: 0 });
for (const [to, via] of [
  ["198.51.100.0/24", "10.0.0."],
  ["2001:db8:51::/48", "2001:db8:0:2::"],
]) {
  const nextHops = [11, 12, 13].map((last) => ({ address: parseAddress(`${via}${last}`), weight: 1 }));
  fib.apply([{ prefixes: [parsePrefix(to)], protocol: "bgp", nextHops }]);
  for (const { address } of nextHops) fib.setNeighbor(address, 0, { mac: 0x02a5_e1f2_c3d4, source: 0x0200_9e37_79b9, mtu: 1500 });
}
fib.publish();

const { outer } = surround(live, createPortSettings(1), {
  index: 0,
  worker: 0,
  copies: createTapMemory(1 << 16),
  clock: systemClock,
});
const forward = createForwarder({ image: fib.image, hash, selector, ports: [identity], ownSources: createOwnSources() });
const breathe = createLoop({
  ports: [outer],
  isTagged: [false],
  forward,
  counters: createCounterWriter(createCounterMemory()),
  channel: createChannelWriter(createChannelMemory(1 << 16)),
});
const isCompiled = () => (statusOf(breathe) & OPTIMIZED) !== 0;
// V8 compiles in a thread of its own, and may not have ended. A few breaths are not what makes it begin.
for (let attempt = 0; attempt < 20 && !isCompiled(); attempt++) {
  await delay(50);
  breathe();
}
process.stdout.write("warm\n");
// With what is collected goes the code that was compiled for it.
for (let i = 0; i < 3; i++) globalThis.gc();
// Asked before there are packets, which would make it hot.
const begins = isCompiled() ? "compiled" : "interpreted";
const { inner } = live;
let forwarded = 0;
for (const text of frames) {
  const { bytes, rows } = inner.batch;
  const frame = Buffer.from(text, "hex");
  bytes.set(frame, VIRTIO_HEADER_LENGTH);
  rows.fill(0, 0, ROW_WORDS);
  rows[ROW.offset] = VIRTIO_HEADER_LENGTH;
  rows[ROW.length] = rows[ROW.wireLength] = frame.length;
  inner.waiting = 1;
  breathe();
  breathe();
  if (rows[ROW.verdict] === VERDICT.forward) forwarded++;
}
process.stdout.write(`forwarded ${forwarded}, ${begins}\n`);
