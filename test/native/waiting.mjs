// Worker: opens a ring and waits on it for ever; somebody else ends it, kindly (`stop`) or not.

import { parentPort, workerData } from "node:worker_threads";
import { PacketRing } from "#src/port/packet-ring.ts";
import { PacketWaiter } from "#src/port/packet-waiter.ts";
import { Wake } from "#src/port/wake.ts";

const wake = new Wake();
const ring = new PacketRing({ interface: workerData.interfaceName });
const waiter = new PacketWaiter([ring], wake.descriptor);
parentPort.postMessage(wake.descriptor);
while (Atomics.load(workerData.words, 0) === 0) {
  if (ring.receive() === 0) waiter.wait(60_000);
}
