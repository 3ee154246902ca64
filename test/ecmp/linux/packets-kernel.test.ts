/**
 * What `ip route get` cannot ask: tunnels, fragments, extension headers, ICMP errors. Packets are sent into the kernel's
 * router as plain bytes, and the frame's destination MAC at the other side is the witness of the next hop it chose.
 */
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { readHeaders } from "#src/ecmp/linux/dissect.ts";
import { createHeaders } from "#src/ecmp/linux/headers.ts";
import { createLinuxHash, DEFAULT_LINUX_FIELDS, type LinuxHashOptions } from "#src/ecmp/linux/policy.ts";
import { linuxThreshold } from "#src/ecmp/select/linux-threshold.ts";
import { select } from "#src/ecmp/table.ts";
import { systemClock } from "#src/net/clock.ts";
import { formatMac } from "#src/net/mac.ts";
import { entropySeed, randomBelow, seededRandom } from "#src/net/random.ts";
import { findInterface } from "#src/port/interface.ts";
import { PacketRing } from "#src/port/packet-ring.ts";
import { PacketWaiter } from "#src/port/packet-waiter.ts";
import { Wake } from "#src/port/wake.ts";
import { inNamespace } from "../../common/namespace.ts";
import { batchOf, copyFrames } from "../../common/port.ts";
import {
  addNeighbors,
  createRouter,
  drawMembers,
  type FamilyNumber,
  findObstacle,
  type GroupMember,
  numberOfMac,
  setHash,
  setMultipathRoute,
  toMembers,
} from "./kernel.ts";
import { KINDS } from "./packets.ts";

const PACKETS = 100;
const MEMBERS = 13;
const CHUNK = 50;
const PATIENCE_MS = 5000;

/** Each choice of inner fields alone, each of outer ones, and some of both. */
const sixBits = Array.from({ length: 0x3f }, (_, i) => i + 1);
const masks = [...sixBits, ...sixBits.map((inner) => inner << 6), 0xfff, 0x1c7, DEFAULT_LINUX_FIELDS | 0xfc0];

await inNamespace(import.meta.url, () => {
  const obstacle = findObstacle();
  if (obstacle) return void test.skip(`Linux's multipath hash of packets: ${obstacle}`);
  const seed = entropySeed();
  const random = seededRandom(seed);
  let source: PacketRing;
  let sink: PacketRing;
  let wake: Wake;
  let waiter: PacketWaiter;
  let routerMac: readonly number[];

  beforeAll(() => {
    createRouter();
    addNeighbors(MEMBERS);
    routerMac = formatMac(findInterface("in0").mac)
      .split(":")
      .map((part) => Number.parseInt(part, 16));
    source = new PacketRing({ interface: "source0", receive: false });
    sink = new PacketRing({ interface: "sink0" });
    wake = new Wake();
    waiter = new PacketWaiter([sink], wake.descriptor);
  });
  afterAll(() => {
    waiter.close();
    for (const part of [source, sink, wake]) part.close();
  });

  /** The number of the next hop that each packet left by. Its last four bytes are taken for its index. */
  const forward = (family: FamilyNumber, packets: readonly Uint8Array[]): number[] => {
    const hops = new Array<number>(packets.length).fill(-1);
    const frames = packets.map((packet, index) => {
      new DataView(packet.buffer).setUint32(packet.length - 4, index);
      return Uint8Array.of(...routerMac, 2, 0, 0, 0, 0, 9, ...(family === 4 ? [0x08, 0x00] : [0x86, 0xdd]), ...packet);
    });
    let missing = frames.length;
    const deadline = systemClock.nowMs() + PATIENCE_MS;
    for (let first = 0; first < frames.length; first += CHUNK)
      expect(source.transmit(batchOf(frames.slice(first, first + CHUNK), 0), 0)).toBe(0);
    while (missing > 0 && systemClock.nowMs() < deadline) {
      if (sink.receive() === 0) waiter.wait(20);
      else
        for (const { bytes } of copyFrames(sink.batch)) {
          const hop = numberOfMac(bytes);
          const index = hop === 0 ? frames.length : new DataView(bytes.buffer).getUint32(bytes.length - 4);
          if (hops[index] !== -1) continue;
          hops[index] = hop;
          missing--;
        }
    }
    return hops;
  };

  const choose = (options: LinuxHashOptions, group: readonly GroupMember[], packets: readonly Uint8Array[]): number[] => {
    const hash = createLinuxHash(options);
    const members = toMembers(group);
    const table = linuxThreshold.fill(members, {});
    const headers = createHeaders();
    return packets.map((packet) => {
      expect(readHeaders(packet, 0, packet.length, headers)).toBe(true);
      return members[select(table, hash(headers))].address;
    });
  };

  describe.each([4, 6] as const)("IPv%d", (family) => {
    const settings = [
      ...([0, 1, 2] as const).map((policy) => ({ policy, fields: 0 })),
      ...masks.map((fields) => ({ policy: 3, fields }) as const),
    ];
    const kinds = Object.keys(KINDS[family]);
    const group = drawMembers(
      random,
      Array.from({ length: MEMBERS }, () => 1 + randomBelow(random, 30)),
    );
    beforeAll(() => setMultipathRoute(family, group));

    it.each(settings)("policy $policy, fields $fields: forwards every kind of packet where we say", ({ policy, fields }) => {
      const options = { policy, fields, seed: 1 + randomBelow(random, 0xffffffff) } as const;
      setHash(family, options);
      const chosen = Array.from({ length: Math.max(PACKETS, 3 * kinds.length) }, (_, i) => kinds[i % kinds.length]);
      const packets = chosen.map((kind) => KINDS[family][kind](random));
      const named = (hops: readonly number[]) => chosen.map((kind, i) => `${i} ${kind}: ${hops[i]}`);
      const witnessed = forward(family, packets);
      expect(
        named(choose(options, group, packets)),
        `seed ${seed}, hash seed ${options.seed}, members ${JSON.stringify(group)}`,
      ).toEqual(named(witnessed));
    });
  });
});
