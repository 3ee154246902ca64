// Worker: everything that arrives at one interface leaves by the other, both ways, until the stop word is set.

import { parentPort, workerData } from "node:worker_threads";
import { ROW, ROW_WORDS, VERDICT } from "#src/port/batch.ts";
import { PacketRing } from "#src/port/packet-ring.ts";
import { PacketWaiter } from "#src/port/packet-waiter.ts";

const { interfaces, wakeDescriptor, words } = workerData;
const ports = interfaces.map((name) => new PacketRing({ interface: name }));
const waiter = new PacketWaiter(ports, wakeDescriptor);
let largest = 0;
parentPort.postMessage("ready");
while (Atomics.load(words, 0) === 0) {
  let total = 0;
  for (const [index, port] of ports.entries()) {
    const count = port.receive();
    if (count === 0) continue;
    total += count;
    const { rows } = port.batch;
    for (let row = 0; row < count * ROW_WORDS; row += ROW_WORDS) {
      largest = Math.max(largest, rows[row + ROW.length]);
      const cut = rows[row + ROW.length] < rows[row + ROW.wireLength];
      rows[row + ROW.verdict] = cut ? VERDICT.drop : VERDICT.forward;
      rows[row + ROW.egress] = 1 - index;
    }
    ports[1 - index].transmit(port.batch, 1 - index);
  }
  if (total === 0) waiter.wait(500);
}
const counters = ports.map((port) => port.counters());
for (const part of [waiter, ...ports]) part.close();
parentPort.postMessage({ counters, largest });
