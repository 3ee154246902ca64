/**
 * The hosts of the wire bench, each a process in its namespace. `generate MAC ADDRESS SECONDS BYTES RATE` sends UDP packets of
 * 64 k flows to that address over `out` (one packet for 0 seconds), in frames of so many bytes, so many packets a second (0: as
 * fast as it can); `catch` prints the first UDP packet that comes in by `in`, as hex.
 */
import { loadNative } from "../native-bindings/index.ts";
import { parseAddress } from "../src/net/address.ts";
import { macHigh, macLow, parseMac } from "../src/net/mac.ts";
import { ROW, ROW_WORDS } from "../src/port/batch.ts";
import { findInterface } from "../src/port/interface.ts";
import { PacketRing } from "../src/port/packet-ring.ts";
import { PacketWaiter } from "../src/port/packet-waiter.ts";
import { Wake } from "../src/port/wake.ts";
import { checksum } from "../src/wire/checksum.ts";
import { writeMac } from "../src/wire/ethernet.ts";
import { readProtocol } from "../src/wire/ipv4.ts";

const FLOWS = 65_536;
/** Enough of the caught packet to compare: a frame of 64 bytes without its check sequence, which a veth has not. */
const CAUGHT_BYTES = 60;

function createFrame(mac: string, address: string, length: number): Uint8Array {
  const frame = new Uint8Array(length);
  const view = new DataView(frame.buffer);
  const [to, from] = [parseMac(mac) ?? 0, findInterface("out").mac];
  writeMac(frame, 0, macHigh(to), macLow(to));
  writeMac(frame, 6, macHigh(from), macLow(from));
  view.setUint16(12, 0x0800);
  view.setUint16(14, 0x4500);
  view.setUint16(16, length - 14);
  view.setUint32(22, 0x40110000);
  view.setUint32(26, 0x0a000102);
  view.setUint32(30, Number(parseAddress(address)));
  view.setUint16(24, checksum(frame, 14, 20));
  view.setUint16(36, 9);
  view.setUint16(38, length - 34);
  return frame;
}

function generate(frame: Uint8Array, seconds: number, packetsPerSecond: number): void {
  const count = seconds === 0 ? 1 : 0xffffffff;
  const result = loadNative().generate("out", frame, count, seconds || 1, packetsPerSecond, seconds === 0 ? 1 : FLOWS, false);
  console.log(JSON.stringify(result));
}

function catchOne(): void {
  const ring = new PacketRing({ interface: "in" });
  const wake = new Wake();
  const waiter = new PacketWaiter([ring], wake.descriptor);
  console.log("listening");
  for (let tries = 0; tries < 100; tries++) {
    const count = ring.receive();
    for (let i = 0; i < count; i++) {
      const at = ring.batch.rows[i * ROW_WORDS + ROW.offset];
      if (readProtocol(ring.batch.bytes, at + 14) !== 17) continue;
      console.log(Buffer.from(ring.batch.bytes.subarray(at, at + CAUGHT_BYTES)).toString("hex"));
      process.exit(0);
    }
    waiter.wait(100);
  }
  process.exit(1);
}

const [role, ...words] = process.argv.slice(2);
if (role === "generate") {
  const [mac, address, seconds, length, packetsPerSecond] = words;
  generate(createFrame(mac, address, Number(length)), Number(seconds), Number(packetsPerSecond));
} else catchOne();
