import { describe, expect, it } from "vitest";
import { type Address, addressToBytes, parseAddress } from "#src/net/address.ts";
import { makePrefix, prefixContains } from "#src/net/prefix.ts";
import { hear } from "#src/router/neighbor-protocol.ts";
import { createNeighbors } from "#src/router/neighbors.ts";
import { ARP_OPERATION, type ArpPacket, decodeArp, encodeArp } from "#src/wire/arp.ts";
import { encodeIcmpFrame } from "#src/wire/icmp.ts";
import { decodeNeighborMessage, encodeSolicitation } from "#src/wire/neighbor-discovery.ts";
import { createFakeClock } from "../common/fake-clock.ts";

const address = (text: string) => parseAddress(text) as number;
const OURS = 0x020000000001;
const THEIRS = 0x02000000000b;
const NODE = address("10.0.0.11");
const OURS_6 = "20010db8000000000000000000000001";
const NODE_6 = "20010db800000000000000000000000b";
const SUBNETS = [
  { prefix: makePrefix(address("10.0.0.0"), 24), own: address("10.0.0.1") },
  { prefix: makePrefix(OURS_6, 64), own: OURS_6 },
];

function makeTable(macOf?: (address: Address) => number) {
  const clock = createFakeClock();
  const sent: ArpPacket[] = [];
  const frames: Uint8Array[] = [];
  const changes: [string, number | undefined][] = [];
  const neighbors = createNeighbors({
    clock,
    ports: [
      {
        name: "port0",
        mac: () => OURS,
        sourceFor: (wanted) => SUBNETS.find(({ prefix }) => prefixContains(prefix, wanted))?.own,
        owns: (one) => SUBNETS.some(({ own }) => own === one),
        macOf,
      },
    ],
    send: (_, frame) => {
      const packet = decodeArp(frame, 0, frame.length);
      if (packet) sent.push(packet);
      else frames.push(frame);
    },
    onChange: (one, _, mac) => void changes.push([one === NODE || one === NODE_6 ? "node" : String(one), mac]),
  });
  const hearFrame = (frame: Uint8Array): void => {
    const hearing = hear(frame, 0, frame.length);
    if (hearing) neighbors.receive(hearing, 0);
  };
  const say = (operation: number, mac = THEIRS, from = NODE, to = address("10.0.0.1")): void =>
    hearFrame(encodeArp({ operation, senderMac: mac, senderAddress: from, targetMac: OURS, targetAddress: to }));
  return { clock, sent, frames, changes, neighbors, say, hearFrame, state: () => neighbors.states()[0]?.state };
}

