import { describe, expect, it } from "vitest";
import { parseAddress } from "#src/net/address.ts";
import { createNeighbors } from "#src/router/neighbors.ts";
import { ARP_OPERATION, type ArpPacket, decodeArp } from "#src/wire/arp.ts";
import { createFakeClock } from "../common/fake-clock.ts";

const address = (text: string) => parseAddress(text) as number;
const OURS = 0x020000000001;
const THEIRS = 0x02000000000b;
const NODE = address("10.0.0.11");

function makeTable() {
  const clock = createFakeClock();
  const sent: ArpPacket[] = [];
  const changes: [string, number | undefined][] = [];
  const neighbors = createNeighbors({
    clock,
    ports: [{ mac: OURS, sourceFor: (wanted) => (wanted >>> 8 === address("10.0.0.0") >>> 8 ? address("10.0.0.1") : undefined) }],
    send: (_, frame) => void sent.push(decodeArp(frame, 0, frame.length) as ArpPacket),
    onChange: (one, _, mac) => void changes.push([one === NODE ? "node" : String(one), mac]),
  });
  const say = (operation: number, mac = THEIRS, from = NODE, to = address("10.0.0.1")): void =>
    neighbors.receive({ operation, senderMac: mac, senderAddress: from, targetMac: OURS, targetAddress: to }, 0);
  return { clock, sent, changes, neighbors, say, state: () => neighbors.states()[0]?.state };
}

describe("the neighbor table", () => {
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
});
