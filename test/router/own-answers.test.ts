import { describe, expect, it } from "vitest";
import { type Ipv4Address, type Ipv6Address, parseAddress } from "#src/net/address.ts";
import { createIcmpErrors } from "#src/router/icmp-errors.ts";
import { createOwnAnswers } from "#src/router/own-answers.ts";
import { ARP_OPERATION, type ArpPacket, decodeArp, encodeArp } from "#src/wire/arp.ts";
import { encodeIcmpFrame } from "#src/wire/icmp.ts";
import { decodeNeighborMessage, encodeSolicitation } from "#src/wire/neighbor-discovery.ts";
import { createFakeClock } from "../common/fake-clock.ts";
import { echoRequest } from "../port/frames.ts";

const OURS = 0x020000000001;
const THEIRS = 0x02000000000b;
const GROUP = 0x010000000001;
const v4 = (text: string) => parseAddress(text) as Ipv4Address;
const v6 = (text: string) => parseAddress(text) as Ipv6Address;
const OWN = [v4("10.0.0.1"), v6("2001:db8::1"), v6("fe80::1")];

function makeAnswers() {
  const clock = createFakeClock();
  const addresses = OWN.map((address) => ({ address, length: 24 }));
  const answers = createOwnAnswers({
    clock,
    ports: [{ mac: OURS, addresses }],
    errors: createIcmpErrors({ clock, ports: () => [addresses], toward: () => undefined }),
    isHeardByKernel: () => false,
  });
  return { clock, answer: (frame: Uint8Array) => answers(frame, 0, frame.length, 0) };
}

const request: ArpPacket = {
  operation: ARP_OPERATION.request,
  senderMac: THEIRS,
  senderAddress: v4("10.0.0.11"),
  targetMac: 0,
  targetAddress: v4("10.0.0.1"),
};
const solicitation = { sourceMac: THEIRS, source: v6("2001:db8::b"), target: v6("2001:db8::1") };

/** A solicitation whose message has no option: the target alone. */
const bare = (source: Ipv6Address, target: Ipv6Address, sourceMac = THEIRS): Uint8Array => {
  const message = new Uint8Array(24);
  message[0] = 135;
  message.set(Buffer.from(target, "hex"), 8);
  const destination = `ff0200000000000000000001ff${target.slice(26)}`;
  return encodeIcmpFrame({ sourceMac, destinationMac: 0x3333ff000001, source, destination, hopLimit: 255, message });
};

describe("an ARP request on a port with tags", () => {
  it.each([v4("10.0.0.11"), 0])("for our address is answered, to whoever asks from %s", (senderAddress) => {
    const reply = makeAnswers().answer(encodeArp({ ...request, senderAddress })) as Uint8Array;
    const [senderMac, targetMac] = [OURS, THEIRS];
    expect(decodeArp(reply, 0, reply.length)).toEqual({
      operation: ARP_OPERATION.reply,
      senderMac,
      senderAddress: v4("10.0.0.1"),
      targetMac,
      targetAddress: senderAddress,
    });
  });

  it.each<[string, Partial<ArpPacket>]>([
    ["for another's address", { targetAddress: v4("10.0.0.2") }],
    ["that is a reply", { operation: ARP_OPERATION.reply }],
    ["from a group", { senderMac: GROUP }],
    ["from nobody", { senderMac: 0 }],
    ["from who says that he is us", { senderAddress: v4("10.0.0.1") }],
  ])("%s is not", (_, change) => {
    expect(makeAnswers().answer(encodeArp({ ...request, ...change }))).toBeUndefined();
  });
});

