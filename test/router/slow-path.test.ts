import { describe, expect, it } from "vitest";
import { CHANNEL_KIND } from "#src/dataplane/channel.ts";
import { SLOW } from "#src/dataplane/verdict.ts";
import { createImage, openImage } from "#src/fib/image.ts";
import { type Address, formatAddress, readIpv4 } from "#src/net/address.ts";
import { ROW, VERDICT, VIRTIO_HEADER_LENGTH } from "#src/port/batch.ts";
import { Loopback } from "#src/port/loopback.ts";
import type { ErrorReason, IcmpErrors } from "#src/router/icmp-errors.ts";
import { createSlowPath } from "#src/router/slow-path.ts";
import { makePacket } from "../dataplane/packets.ts";

/** Over a core that forwards to whoever is resolved. */
function makeSlowPath() {
  const port = new Loopback({ name: "port0", queueFrames: 4096 });
  const wire = new Loopback({ name: "wire0", queueFrames: 4096 });
  port.connect(wire);
  const resolved = new Set<Address>();
  const told: [ErrorReason, string][] = [];
  const asked = new Set<Address>();
  const slowPath = createSlowPath({
    forward({ bytes, rows }) {
      const isResolved = resolved.has(readIpv4(bytes, rows[ROW.offset] + 30));
      rows[ROW.verdict] = isResolved ? VERDICT.forward : VERDICT.slow;
      rows[ROW.reason] = isResolved ? 0 : SLOW.neighbor;
      rows[ROW.egress] = 0;
    },
    image: openImage(createImage(1 << 16)),
    ports: [port],
    identities: [{ macHigh: 0x0200, macLow: 1, vlans: 0 }],
    errors: {
      make: (reason, packet) => void told.push([reason, formatAddress(readIpv4(packet, 16))]),
      counters: () => ({ errors: told.length, limited: 0, unanswered: 0 }),
    } satisfies IcmpErrors,
    neighborOf: (_, address) => ({ address, port: 0 }),
    resolve(address) {
      asked.add(address);
      return resolved.has(address) ? "reachable" : "incomplete";
    },
    receive: () => {},
    isUnseen: [false],
    answer: () => undefined,
    discover: () => {},
    explain: () => {},
  });
  let taken = 0;
  const take = (destination: string, sourcePort = 1024): void => {
    const frame = makePacket({ destination, sourcePort });
    const bytes = new Uint8Array(VIRTIO_HEADER_LENGTH + frame.length);
    bytes.set(frame, VIRTIO_HEADER_LENGTH);
    slowPath.take({ kind: CHANNEL_KIND.slow + SLOW.neighbor, port: 0, nextHop: 1, bytes });
    taken++;
  };
  const expectBalance = (): void => {
    const { released, fragmented, abandoned, held } = slowPath.counters();
    expect(released + fragmented + abandoned + held).toBe(taken);
  };
  return { slowPath, wire, resolved, told, asked, take, expectBalance };
}

const NODE = 0x0a000b02;

describe("packets whose neighbor is not resolved", () => {
  it("wait, 64 of a neighbor and no more, and leave in their order when he is", () => {
    const { slowPath, wire, resolved, asked, take, expectBalance } = makeSlowPath();
    for (let i = 0; i < 100; i++) take("10.0.11.2", 1000 + i);
    expectBalance();
    expect(slowPath.counters()).toMatchObject({ held: 64, abandoned: 36, released: 0, originated: 0 });
    expect([...asked]).toEqual([NODE]);
    resolved.add(NODE);
    slowPath.release(NODE);
    expect(slowPath.counters()).toMatchObject({ held: 0, abandoned: 36, released: 64, originated: 64 });
    const sourcePorts = wire.take().map(({ bytes }) => (bytes[34] << 8) | bytes[35]);
    expect(sourcePorts).toEqual(Array.from({ length: 64 }, (_, i) => 1000 + i));
    slowPath.release(NODE);
    expectBalance();
    expect(wire.take()).toEqual([]);
  });

  it("wait, 1024 in all and no more", () => {
    const { slowPath, take, expectBalance } = makeSlowPath();
    for (let host = 0; host < 200; host++) for (let i = 0; i < 10; i++) take(`10.0.12.${host + 1}`);
    expect(slowPath.counters()).toMatchObject({ held: 1024, abandoned: 976 });
    // Room is had again.
    slowPath.abandon(0x0a000c01);
    take("10.0.12.250");
    expect(slowPath.counters()).toMatchObject({ held: 1015, abandoned: 986 });
    expectBalance();
  });

  it("are gone when nobody answers, and each sender is told", () => {
    const { slowPath, wire, told, take, expectBalance } = makeSlowPath();
    for (let i = 0; i < 3; i++) take("10.0.11.2");
    take("10.0.11.3");
    slowPath.abandon(NODE);
    expect(told).toEqual(Array.from({ length: 3 }, () => ["neighbor-failed", "10.0.11.2"]));
    expect(slowPath.counters()).toMatchObject({ held: 1, abandoned: 3, released: 0 });
    expectBalance();
    expect(wire.take()).toEqual([]);
  });

  it("go at once where the answer came while they were on their way", () => {
    const { slowPath, wire, resolved, take, expectBalance } = makeSlowPath();
    resolved.add(NODE);
    take("10.0.11.2");
    expect(slowPath.counters()).toMatchObject({ held: 0, released: 1 });
    expectBalance();
    expect(wire.take()).toHaveLength(1);
  });
});
