/**
 * The process of a `pcap-live` port: the package `cap`, alone, where it may die. Frames that libpcap captures go to stdout, those
 * on stdin are sent; the interface's name is its one argument. It ends when its stdin does, or when `cap` finds the interface
 * down. Started by `pcap-live-thread.ts`.
 */
import { readdirSync, readlinkSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import { loadNative } from "../../native-bindings/index.ts";
import { systemClock } from "../net/clock.ts";
import { LARGEST_FRAME } from "./frame-slots.ts";
import { createMessageReader, MESSAGE, MESSAGE_HEAD_BYTES, writeMessage } from "./pcap-live-stream.ts";

/** Of the package, what is used here. */
interface Capture {
  open(device: string, filter: string, bufferBytes: number, buffer: Buffer): string;
  send(frame: Buffer, length: number): void;
  on(event: "packet", take: (length: number, isCut: boolean) => void): void;
}

/** As much as 8192 slots of the packet ring. */
const KERNEL_BUFFER_BYTES = 16 * 1024 * 1024;
/**
 * What the kernel itself sends, and other sockets, is not received. The very first frame is lost by that: libpcap filters it
 * itself, beside the kernel, and knows no direction there.
 */
const FILTER = "inbound";
const WANTED_LINK = "ETHERNET";
const OUTGOING_BYTES = 256 * 1024;
const DROPS_EVERY_MS = 100;
const STDOUT = 1;

const [, , device] = process.argv;
// `cap` keeps a bare pointer to it: it has to live as long as the capture does.
const captured = Buffer.alloc(LARGEST_FRAME);
const outgoing = Buffer.alloc(OUTGOING_BYTES);
let used = 0;
let isFlushing = false;
let unsent = 0;

function loadCap(): new () => Capture {
  try {
    return (createRequire(import.meta.url)("cap") as { Cap: new () => Capture }).Cap;
  } catch (error) {
    throw new Error(
      `cannot load the package cap: ${(error as Error).message.split("\n")[0]}; wanted it installed and built ` +
        "(libpcap-dev and g++, `npm install`, then `npm run build:native`)",
    );
  }
}

/** Blocks while nobody reads: frames then wait in libpcap's buffer, which counts what it loses. */
function flush(): void {
  isFlushing = false;
  for (let at = 0; at < used; ) at += writeSync(STDOUT, outgoing, at, used - at);
  used = 0;
}

/** Everything that comes in one turn of the event loop goes in one piece. */
function say(kind: number, value: number, bytes?: Uint8Array): void {
  if (used + MESSAGE_HEAD_BYTES + (bytes?.length ?? 0) > OUTGOING_BYTES) flush();
  used = writeMessage(outgoing, used, kind, value, bytes);
  if (!isFlushing) setImmediate(flush);
  isFlushing = true;
}

const socketsOf = (): Set<number> =>
  new Set(
    readdirSync("/proc/self/fd")
      .map(Number)
      .filter((descriptor) => isSocket(descriptor)),
  );

function isSocket(descriptor: number): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith("socket:");
  } catch {
    return false;
  }
}

/** `cap` does not say what libpcap has dropped; the addon asks its socket. Without the addon nobody knows. */
function findDropCount(before: ReadonlySet<number>): (() => number) | undefined {
  try {
    const { packetDrops } = loadNative();
    const descriptor = [...socketsOf()].find((one) => !before.has(one) && packetDrops(one) >= 0);
    return descriptor === undefined ? undefined : () => Math.max(0, packetDrops(descriptor));
  } catch {
    return undefined;
  }
}

function capture(): void {
  const cap = new (loadCap())();
  const before = socketsOf();
  const link = cap.open(device, FILTER, KERNEL_BUFFER_BYTES, captured);
  if (link !== WANTED_LINK) throw new Error(`frames of the kind ${link}; wanted an Ethernet interface`);
  cap.on("packet", (length, isCut) => say(MESSAGE.frame, isCut ? length + 1 : length, captured.subarray(0, length)));

  const take = createMessageReader((_kind, _value, frame) => {
    try {
      cap.send(frame, frame.length);
    } catch {
      say(MESSAGE.unsent, ++unsent);
    }
  });
  process.stdin.on("data", take);
  process.stdin.on("end", () => process.exit(0));

  const countDrops = findDropCount(before);
  let drops = 0;
  const tellDrops = (): void => {
    const more = countDrops?.() ?? 0;
    drops += more;
    if (more > 0) say(MESSAGE.drops, drops);
    systemClock.setTimer(DROPS_EVERY_MS, tellDrops);
  };
  tellDrops();
  say(MESSAGE.ready, 0);
}

try {
  capture();
} catch (error) {
  process.stderr.write(`${device}: ${(error as Error).message}\n`);
  process.exit(2);
}
