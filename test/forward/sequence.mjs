// Numbered frames, over rings. `send FRAME FLOWS PACKETS_PER_SECOND` sends from eth0 until SIGTERM (0: as fast as it can), with the number in the
// frame's last four bytes and the flow in its UDP source port, then some marks, and says how many were sent; `receive FLOWS` hears at eth0
// until it has heard the marks of every flow, and says how many came, how many of them twice, how many behind a later one of their flow,
// and how many its ring had no room for.
import { setTimeout as delay, setImmediate as turn } from "node:timers/promises";
import { BATCH_CAPACITY, createBatch, ROW, ROW_WORDS, VERDICT, VIRTIO_HEADER_LENGTH } from "#src/port/batch.ts";
import { PacketRing } from "#src/port/packet-ring.ts";

const SLOT_BYTES = 2048;
const SOURCE_PORT = 34;
const TURN_MS = 1;
const MARK = 0xffffffff;
const MARKS = 20;
/** A ring that is full of numbers when the first of them come has room before the last do. */
const MARK_MS = 50;
/** What a veth of two processors has still to deliver when the first of them come is there by then. */
const ENOUGH_MARKS = 10;
const MOST_NUMBERS = 1 << 24;

const say = (what) => console.log(typeof what === "string" ? what : JSON.stringify(what));

async function send(frame, flows, packetsPerSecond) {
  const ring = new PacketRing({ interface: "eth0", receive: false });
  const batch = createBatch(new Uint8Array(SLOT_BYTES * BATCH_CAPACITY));
  const view = new DataView(batch.bytes.buffer);
  for (let i = 0; i < BATCH_CAPACITY; i++) {
    const offset = i * SLOT_BYTES + VIRTIO_HEADER_LENGTH;
    batch.bytes.set(frame, offset);
    const row = i * ROW_WORDS;
    batch.rows.set([offset, frame.length, frame.length, 0, VERDICT.forward], row);
  }
  const transmit = (numberOf, count) => {
    for (let i = 0; i < count; i++) {
      const { number, flow } = numberOf(i);
      const offset = batch.rows[i * ROW_WORDS + ROW.offset];
      view.setUint16(offset + SOURCE_PORT, 20_000 + flow);
      view.setUint32(offset + frame.length - 4, number);
    }
    batch.count = count;
    return count - ring.transmit(batch, 0);
  };
  let isOver = false;
  process.on("SIGTERM", () => {
    isOver = true;
  });
  say("begins");
  let next = 0;
  let sent = 0;
  const begun = performance.now();
  while (!isOver) {
    const due =
      packetsPerSecond === 0 ? next + BATCH_CAPACITY : Math.floor(((performance.now() - begun) / 1000) * packetsPerSecond);
    const count = Math.min(BATCH_CAPACITY, due - next);
    if (count > 0) sent += transmit((i) => ({ number: next + i, flow: (next + i) % flows }), count);
    next += Math.max(0, count);
    await (packetsPerSecond === 0 ? turn() : delay(TURN_MS));
  }
  for (let i = 0; i < MARKS; i++) {
    transmit((flow) => ({ number: MARK, flow }), flows);
    await delay(MARK_MS);
  }
  ring.close();
  say({ sent });
}

async function receive(flows) {
  const ring = new PacketRing({ interface: "eth0" });
  const heard = new Uint8Array(MOST_NUMBERS);
  const marks = new Array(flows).fill(0);
  let received = 0;
  let twice = 0;
  let late = 0;
  const last = new Array(flows).fill(-1);
  const take = (view, row, rows) => {
    const [offset, length] = [rows[row + ROW.offset], rows[row + ROW.length]];
    const flow = view.getUint16(offset + SOURCE_PORT) - 20_000;
    if (view.getUint16(offset + 12) !== 0x0800 || flow < 0 || flow >= flows) return;
    const number = view.getUint32(offset + length - 4);
    if (number === MARK) return void marks[flow]++;
    if (heard[number]++ === 0) received++;
    else twice++;
    if (number < last[flow]) late++;
    else last[flow] = number;
  };
  say("begins");
  while (marks.some((count) => count < ENOUGH_MARKS)) {
    const count = ring.receive();
    const { bytes, rows } = ring.batch;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    for (let row = 0; row < count * ROW_WORDS; row += ROW_WORDS) take(view, row, rows);
    if (count === 0) await delay(TURN_MS);
  }
  say({ received, twice, late, receiveDrops: ring.counters().receiveDrops });
  ring.close();
}

const [what, ...words] = process.argv.slice(2);
if (what === "send") await send(Buffer.from(words[0], "hex"), Number(words[1]), Number(words[2]));
else await receive(Number(words[0]));