describe("a neighbor solicitation on a port with tags", () => {
  it.each(["2001:db8::1", "fe80::1"])("for our address %s is answered, to the MAC that it names or comes from", (text) => {
    for (const frame of [
      encodeSolicitation({ ...solicitation, target: v6(text) }),
      encodeSolicitation({ ...solicitation, target: v6(text), targetMac: OURS }),
      bare(solicitation.source, v6(text)),
    ]) {
      const reply = Buffer.from(makeAnswers().answer(frame) as Uint8Array);
      const said = { kind: "advertisement", target: v6(text), solicited: true, override: true, mac: OURS };
      expect(decodeNeighborMessage(reply, 0, reply.length)).toEqual(said);
      expect([reply.readUIntBE(0, 6), reply.subarray(38, 54).toString("hex")]).toEqual([THEIRS, solicitation.source]);
      // It is a router's.
      expect(reply[58] & 0x80).toBe(0x80);
    }
  });

  it("of somebody who wants our address is answered to all", () => {
    const reply = Buffer.from(makeAnswers().answer(bare("0".repeat(32), v6("2001:db8::1"))) as Uint8Array);
    expect(decodeNeighborMessage(reply, 0, reply.length)).toMatchObject({ solicited: false, override: true, mac: OURS });
    expect([reply.readUIntBE(0, 6), reply.subarray(38, 54).toString("hex")]).toEqual([0x333300000001, v6("ff02::1")]);
  });

  it.each([
    ["for another's address", encodeSolicitation({ ...solicitation, target: v6("2001:db8::2") })],
    ["from a group", encodeSolicitation({ ...solicitation, sourceMac: GROUP })],
    ["from a group's MAC", bare(solicitation.source, v6("2001:db8::1"), GROUP)],
    ["from a group's address", encodeSolicitation({ ...solicitation, source: v6("ff02::1") })],
    ["from who says that he is us", encodeSolicitation({ ...solicitation, source: v6("fe80::1") })],
  ])("%s is not", (_, frame) => {
    expect(makeAnswers().answer(frame)).toBeUndefined();
  });
});

describe("what is answered", () => {
  it("is 50 questions at once, 1000 a second, and nothing that is no question", () => {
    const { clock, answer } = makeAnswers();
    const answered = () => Array.from({ length: 100 }, () => answer(encodeArp(request))).filter(Boolean).length;
    for (let i = 0; i < 100; i++) expect(answer(encodeArp({ ...request, targetAddress: 1 }))).toBeUndefined();
    expect(answered()).toBe(50);
    clock.advance(20);
    expect(answered()).toBe(20);
  });
});

describe("an echo request on a port with tags", () => {
  const MAC = "02:00:00:00:00:01";
  const [FROM, TO] = ["10.0.0.11", "10.0.0.1"];
  const [FROM_6, TO_6] = ["2001:db8::b", "2001:db8::1"];

  it.each([
    [FROM, TO, 34],
    [FROM_6, TO_6, 54],
  ])("from %s to %s is answered with what it said", (from, to, message) => {
    const sent = echoRequest(MAC, from, to, 7);
    const reply = makeAnswers().answer(Uint8Array.of(...sent, 0xee, 0xee)) as Uint8Array;
    expect(reply.subarray(0, 12)).toEqual(Uint8Array.of(...sent.subarray(6, 12), 2, 0, 0, 0, 0, 1));
    expect([reply.length, reply[message]]).toEqual([sent.length, message === 34 ? 0 : 129]);
    expect(reply.subarray(message + 4)).toEqual(sent.subarray(message + 4));
  });

  const changed = (frame: Uint8Array, at: number, value: number): Uint8Array => frame.map((byte, i) => (i === at ? value : byte));
  it.each([
    ["for another's address", echoRequest(MAC, FROM, "10.0.0.2", 7)],
    ["from who says that he is us", echoRequest(MAC, "fe80::1", TO_6, 7)],
    ["from a group's MAC", changed(echoRequest(MAC, FROM, TO, 7), 6, 3)],
    ["with a wrong checksum", changed(echoRequest(MAC, FROM, TO, 7), 45, 9)],
    ["with a wrong checksum of IPv6", changed(echoRequest(MAC, FROM_6, TO_6, 7), 65, 9)],
    ["that is a fragment", changed(echoRequest(MAC, FROM, TO, 7), 20, 0x20)],
    ["that is cut off", echoRequest(MAC, FROM, TO, 7).subarray(0, -1)],
    ["that is cut off in IPv6", echoRequest(MAC, FROM_6, TO_6, 7).subarray(0, -1)],
    ["that says to be shorter than its header", changed(changed(echoRequest(MAC, FROM, TO, 7), 17, 3), 16, 0)],
  ])("%s is not", (_, frame) => {
    expect(makeAnswers().answer(frame)).toBeUndefined();
  });
});
