/** What tests of replays share: packets, the state they are forwarded by, captures of them, and what always holds of a report. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect } from "vitest";
import { type ReplayOptions, replayCapture } from "#src/experiment/replay.ts";
import type { ReplayReport } from "#src/experiment/replay-report.ts";
import { randomBelow, seededRandom } from "#src/net/random.ts";
import { makePacket, type TestPacket } from "../dataplane/packets.ts";
import { sketchState } from "./state.ts";

export const directory = mkdtempSync(join(tmpdir(), "ecmp-replay-"));
afterAll(() => rmSync(directory, { recursive: true }));
export const NODES = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];
export const STATE = sketchState({
  selector: "modulo",
  groups: [
    { prefixes: ["198.51.100.0/24", "203.0.113.64/26"], members: NODES },
    { prefixes: ["198.51.100.77/32"], members: ["10.0.0.9"] },
  ],
});

let files = 0;
export function save(bytes: Uint8Array): string {
  const path = join(directory, `${++files}.cap`);
  writeFileSync(path, bytes);
  return path;
}

export async function replay(file: Uint8Array, options: Partial<ReplayOptions> = {}) {
  const { report, fault } = await replayCapture({ state: STATE, threads: 1, capture: save(file), ...options });
  expectBalance(report);
  return { report, fault };
}

const total = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((sum, count) => sum + count, 0);

export function expectBalance({ packets, forwarded, punted, slow, dropped, nextHops, flows }: ReplayReport): void {
  expect(forwarded + punted + total(slow) + total(dropped)).toBe(packets);
  expect(nextHops.reduce((sum, nextHop) => sum + nextHop.packets, 0)).toBe(forwarded);
  expect(nextHops.reduce((sum, nextHop) => sum + nextHop.flows, 0)).toBe(flows);
}

export const frame = (packet?: TestPacket): Buffer => makePacket(packet);

/** A mixture: most are forwarded, to two prefixes and none, some are what a router does not forward. */
export function mixture(count: number, seed: number): TestPacket[] {
  const random = seededRandom(seed);
  const destinations = ["198.51.100.10", "198.51.100.77", "203.0.113.70", "203.0.113.1", "224.0.0.5"];
  return Array.from({ length: count }, () => ({
    to: ["020000000001", "02000000aa02", "ffffffffffff"][Math.max(0, randomBelow(random, 22) - 19)],
    source: `10.1.${randomBelow(random, 8)}.${1 + randomBelow(random, 20)}`,
    destination: destinations[randomBelow(random, destinations.length)],
    protocol: [6, 17, 1][randomBelow(random, 3)],
    sourcePort: 1024 + randomBelow(random, 3),
    ttl: randomBelow(random, 20) === 0 ? 1 : 64,
    fragment: randomBelow(random, 9) === 0 ? 0x2000 : 0,
    payloadBytes: randomBelow(random, 60),
  }));
}
