// Worker: hears everything on an interface until it is told to stop, and posts how many UDP frames are what should come here, and how
// many are not: with these two MAC addresses, to one of these destinations, one hop further, with a header whose checksum is right.

import { parentPort, workerData } from "node:worker_threads";
import { ROW, ROW_WORDS } from "#src/port/batch.ts";
import { PacketRing } from "#src/port/packet-ring.ts";
import { PacketWaiter } from "#src/port/packet-waiter.ts";
import { sum16 } from "#src/wire/checksum.ts";

const { name, macs, destinations, wakeDescriptor, stop } = workerData;
const ring = new PacketRing({ interface: name });
const waiter = new PacketWaiter([ring], wakeDescriptor);
let right = 0;
let wrong = 0;

function isRight(bytes, frame) {
  for (let i = 0; i < macs.length; i++) if (bytes[frame + i] !== macs[i]) return false;
  const at = frame + 30;
  const destination = ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
  return destinations.includes(destination) && bytes[frame + 22] === 63 && sum16(bytes, frame + 14, 20) === 0xffff;
}

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
    if (isRight(bytes, frame)) right++;
    else wrong++;
  }
}
const { receiveDrops } = ring.counters();
waiter.close();
ring.close();
parentPort.postMessage({ right, wrong, receiveDrops });
