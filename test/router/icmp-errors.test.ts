import { describe, expect, it } from "vitest";
import type { Address } from "#src/net/address.ts";
import { type Prefix, parseInterfaceAddress } from "#src/net/prefix.ts";
import { createIcmpErrors, type ErrorReason } from "#src/router/icmp-errors.ts";
import { createFakeClock } from "../common/fake-clock.ts";
import { makePacket, makePacket6 } from "../dataplane/packets.ts";
import { slowChecksum } from "../oracle/checksum.ts";

const addresses = (...texts: string[]): Prefix[] => texts.map((text) => parseInterfaceAddress(text) as Prefix);
const PORTS = [addresses("192.0.2.1/24", "10.0.1.1/24", "fe80::1/64", "2001:db8:0:1::1/64"), addresses("10.0.0.1/24")];
const LOST = 0x0a630001;

function makeErrors() {
  const clock = createFakeClock();
  const errors = createIcmpErrors({
    clock,
    ports: () => PORTS,
    toward: (address) => (address === LOST ? undefined : { address, port: 0 }),
  });
  const make = (reason: ErrorReason, frame: Buffer, port = 0, mtu = 0): Buffer | undefined => {
    const packet = errors.make(reason, frame.subarray(14), port, mtu);
    return packet && Buffer.from(packet);
  };
  return { clock, errors, make };
}

describe("ICMP errors", () => {
  it.each<[ErrorReason, number[], number[]]>([
    ["ttl-expired", [11, 0], [3, 0]],
    ["no-route", [3, 0], [1, 0]],
    ["next-hop-unreachable", [3, 1], [1, 0]],
    ["neighbor-failed", [3, 1], [1, 3]],
    ["too-big", [3, 4], [2, 0]],
  ])("say %s to who sent, from the port's address, and quote the packet", (reason, v4, v6) => {
    const { make } = makeErrors();
    const frame = makePacket();
    const out = make(reason, frame, 0, 1400) as Buffer;
    expect([out.length, out[0], out[1], out[9]]).toEqual([20 + 8 + frame.length - 14, 0x45, 0xc0, 1]);
    expect([[...out.subarray(12, 16)], [...out.subarray(16, 20)]]).toEqual([
      [10, 0, 1, 1],
      [10, 0, 1, 2],
    ]);
    expect([slowChecksum(out.subarray(0, 20)), slowChecksum(out.subarray(20))]).toEqual([0, 0]);
    expect([[...out.subarray(20, 22)], out.readUInt32BE(24)]).toEqual([v4, 1400]);
    expect(out.subarray(28).equals(frame.subarray(14))).toBe(true);

    const frame6 = makePacket6();
    const out6 = make(reason, frame6, 0, 1400) as Buffer;
    expect([out6.subarray(8, 24).toString("hex"), out6.subarray(24, 40).equals(frame6.subarray(22, 38))]).toEqual([
      "20010db8000000010000000000000001",
      true,
    ]);
    const pseudo = Buffer.concat([
      out6.subarray(8, 40),
      Buffer.of(0, 0, (out6.length - 40) >> 8, (out6.length - 40) & 255, 0, 0, 0, 58),
    ]);
    expect(slowChecksum(Buffer.concat([pseudo, out6.subarray(40)]))).toBe(0);
    expect(out6.readUInt32BE(0)).toBe(0x60000000);
    expect([[...out6.subarray(40, 42)], out6.readUInt32BE(44)]).toEqual([v6, 1400]);
    expect(out6.subarray(48).equals(frame6.subarray(14))).toBe(true);
  });

  it("about what was for the router itself are from where that was sent to, a link-local address too", () => {
    const { make } = makeErrors();
    const out = make("port-unreachable", makePacket({ destination: "192.0.2.1" })) as Buffer;
    expect([[...out.subarray(12, 16)], [...out.subarray(20, 22)], out[8]]).toEqual([[192, 0, 2, 1], [3, 3], 64]);
    const [source, destination] = ["fe80000000000000000000000000000b", "fe800000000000000000000000000001"];
    const out6 = make("port-unreachable", makePacket6({ source, destination })) as Buffer;
    expect([out6.subarray(8, 40).toString("hex"), [...out6.subarray(40, 42)]]).toEqual([destination + source, [1, 4]]);
    expect(make("port-unreachable", makePacket({ destination: "192.0.2.1", fragment: 1 }))).toBeUndefined();
  });

  it("are no longer than every link can carry", () => {
    const { make } = makeErrors();
    expect(make("ttl-expired", makePacket({ payloadBytes: 5000 }))?.length).toBe(576);
    expect(make("ttl-expired", makePacket6({ payloadBytes: 5000 }))?.length).toBe(1280);
  });

  const icmp = (type: number) => {
    const frame = makePacket({ protocol: 1 });
    frame[34] = type;
    return frame;
  };
  const icmp6 = (type: number) => {
    const frame = makePacket6({ protocol: 58, extensions: [{ type: 60, body: new Uint8Array(7) }] });
    frame[62] = type;
    return frame;
  };
  it.each<[string, Buffer, boolean]>([
    ["an ICMP echo", icmp(8), true],
    ["a timestamp request", icmp(13), true],
    ["destination unreachable", icmp(3), false],
    ["time exceeded", icmp(11), false],
    ["a redirect", icmp(5), false],
    ["an ICMP type nobody knows", icmp(42), false],
    ["an ICMP header that is not there", makePacket({ protocol: 1 }).subarray(0, 34), false],
    ["a first fragment", makePacket({ fragment: 0x2000, protocol: 17 }), true],
    ["a later fragment", makePacket({ fragment: 0x2001, protocol: 17 }), false],
    ["an ICMPv6 echo behind an extension header", icmp6(128), true],
    ["packet too big", icmp6(2), false],
    ["an ICMPv6 redirect", icmp6(137), false],
    ["a packet from a link-local address", makePacket6({ source: "fe8000000000000000000000000000c1" }), false],
  ])("about %s", (_, frame, isOwed) => {
    const { make, errors } = makeErrors();
    expect(make("ttl-expired", frame) !== undefined).toBe(isOwed);
    expect(errors.counters()).toEqual({ errors: Number(isOwed), limited: 0, unanswered: Number(!isOwed) });
  });

  it("come from another port's address where theirs has none, and not at all without any", () => {
    const { make } = makeErrors();
    expect(make("no-route", makePacket6(), 1)?.subarray(8, 24).toString("hex")).toBe("20010db8000000010000000000000001");
    const toward = (address: Address) => ({ address, port: 0 });
    const none = createIcmpErrors({ clock: createFakeClock(), ports: () => [addresses("10.0.0.1/24")], toward });
    expect(none.make("no-route", makePacket6().subarray(14), 0)).toBeUndefined();
  });

  it("are none to a sender whom no route leads to", () => {
    const { errors, make } = makeErrors();
    expect(make("no-route", makePacket({ source: "10.99.0.1" }))).toBeUndefined();
    expect(errors.counters()).toEqual({ errors: 0, limited: 0, unanswered: 1 });
  });

  it("are limited, those of path MTU discovery apart", () => {
    const { make, errors, clock } = makeErrors();
    const sent = (reason: ErrorReason, count: number) =>
      Array.from({ length: count }, () => make(reason, makePacket())).filter((packet) => packet !== undefined).length;
    expect([sent("ttl-expired", 200), sent("too-big", 10), errors.counters().limited]).toEqual([50, 10, 150]);
    clock.advance(20);
    expect(sent("no-route", 200)).toBe(20);
    clock.advance(60_000);
    expect(sent("no-route", 200)).toBe(50);
  });
});
