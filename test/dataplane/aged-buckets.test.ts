/** Resilient groups with timers, live: packets keep their buckets busy, time frees the others. */
import { describe, expect, it } from "vitest";
import { createForwarder } from "#src/dataplane/forward.ts";
import { createFields, flowToFields } from "#src/ecmp/fields.ts";
import { compileFlowHash } from "#src/ecmp/flow-hash.ts";
import { SELECTORS } from "#src/ecmp/selector.ts";
import type { SelectionTable, SelectorOptions } from "#src/ecmp/table.ts";
import { createFib } from "#src/fib/fib.ts";
import { createImage } from "#src/fib/image.ts";
import { formatAddress, parseAddress } from "#src/net/address.ts";
import { parseFlow } from "#src/net/flow.ts";
import { parsePrefix } from "#src/net/prefix.ts";
import { createBatch, ROW, ROW_WORDS, VIRTIO_HEADER_LENGTH } from "#src/port/batch.ts";
import { startBucketTimers } from "#src/router/bucket-timers.ts";
import { createFakeClock } from "../common/fake-clock.ts";
import { makePacket } from "./packets.ts";

const address = (text: string) => parseAddress(text) as number;
const prefix = (text: string) => parsePrefix(text) as NonNullable<ReturnType<typeof parsePrefix>>;
const HASH = { algorithm: "xxh32", fields: ["5-tuple"], seed: 42 };
const BUCKETS = 16;
const FLOWS = Array.from({ length: 400 }, (_, i) => 2000 + i);

function start(selector: string, timers: SelectorOptions) {
  const selectorOptions = { buckets: BUCKETS, ...timers };
  const fib = createFib({ buffers: createImage(1 << 16), selector, selectorOptions, hash: HASH, workers: 0 });
  fib.attach({ prefix: prefix("10.0.0.0/24"), port: 1 });
  for (const last of [11, 12, 13, 14])
    fib.setNeighbor(address(`10.0.0.${last}`), 1, { mac: 0x020000000a00 + last, source: 2, mtu: 1500 });
  const port = { macHigh: 0x0200, macLow: 1, vlans: 0 };
  const forward = createForwarder({ image: fib.image, hash: HASH, selector, ports: [port, port] });
  const { hashFields } = compileFlowHash(HASH, SELECTORS[selector].hashBits);
  const clock = createFakeClock();
  const moves: number[] = [];
  startBucketTimers({ fib, clock, onMoved: (buckets) => moves.push(buckets) });

  const bucketOf = (sourcePort: number): number => {
    const flow = parseFlow(`tcp 10.0.1.2:${sourcePort} 198.51.100.10:80`) as NonNullable<ReturnType<typeof parseFlow>>;
    return (hashFields(flowToFields(flow, createFields())) >>> 0) % BUCKETS;
  };
  /** A packet of each flow whose bucket is one of `buckets`. */
  const send = (buckets: readonly number[]): void => {
    for (const sourcePort of FLOWS.filter((flow) => buckets.includes(bucketOf(flow)))) {
      const frame = makePacket({ sourcePort });
      const batch = createBatch(new Uint8Array(VIRTIO_HEADER_LENGTH + frame.length), 1);
      batch.bytes.set(frame, VIRTIO_HEADER_LENGTH);
      batch.rows.set([VIRTIO_HEADER_LENGTH, frame.length, frame.length, 0], 0);
      batch.count = 1;
      forward(batch, 0);
      expect(fib.nextHopName(batch.rows[ROW_WORDS * 0 + ROW.nextHop])).toBe(address(owners()[bucketOf(sourcePort)]));
    }
  };
  const owners = (): string[] => {
    const group = fib.state().groups.find(({ prefixes }) => prefixes.includes("198.51.100.10/32"));
    if (!group) return [];
    return group.owners.map((owner) => group.members[owner].address);
  };
  const route = (to: string, ...last: number[]) => {
    const nextHops = last.map((one) => ({ address: address(`10.0.0.${one}`), weight: 1 }));
    expect(fib.apply([{ prefixes: [prefix(to)], protocol: "bgp", nextHops }])).toEqual([]);
  };
  const setMembers = (...last: number[]) => route("198.51.100.10/32", ...last);
  /** Seconds pass, each with a packet of each flow of `buckets`. */
  const passWith = (seconds: number, buckets: readonly number[]) => {
    for (let second = 0; second < seconds; second++) {
      send(buckets);
      clock.advance(1000);
    }
  };
  /** What the selector itself makes of these ages: the slow twin. */
  const expected = (before: string[], members: readonly number[], idleSeconds: number[], unbalancedSeconds = 0): string[] => {
    const table = (names: readonly string[], all: readonly string[]): SelectionTable => ({
      members: all.map((name) => ({ address: address(name), weight: 1 })),
      reduction: "buckets",
      owners: Uint16Array.from(names, (name) => all.indexOf(name)),
    });
    const all = members.map((last) => `10.0.0.${last}`);
    const known = [...new Set([...before, ...all])];
    const after = SELECTORS[selector].fill(table([], all).members, selectorOptions, table(before, known), {
      idleSeconds,
      unbalancedSeconds,
    });
    return Array.from(after.owners, (owner) => formatAddress(after.members[owner].address));
  };
  return { fib, clock, moves, send, owners, route, setMembers, passWith, expected };
}

