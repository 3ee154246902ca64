// Worker: receives what generate sends until all sinks together have `expected` or it is told to stop, and counts what a flow
// lacks and what comes again or too late. It posts "ready" once it hears, then its findings.

import { parentPort, workerData } from "node:worker_threads";
import { ROW, ROW_WORDS } from "#src/port/batch.ts";
import { PacketRing } from "#src/port/packet-ring.ts";
import { PacketWaiter } from "#src/port/packet-waiter.ts";

const { options, flows, expected, wakeDescriptor, words, seen } = workerData;
// Shared: words[0] is the stop word, words[1] how many frames the sinks have; seen, if given, a byte for each number that came.
const ring = new PacketRing(options);
const waiter = new PacketWaiter([ring], wakeDescriptor);
const next = new Map();
let disorders = 0;
let missing = 0;
let received = 0;
parentPort.postMessage("ready");
while (true) {
  const count = ring.receive();
  if (count === 0) {
    if (Atomics.load(words, 0) !== 0 || Atomics.load(words, 1) >= expected) break;
    waiter.wait(200);
    continue;
  }
  const { bytes, rows } = ring.batch;
  for (let row = 0; row < count * ROW_WORDS; row += ROW_WORDS) {
    const payload = rows[row + ROW.offset] + 42;
    const number = (bytes[payload] << 24) | (bytes[payload + 1] << 16) | (bytes[payload + 2] << 8) | bytes[payload + 3];
    const flow = number % flows;
    const wanted = next.get(flow) ?? flow;
    if (number < wanted) disorders++;
    else missing += (number - wanted) / flows;
    if (seen) seen[number] = 1;
    next.set(flow, number + flows);
  }
  received += count;
  Atomics.add(words, 1, count);
}
const counters = ring.counters();
waiter.close();
ring.close();
parentPort.postMessage({ received, disorders, missing, flows: [...next.keys()], counters });
