// Numbered packets over UDP, some flows side by side. `send ADDRESS FLOWS PACKETS_PER_SECOND` sends until SIGTERM, ends each flow with
// a mark and says how many it sent; `receive FLOWS` hears until every flow has ended, and says how many came and how many of them
// twice.

import { createSocket } from "node:dgram";

const PORT = 9000;
const FIRST_SOURCE_PORT = 20_000;
const TURN_MS = 5;
const MARK = 0xffffffff;
/** Of the mark: a flow that were lost with its end would never end. */
const MARKS = 20;

const say = (what) => console.log(typeof what === "string" ? what : JSON.stringify(what));

function encode(flow, number) {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(flow, 0);
  bytes.writeUInt32BE(number, 4);
  return bytes;
}

async function send(address, flows, packetsPerSecond) {
  const sockets = [];
  for (let flow = 0; flow < flows; flow++) {
    const socket = createSocket("udp4");
    await new Promise((resolve) => socket.bind(FIRST_SOURCE_PORT + flow, resolve));
    sockets.push(socket);
  }
  const to = (flow, number) =>
    new Promise((resolve, reject) =>
      sockets[flow].send(encode(flow, number), PORT, address, (error) => (error ? reject(error) : resolve())),
    );
  let isOver = false;
  process.on("SIGTERM", () => {
    isOver = true;
  });
  say("begins");
  const begun = performance.now();
  let sent = 0;
  while (!isOver) {
    const due = Math.min(((performance.now() - begun) / 1000) * packetsPerSecond, sent + packetsPerSecond / 50);
    for (; sent < due; sent++) await to(sent % flows, Math.floor(sent / flows));
    await new Promise((resolve) => setTimeout(resolve, TURN_MS));
  }
  for (let i = 0; i < MARKS; i++) {
    for (let flow = 0; flow < flows; flow++) await to(flow, MARK);
    await new Promise((resolve) => setTimeout(resolve, TURN_MS));
  }
  for (const socket of sockets) socket.close();
  say({ sent });
}

function receive(flows) {
  const heard = Array.from({ length: flows }, () => new Set());
  const ended = new Set();
  let twice = 0;
  const socket = createSocket({ type: "udp4", recvBufferSize: 1 << 22 });
  socket.on("message", (bytes) => {
    const flow = bytes.readUInt32BE(0);
    const number = bytes.readUInt32BE(4);
    if (number === MARK) {
      ended.add(flow);
      if (ended.size < flows) return;
      socket.close();
      return say({ received: heard.reduce((sum, numbers) => sum + numbers.size, 0), twice });
    }
    if (heard[flow].has(number)) twice++;
    heard[flow].add(number);
  });
  socket.bind(PORT, () => say("begins"));
}

const [what, ...words] = process.argv.slice(2);
if (what === "send") await send(words[0], Number(words[1]), Number(words[2]));
else receive(Number(words[0]));