describe("the neighbor table", () => {
  it("asks nobody where addresses have their MACs once and for all, and hears nothing else", () => {
    const { neighbors, sent, say, changes, clock, state } = makeTable(() => 0x020000000a02);
    expect(neighbors.resolve(NODE, 0)).toBe("reachable");
    expect(neighbors.resolve(NODE, 0)).toBe("reachable");
    say(ARP_OPERATION.reply);
    clock.advance(3_600_000);
    expect([sent, changes, state()]).toEqual([[], [["node", 0x020000000a02]], "reachable"]);
  });

  it("asks everyone, hears the answer, and says so once", () => {
    const { neighbors, sent, say, changes, state } = makeTable();
    expect(neighbors.resolve(NODE, 0)).toBe("incomplete");
    expect(neighbors.resolve(NODE, 0)).toBe("incomplete");
    expect(sent).toEqual([
      {
        operation: ARP_OPERATION.request,
        senderMac: OURS,
        senderAddress: address("10.0.0.1"),
        targetMac: 0,
        targetAddress: NODE,
      },
    ]);
    say(ARP_OPERATION.reply);
    say(ARP_OPERATION.reply);
    expect([state(), changes]).toEqual(["reachable", [["node", THEIRS]]]);
    expect(neighbors.states()).toEqual([{ address: "10.0.0.11", port: 0, state: "reachable", mac: "02:00:00:00:00:0b" }]);
  });

  it("believes who asked before, soon asks whether that is so still, and forgets it otherwise", () => {
    const before = makeTable();
    before.neighbors.resolve(NODE, 0);
    before.say(ARP_OPERATION.reply);
    before.neighbors.resolve(address("10.0.0.99"), 0);
    const known = before.neighbors.known();
    expect(known).toEqual([{ address: NODE, port: 0, mac: THEIRS }]);

    const { neighbors, clock, sent, changes, state } = makeTable();
    for (const one of known) neighbors.adopt(one);
    // On none of our subnets any more.
    neighbors.adopt({ address: address("10.7.0.1"), port: 0, mac: THEIRS });
    expect([neighbors.resolve(NODE, 0), sent, changes]).toEqual(["reachable", [], [["node", THEIRS]]]);
    clock.advance(5000);
    expect([state(), sent.length]).toEqual(["probe", 1]);
    clock.advance(3000);
    expect([state(), changes.at(-1)]).toEqual(["failed", ["node", undefined]]);
  });

  it("gives up after three requests a second apart, and asks again at most once a second", () => {
    const { neighbors, clock, sent, changes, state } = makeTable();
    neighbors.resolve(NODE, 0);
    clock.advance(2999);
    expect([sent.length, state()]).toEqual([3, "incomplete"]);
    clock.advance(1);
    expect([sent.length, state(), changes]).toEqual([3, "failed", [["node", undefined]]]);
    for (let i = 0; i < 100; i++) expect(neighbors.resolve(NODE, 0)).toBe("failed");
    clock.advance(1000);
    expect([neighbors.resolve(NODE, 0), sent.length]).toEqual(["incomplete", 4]);
  });

  it("confirms what it knows after 30 s, by asking that MAC alone, and lets go when nobody answers", () => {
    const { neighbors, clock, sent, say, changes, state } = makeTable();
    neighbors.resolve(NODE, 0);
    say(ARP_OPERATION.reply);
    clock.advance(30_000);
    expect([state(), sent.length, sent[1].targetMac]).toEqual(["probe", 2, THEIRS]);
    expect(neighbors.resolve(NODE, 0)).toBe("probe");
    say(ARP_OPERATION.reply);
    expect(state()).toBe("reachable");
    clock.advance(33_000);
    expect([state(), changes]).toEqual([
      "failed",
      [
        ["node", THEIRS],
        ["node", undefined],
      ],
    ]);
  });

  it("follows a MAC that moves, as a gratuitous ARP says", () => {
    const { neighbors, say, changes } = makeTable();
    neighbors.resolve(NODE, 0);
    say(ARP_OPERATION.reply);
    say(ARP_OPERATION.request, 0x0200000000ff, NODE, NODE);
    expect(changes).toEqual([
      ["node", THEIRS],
      ["node", 0x0200000000ff],
    ]);
  });

  it("learns who asks for us, and nobody else", () => {
    const { neighbors, say, changes } = makeTable();
    say(ARP_OPERATION.request, THEIRS, NODE, address("10.0.0.99"));
    say(ARP_OPERATION.reply);
    say(ARP_OPERATION.request, THEIRS, address("10.9.9.9"));
    say(ARP_OPERATION.request, OURS);
    say(ARP_OPERATION.request, THEIRS, 0);
    expect(neighbors.states()).toEqual([]);
    say(ARP_OPERATION.request);
    expect(changes).toEqual([["node", THEIRS]]);
  });

  it("remembers no more than its bound when a subnet is scanned, and forgets failures first", () => {
    const { neighbors, clock } = makeTable();
    for (let i = 0; i < 5000; i++) neighbors.resolve(address("10.0.0.0") + i * 256, 0);
    expect(neighbors.states().length).toBeLessThanOrEqual(4096);
    clock.advance(10_000);
    expect(neighbors.resolve(NODE, 0)).toBe("incomplete");
    neighbors.stop();
    expect(neighbors.states().length).toBe(4096);
  });

  it("forgets the oldest where addresses have their MACs once and for all: its next packet brings it back", () => {
    const { neighbors, changes } = makeTable(() => THEIRS);
    const hosts = Array.from({ length: 6000 }, (_, i) => address("10.1.0.0") + i);
    for (const host of [...hosts, hosts[0]]) expect(neighbors.resolve(host, 0)).toBe("reachable");
    expect(neighbors.states().length).toBe(4096);
    expect(changes[4096]).toEqual([String(hosts[0]), undefined]);
    expect(changes.at(-1)).toEqual([String(hosts[0]), THEIRS]);
  });

  it("takes nobody's word where addresses have their MACs once and for all", () => {
    const { neighbors } = makeTable(() => OURS);
    neighbors.adopt({ address: NODE, port: 0, mac: THEIRS });
    expect(neighbors.states()).toEqual([]);
  });
});

