// Program in a host's namespace: prints every IP frame that comes in by eth0, as hex, a line each.

import { ROW, ROW_WORDS } from "#src/port/batch.ts";
import { PacketRing } from "#src/port/packet-ring.ts";
import { PacketWaiter } from "#src/port/packet-waiter.ts";
import { Wake } from "#src/port/wake.ts";

const ring = new PacketRing({ interface: "eth0" });
const waiter = new PacketWaiter([ring], new Wake().descriptor);
process.stdout.write("ready\n");
setInterval(() => {
  waiter.wait(50);
  const count = ring.receive();
  const { bytes, rows } = ring.batch;
  for (let row = 0; row < count * ROW_WORDS; row += ROW_WORDS) {
    const frame = Buffer.from(bytes.subarray(rows[row + ROW.offset], rows[row + ROW.offset] + rows[row + ROW.length]));
    if (frame.readUInt16BE(12) !== 0x0806) process.stdout.write(`${frame.toString("hex")}\n`);
  }
}, 1);
