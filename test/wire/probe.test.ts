import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isIpv4, parseAddress } from "#src/net/address.ts";
import { type Flow, parseFlow } from "#src/net/flow.ts";
import { decodeAnswer, decodeIpv4Answer, encodeProbe } from "#src/wire/probe.ts";
import { slowChecksum } from "../oracle/checksum.ts";

const FLOWS = [
  "udp 10.0.1.2:33434 198.51.100.10:53",
  "tcp 10.0.1.2:40000 198.51.100.10:80",
  "icmp 10.0.1.2 198.51.100.10",
  "udp [2001:db8:1::2]:33434 [2001:db8:51::10]:53",
  "tcp [2001:db8:1::2]:40000 [2001:db8:51::10]:80",
  "icmp6 2001:db8:1::2 2001:db8:51::10",
].map((text): [string, Flow] => [text, parseFlow(text) as Flow]);
const ROUTER = { v4: parseAddress("10.0.1.1")!, v6: parseAddress("2001:db8:1::1")! };

const headerOf = (flow: Flow): number => (isIpv4(flow.source) ? 20 : 40);
/** An ICMP error of the router about the packet: as a raw socket of its family brings it. */
function errorAbout(packet: Uint8Array, flow: Flow, type: number, bytes: number): ReturnType<typeof decodeAnswer> {
  const message = Buffer.concat([Buffer.from([type, 0, 0, 0, 0, 0, 0, 0]), packet.subarray(0, headerOf(flow) + bytes)]);
  if (!isIpv4(flow.source)) return decodeAnswer(58, ROUTER.v6, undefined, message);
  const header = Buffer.from("4500000000000000400100000a0001010a000102", "hex");
  return decodeIpv4Answer(Buffer.concat([header, message]));
}

describe("probes", () => {
  it.each(FLOWS)("of one flow differ in nothing that is hashed, and have right checksums: %s", (_, flow) => {
    const [first, second] = [encodeProbe(flow, 1, 1), encodeProbe(flow, 7, 0xfffe)].map((bytes) => Buffer.from(bytes));
    const at = headerOf(flow);
    const addresses = isIpv4(flow.source) ? [12, 20] : [8, 40];
    expect(first.subarray(...addresses)).toEqual(second.subarray(...addresses));
    // Ports; or of an echo its type, code and, at 4, its identifier.
    if (flow.sourcePort > 0) expect(first.readUInt32BE(at)).toBe(flow.sourcePort * 65_536 + flow.destinationPort);
    else
      expect([first.readUInt16BE(at), first.readUInt16BE(at + 4)]).toEqual([
        second.readUInt16BE(at),
        second.readUInt16BE(at + 4),
      ]);
    for (const packet of [first, second]) {
      if (isIpv4(flow.source)) expect(slowChecksum(packet.subarray(0, 20))).toBe(0);
      const pseudo = Buffer.alloc(8);
      pseudo.writeUInt32BE(packet.length - at, 0);
      pseudo.writeUInt32BE(flow.protocol, 4);
      const parts = flow.protocol === 1 ? [] : [packet.subarray(...addresses), pseudo];
      expect(slowChecksum(Buffer.concat([...parts, packet.subarray(at)]))).toBe(0);
    }
  });

  it.each(FLOWS)("are known again from the errors that quote them: %s", (_, flow) => {
    const isV4 = isIpv4(flow.source);
    const [exceeded, unreachable, tooBig] = isV4 ? [11, 3, 5] : [3, 1, 2];
    for (const id of [1, 256, 0xfffe]) {
      const packet = encodeProbe(flow, 1, id);
      const from = isV4 ? ROUTER.v4 : ROUTER.v6;
      expect(errorAbout(packet, flow, exceeded, 12)).toEqual({ kind: "time-exceeded", from, flow, id });
      expect(errorAbout(packet, flow, unreachable, 12)).toEqual({ kind: "unreachable", from, flow, id });
      expect(errorAbout(packet, flow, tooBig, 12)).toBeUndefined();
      // The least that an error of IPv4 quotes (RFC 792).
      if (isV4) expect(errorAbout(packet, flow, exceeded, 8)).toEqual({ kind: "time-exceeded", from, flow, id });
      expect(errorAbout(packet, flow, exceeded, 7)).toBeUndefined();
    }
  });

  it("are known again from what their destination says", () => {
    const [, flow] = FLOWS[1];
    const segment = Buffer.alloc(20);
    segment.writeUInt16BE(80, 0);
    segment.writeUInt16BE(40_000, 2);
    segment.writeUInt32BE(778, 8);
    expect(decodeAnswer(6, flow.destination, flow.source, segment)).toEqual({
      kind: "reply",
      from: flow.destination,
      flow,
      id: 777,
    });
    const echo = Buffer.from(encodeProbe(FLOWS[5][1], 9, 500)).subarray(40);
    echo[0] = 129;
    const { source, destination } = FLOWS[5][1];
    expect(decodeAnswer(58, destination, source, echo)).toMatchObject({ kind: "reply", flow: FLOWS[5][1], id: 500 });
    echo[4] ^= 1;
    expect(decodeAnswer(58, destination, source, echo)).toBeUndefined();
  });

  it("may be answered by anything at all", () => {
    const bytes = fc.uint8Array({ maxLength: 120 });
    fc.assert(fc.property(bytes, (packet) => void decodeIpv4Answer(packet)));
    const protocol = fc.constantFrom(1, 6, 17, 58);
    fc.assert(fc.property(bytes, protocol, (message, one) => void decodeAnswer(one, ROUTER.v6, ROUTER.v6, message)));
  });
});