/** An advertisement as a node sends it, after RFC 4861 4.4: flags R 80, S 40, O 20. */
function advertise(flags: number, mac: number | undefined, target = NODE_6, destination = OURS_6): Uint8Array {
  const message = new Uint8Array(mac === undefined ? 24 : 32);
  message.set([136, 0, 0, 0, flags]);
  message.set(addressToBytes(target), 8);
  if (mac !== undefined)
    message.set([2, 1, ...(mac.toString(16).padStart(12, "0").match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16))], 24);
  return encodeIcmpFrame({ sourceMac: THEIRS, destinationMac: OURS, source: target, destination, hopLimit: 255, message });
}
const ALL_NODES = `ff02${"0".repeat(27)}1`;

describe("the neighbor table, over IPv6", () => {
  it("solicits the group of the address, then the neighbor alone, with its own MAC", () => {
    const { neighbors, clock, frames, hearFrame, changes, state } = makeTable();
    neighbors.resolve(NODE_6, 0);
    const [first] = frames;
    expect(Buffer.from(first.subarray(0, 6)).toString("hex")).toBe("3333ff00000b");
    expect(decodeNeighborMessage(first, 0, first.length)).toEqual({
      kind: "solicitation",
      source: OURS_6,
      destination: "ff0200000000000000000001ff00000b",
      target: NODE_6,
      mac: OURS,
    });
    hearFrame(advertise(0x60, THEIRS));
    expect([state(), changes]).toEqual(["reachable", [["node", THEIRS]]]);
    clock.advance(30_000);
    const probe = decodeNeighborMessage(frames[1], 0, frames[1].length);
    expect([state(), probe]).toMatchObject(["probe", { destination: NODE_6, target: NODE_6 }]);
    // An answer may leave out the address that the question was sent to.
    hearFrame(advertise(0x40, undefined));
    expect([state(), changes.length]).toEqual(["reachable", 1]);
  });

  it("follows a MAC that moves where it is said to override, and soon asks whether it answers", () => {
    const { neighbors, clock, frames, hearFrame, changes, state } = makeTable();
    neighbors.resolve(NODE_6, 0);
    hearFrame(advertise(0x60, THEIRS));
    hearFrame(advertise(0x20, 0x0200000000ff, NODE_6, ALL_NODES));
    expect(changes.at(-1)).toEqual(["node", 0x0200000000ff]);
    clock.advance(5000);
    expect([state(), frames.length]).toEqual(["probe", 2]);
  });

  it("does not follow one that gives way, but asks who is there", () => {
    const { neighbors, hearFrame, changes, state } = makeTable();
    neighbors.resolve(NODE_6, 0);
    hearFrame(advertise(0x60, THEIRS));
    hearFrame(advertise(0x00, 0x0200000000ff, NODE_6, ALL_NODES));
    expect([state(), changes]).toEqual(["probe", [["node", THEIRS]]]);
  });

  it("learns who asks for us, and believes no group's MAC, no address of ours, and nobody of another subnet", () => {
    const { neighbors, hearFrame, changes } = makeTable();
    const ask = (source: string, sourceMac: number, target = OURS_6) =>
      hearFrame(encodeSolicitation({ sourceMac, source, target }));
    ask(NODE_6, THEIRS, NODE_6);
    ask(NODE_6, 0x3333ff000001);
    ask(OURS_6, THEIRS);
    ask("20010db8000100000000000000000001", THEIRS);
    hearFrame(advertise(0x60, THEIRS));
    expect(neighbors.states()).toEqual([]);
    ask(NODE_6, THEIRS);
    expect(changes).toEqual([["node", THEIRS]]);
  });
});
