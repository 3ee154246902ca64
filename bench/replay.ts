/**
 * How fast is a cached capture replayed? TCP packets of 64 bytes of many flows, in a pcap file that was just written, through
 * `ecmp replay`'s own road: reading, decoding, the forwarding core, the count of flows, and, in the last row, captures for
 * each next hop. Before anything is timed, each next hop must have got the packets that the offline explanation gives it.
 */
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createExplainer } from "../src/experiment/explain.ts";
import { replayCapture } from "../src/experiment/replay.ts";
import type { ReplayReport } from "../src/experiment/replay-report.ts";
import type { FibState } from "../src/fib/state.ts";
import { systemClock } from "../src/net/clock.ts";
import { randomBelow, seededRandom } from "../src/net/random.ts";
import { checksum } from "../src/wire/checksum.ts";
import { murmur3 } from "./reference.ts";
import { median } from "./statistics.ts";

const PACKETS = 5_000_000;
const FLOWS = 100_000;
const FRAME_BYTES = 64;
const RECORD_BYTES = 16 + FRAME_BYTES;
const PIECE_PACKETS = 10_000;
const ROUNDS = 3;
const SEED = 42;
const NODES = ["10.1.0.2", "10.1.0.3", "10.1.0.4", "10.1.0.5"];
const SERVICE = 0xc633640a;

const STATE: FibState = {
  hash: { algorithm: "xxh32", fields: ["5-tuple"], seed: SEED },
  selector: { name: "modulo" },
  memberOrder: "address",
  groups: [
    {
      id: 1,
      prefixes: ["198.51.100.0/24"],
      members: NODES.map((address) => ({ address, weight: 1, share: 1 })),
      reduction: "buckets",
      owners: [0, 1, 2, 3],
    },
  ],
};

export interface ReplayFigure {
  readonly name: string;
  readonly millionPerSecond: number;
  readonly nanosecondsPerPacket: number;
  /** To one murmur3 over four words, timed in the same round. */
  readonly ratioToReference: number;
}

export async function run(): Promise<ReplayFigure[]> {
  const directory = mkdtempSync(join(tmpdir(), "ecmp-bench-replay-"));
  try {
    const capture = join(directory, "in.pcap");
    const packetsByNextHop = writeCapture(capture);
    const threads = availableParallelism();
    const setups = [
      { name: "1 thread", options: { threads: 1 } },
      { name: `${threads} threads`, options: { threads } },
      { name: `${threads} threads, captures out`, options: { threads, directory: join(directory, "out") } },
    ];
    const replay = (options: { threads: number; directory?: string }) => replayCapture({ state: STATE, capture, ...options });
    for (const { options } of setups) assertEqualAnswers((await replay(options)).report, packetsByNextHop);

    const figures: ReplayFigure[] = [];
    for (const { name, options } of setups) {
      const rounds: { nanoseconds: number; reference: number }[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const reference = timeReference();
        const startMs = systemClock.nowMs();
        await replay(options);
        rounds.push({ nanoseconds: ((systemClock.nowMs() - startMs) * 1e6) / PACKETS, reference });
      }
      const nanosecondsPerPacket = median(rounds.map(({ nanoseconds }) => nanoseconds));
      const ratioToReference = median(rounds.map(({ nanoseconds, reference }) => nanoseconds / reference));
      figures.push({ name, nanosecondsPerPacket, millionPerSecond: 1e3 / nanosecondsPerPacket, ratioToReference });
    }
    print(figures);
    return figures;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function timeReference(): number {
  const words = new Uint32Array(4);
  const hashes = 5_000_000;
  let total = 0;
  const startMs = systemClock.nowMs();
  for (let i = 0; i < hashes; i++) {
    words[3] = i;
    total = (total + murmur3(words, 4, SEED)) | 0;
  }
  if (!Number.isInteger(total)) throw new Error("The hashes did not add up to a whole number");
  return ((systemClock.nowMs() - startMs) * 1e6) / hashes;
}

/** Returns how many packets each next hop should get. */
function writeCapture(path: string): Map<string, number> {
  const explain = createExplainer(STATE);
  const random = seededRandom(SEED);
  const flows = Array.from({ length: FLOWS }, () => {
    const source = 0x0a000000 + randomBelow(random, 1 << 24);
    const sourcePort = 1024 + randomBelow(random, 60_000);
    const flow = { protocol: 6, source, destination: SERVICE, sourcePort, destinationPort: 80 };
    return { record: makeRecord(source, sourcePort), nextHop: explain(flow).nextHop ?? "none" };
  });
  const wanted = new Map<string, number>();
  const header = Buffer.from("d4c3b2a1020004000000000000000000" + "0000040001000000", "hex");
  const descriptor = openSync(path, "w");
  writeSync(descriptor, header);
  const piece = Buffer.alloc(RECORD_BYTES * PIECE_PACKETS);
  for (let written = 0; written < PACKETS; written += PIECE_PACKETS) {
    for (let i = 0; i < PIECE_PACKETS; i++) {
      const { record, nextHop } = flows[randomBelow(random, FLOWS)];
      record.copy(piece, i * RECORD_BYTES);
      wanted.set(nextHop, (wanted.get(nextHop) ?? 0) + 1);
    }
    writeSync(descriptor, piece);
  }
  closeSync(descriptor);
  return wanted;
}

function makeRecord(source: number, sourcePort: number): Buffer {
  const record = Buffer.alloc(RECORD_BYTES);
  record.writeUInt32LE(FRAME_BYTES, 8);
  record.writeUInt32LE(FRAME_BYTES, 12);
  record.writeUInt32BE(0x02000000, 16);
  record.writeUInt16BE(0x0800, 28);
  record.writeUInt32BE(0x45000032, 30);
  record.writeUInt32BE(0x40060000, 38);
  record.writeUInt32BE(source, 42);
  record.writeUInt32BE(SERVICE, 46);
  record.writeUInt16BE(checksum(record, 30, 20), 40);
  record.writeUInt16BE(sourcePort, 50);
  record.writeUInt16BE(80, 52);
  return record;
}

function assertEqualAnswers({ nextHops, forwarded }: ReplayReport, wanted: ReadonlyMap<string, number>): void {
  for (const { address, packets } of nextHops) {
    if (packets === wanted.get(address)) continue;
    throw new Error(`${address} got ${packets} packets, and the explanation says ${wanted.get(address)}`);
  }
  if (forwarded !== PACKETS) throw new Error(`${forwarded} of ${PACKETS} packets were forwarded`);
}

function print(figures: readonly ReplayFigure[]): void {
  console.log(
    `Replay of ${PACKETS} TCP packets of ${FRAME_BYTES} bytes, ${FLOWS} flows, four next hops, starting threads included`,
  );
  console.table(
    figures.map(({ name, millionPerSecond, nanosecondsPerPacket, ratioToReference }) => ({
      setup: name,
      "million per second": Number(millionPerSecond.toFixed(2)),
      "ns per packet": Number(nanosecondsPerPacket.toFixed(0)),
      "x murmur3": Number(ratioToReference.toFixed(1)),
    })),
  );
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await run();