const ALL = Array.from({ length: BUCKETS }, (_, bucket) => bucket);
const BUSY = ALL.filter((bucket) => bucket % 3 !== 0);
const IDLE = ALL.filter((bucket) => bucket % 3 === 0);

describe.each(["linux-resilient", "cumulus-spectrum"])("live buckets of %s", (selector) => {
  it("stay where packets keep them, and go to a newcomer once they have been idle for the timer's time", () => {
    const { owners, setMembers, passWith, moves, expected } = start(selector, { idleTimerSeconds: 10 });
    setMembers(11, 12, 13);
    passWith(3, ALL);
    const before = owners();
    setMembers(11, 12, 13, 14);
    expect(owners()).toEqual(before);
    passWith(8, BUSY);
    expect(owners()).toEqual(before);
    passWith(6, BUSY);
    const after = owners();
    for (const bucket of BUSY) expect(after[bucket]).toBe(before[bucket]);
    const moved = ALL.filter((bucket) => after[bucket] !== before[bucket]);
    expect(moved.length).toBeGreaterThan(0);
    for (const bucket of moved) expect([IDLE.includes(bucket), after[bucket]]).toEqual([true, "10.0.0.14"]);
    expect(moves.reduce((sum, n) => sum + n, 0)).toBe(moved.length);
    expect(after).toEqual(
      expected(
        before,
        [11, 12, 13, 14],
        ALL.map((bucket) => (BUSY.includes(bucket) ? 0 : 11)),
      ),
    );
  });

  it("keep their past when a prefix parts from a group that it shared", () => {
    const { fib, owners, route, setMembers, passWith } = start(selector, { idleTimerSeconds: 10 });
    route("198.51.100.20/32", 11, 12, 13);
    setMembers(11, 12, 13);
    expect(fib.state().groups).toHaveLength(1);
    passWith(12, BUSY);
    const before = owners();
    setMembers(11, 12, 13, 14);
    expect(fib.state().groups).toHaveLength(2);
    passWith(2, []);
    const after = owners();
    for (const bucket of BUSY) expect(after[bucket]).toBe(before[bucket]);
    expect(IDLE.filter((bucket) => after[bucket] === "10.0.0.14").length).toBeGreaterThan(0);
  });

  it("of a member that leaves move at once, busy or not, and no others", () => {
    const { owners, setMembers, passWith } = start(selector, { idleTimerSeconds: 10 });
    setMembers(11, 12, 13, 14);
    passWith(2, ALL);
    const before = owners();
    setMembers(11, 12, 14);
    const after = owners();
    for (const bucket of ALL) {
      if (before[bucket] === "10.0.0.13") expect(after[bucket]).not.toBe("10.0.0.13");
      else expect(after[bucket]).toBe(before[bucket]);
    }
  });

  it("all move when a group has been uneven for longer than the other timer allows", () => {
    const { owners, setMembers, passWith } = start(selector, { idleTimerSeconds: 60, unbalancedTimerSeconds: 5 });
    setMembers(11, 12, 13);
    passWith(2, ALL);
    setMembers(11, 12, 13, 14);
    passWith(4, ALL);
    expect(owners()).not.toContain("10.0.0.14");
    passWith(4, ALL);
    expect(owners().filter((owner) => owner === "10.0.0.14")).toHaveLength(BUCKETS / 4);
  });

  it("that nobody has used since they moved count as idle", () => {
    const { owners, setMembers } = start(selector, { idleTimerSeconds: 10 });
    setMembers(11, 12);
    setMembers(11, 12, 13, 14);
    const counts = new Map<string, number>();
    for (const owner of owners()) counts.set(owner, (counts.get(owner) ?? 0) + 1);
    expect([...counts.values()]).toEqual([4, 4, 4, 4]);
  });
});

it("a selector without timers has no clock", () => {
  const clock = createFakeClock();
  const fib = { isTimed: false, tick: () => expect.unreachable(), settle: () => expect.unreachable() };
  startBucketTimers({ fib, clock, onMoved: () => {} });
  clock.advance(10_000);
});
