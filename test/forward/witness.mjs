// Worker: hears everything on an interface until it is told to stop, and posts how many UDP frames were for the station whose MAC ends
// in `last`, and how many for another.

import { parentPort, workerData } from "node:worker_threads";
import { ROW, ROW_WORDS } from "#src/port/batch.ts";
import { PacketRing } from "#src/port/packet-ring.ts";
import { PacketWaiter } from "#src/port/packet-waiter.ts";

const { name, last, wakeDescriptor, stop } = workerData;
const ring = new PacketRing({ interface: name });
const waiter = new PacketWaiter([ring], wakeDescriptor);
let right = 0;
let wrong = 0;
parentPort.postMessage("ready");
while (true) {
  const count = ring.receive();
  if (count === 0) {
    if (Atomics.load(stop, 0) !== 0) break;
    waiter.wait(100);
    continue;
  }
  const { bytes, rows } = ring.batch;
  for (let row = 0; row < count * ROW_WORDS; row += ROW_WORDS) {
    const frame = rows[row + ROW.offset];
    if (bytes[frame + 12] !== 8 || bytes[frame + 13] !== 0 || bytes[frame + 23] !== 17) continue;
    if (bytes[frame + 5] === last) right++;
    else wrong++;
  }
}
const { receiveDrops } = ring.counters();
waiter.close();
ring.close();
parentPort.postMessage({ right, wrong, receiveDrops });
