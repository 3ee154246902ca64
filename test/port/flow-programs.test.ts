/**
 * The two programs of carried flows in the kernel, by hand: which frames they carry, where those come out, and that every byte of them is
 * as the forwarding core would have sent it.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { loadNative } from "#native";
import { VERDICT } from "#src/port/batch.ts";
import { ENTRY, LANE_ROW, ROW_BYTES } from "#src/port/flow-layout.ts";
import { findInterface } from "#src/port/interface.ts";
import { inNamespace } from "../common/namespace.ts";
import { makePacket, makePacket6, type TestPacket, type TestPacket6, tagFrame } from "../dataplane/packets.ts";
import { slowChecksum } from "../oracle/checksum.ts";
import { createFlowScene, type FlowScene, sceneObstacle } from "./flow-scene.ts";

const IP = 14;
const [ACROSS, PLAIN] = ["198.51.100.10", "198.51.101.10"];
const [ACROSS_6, PLAIN_6] = ["20010db8005100000000000000000010", "20010db8005200000000000000000010"];

/** With another header, and its checksum made anew unless that is what is changed. */
function changed(frame: Buffer, bytes: Readonly<Record<number, number>>, isSummed = true): Buffer {
  const copy = Buffer.from(frame);
  for (const [at, value] of Object.entries(bytes)) copy[Number(at)] = value;
  if (!isSummed) return copy;
  copy.writeUInt16BE(0, IP + 10);
  copy.writeUInt16BE(slowChecksum(copy.subarray(IP, IP + 20)), IP + 10);
  return copy;
}

const echo = (type: number, code = 0): Buffer => changed(makePacket({ protocol: 1 }), { [IP + 20]: type, [IP + 21]: code });
const echo6 = (type: number): Buffer => changed(makePacket6({ protocol: 58 }), { [IP + 40]: type }, false);

/** Which cannot be had everywhere: a frame of segments and what is still to be done with it (struct virtio_net_hdr). */
function segments(type: 1 | 4 | 5, bytes: number): { frame: Buffer; header: Buffer } {
  const [protocol, sum, own] = type === 5 ? [17, 6, 8] : [6, 16, 20];
  const packet = { protocol, payloadBytes: bytes };
  const frame = type === 4 ? makePacket6(packet) : makePacket({ ...packet, fragment: 0x4000 });
  const transport = IP + (type === 4 ? 40 : 20);
  if (type !== 5) frame.set([0x50, 0x10], transport + 12);
  else frame.writeUInt16BE(frame.length - transport, transport + 4);
  const header = Buffer.alloc(10);
  header.set([1, type]);
  for (const [i, value] of [transport + own, 1400, transport, sum].entries()) header.writeUInt16LE(value, 2 + i * 2);
  return { frame, header };
}

await inNamespace(import.meta.url, () => {
  describe.skipIf(sceneObstacle())("BPF programs that carry flows", { timeout: 60_000 }, () => {
    let scene: FlowScene;
    beforeAll(async () => {
      scene = await createFlowScene();
    });
    afterAll(() => scene?.close());
    beforeEach(() => scene.forget());

    /** The flow of this packet is carried from now on. */
    const carry = (frame: Uint8Array, options?: { lane?: number; generation?: number }) => {
      const decided = scene.decide(frame);
      expect(decided.verdict).toBe(VERDICT.forward);
      scene.enter(decided, options);
      return decided;
    };

    const sendAndHear = (frame: Uint8Array, from = "w0") => {
      const sent = scene.marked(frame);
      scene.send(from, sent);
      return { sent, heard: scene.hear(sent) };
    };

    const expectCarried = (frame: Uint8Array): void => {
      const { sent, heard } = sendAndHear(frame);
      const { verdict, egress, bytes } = scene.decide(sent);
      expect([heard.at, heard.bytes.toString("hex")]).toEqual([`w${egress}`, bytes.toString("hex")]);
      expect(verdict).toBe(VERDICT.forward);
    };

    const expectLetThrough = (frame: Uint8Array, from = "w0"): void => {
      const { sent, heard } = sendAndHear(frame, from);
      expect(heard.at).toBe(from.replace("w", "r"));
      // A tag is out of it.
      if (heard.bytes.length === sent.length) expect(heard.bytes.equals(sent)).toBe(true);
    };

    test("the interfaces are what the scene says", () => {
      const across = ["r0", "r1", "r2"].map((name) => loadNative().isVethAcross(findInterface(name).index));
      expect(across).toEqual([true, true, false]);
    });

    test.each<[string, Buffer]>([
      ["TCP", makePacket()],
      ["UDP", makePacket({ protocol: 17 })],
      ["an echo request", echo(8)],
      ["an echo reply", echo(0)],
      ["TCP to an interface of this namespace", makePacket({ destination: PLAIN })],
      ["TCP over IPv6", makePacket6()],
      ["UDP over IPv6", makePacket6({ protocol: 17 })],
      ["an echo request over IPv6", echo6(128)],
      ["an echo reply over IPv6", echo6(129)],
      ["UDP over IPv6 to an interface of this namespace", makePacket6({ protocol: 17, destination: PLAIN_6 })],
      ["a TTL of 2", makePacket({ ttl: 2 })],
      ["a hop limit of 2", makePacket6({ hopLimit: 2 })],
      ["a TTL of 255", makePacket({ ttl: 255 })],
      ["ports of 0", makePacket({ sourcePort: 0, destinationPort: 0 })],
      ["what may not be cut", makePacket({ fragment: 0x4000 })],
      ["the reserved bit", makePacket({ fragment: 0x8000 })],
      ["a DSCP and a mark of congestion", changed(makePacket(), { [IP + 1]: 0xbb })],
      ["a traffic class and a flow label", makePacket6({ flowLabel: 0xb12345 })],
      ["padding behind", Buffer.concat([makePacket({ payloadBytes: 0 }), Buffer.alloc(18)])],
      ["what is as large as fits", makePacket({ payloadBytes: 1472 })],
      ["what over IPv6 is as large as fits", makePacket6({ payloadBytes: 1452 })],
      ["as little as holds ports", makePacket({ payloadBytes: 4, protocol: 17 })],
    ])("carry %s", (_, frame) => {
      expectLetThrough(frame);
      carry(frame);
      expectCarried(frame);
      expectCarried(frame);
    });

    // Of a flow that is carried.
    test.each<[string, Buffer, Buffer]>([
      ["a TTL of 1", makePacket(), makePacket({ ttl: 1 })],
      ["a TTL of 0", makePacket(), makePacket({ ttl: 0 })],
      ["a hop limit of 1", makePacket6(), makePacket6({ hopLimit: 1 })],
      ["a hop limit of 0", makePacket6(), makePacket6({ hopLimit: 0 })],
      ["a wrong checksum", makePacket(), changed(makePacket(), { [IP + 10]: 0x12 }, false)],
      ["a checksum that is off by one", makePacket(), changed(makePacket(), { [IP + 11]: makePacket()[IP + 11] ^ 1 }, false)],
      ["options", makePacket(), makePacket({ options: Uint8Array.of(1, 1, 1, 0) })],
      ["the first of its fragments", makePacket(), makePacket({ fragment: 0x2000 })],
      ["a later fragment", makePacket(), makePacket({ fragment: 185 })],
      ["a VLAN tag", makePacket(), tagFrame(makePacket(), { id: 100 })],
      ["a service tag", makePacket(), tagFrame(makePacket(), { type: 0x88a8, id: 100 })],
      ["a length beyond the frame", makePacket(), changed(makePacket(), { [IP + 3]: 49 })],
      ["a length of a header only", makePacket(), changed(makePacket(), { [IP + 3]: 20 })],
      ["a length of half its ports", makePacket(), changed(makePacket(), { [IP + 3]: 23 })],
      ["another version", makePacket(), changed(makePacket(), { [IP]: 0x65 })],
      ["a header of 16 bytes", makePacket(), changed(makePacket(), { [IP]: 0x44 })],
      ["a length over IPv6 beyond the frame", makePacket6(), changed(makePacket6(), { [IP + 5]: 29 }, false)],
      ["a length over IPv6 of half its ports", makePacket6(), changed(makePacket6(), { [IP + 5]: 3 }, false)],
      ["another version over IPv6", makePacket6(), changed(makePacket6(), { [IP]: 0x40 }, false)],
      ["more than the egress takes", makePacket(), makePacket({ payloadBytes: 1473 })],
      ["more than the egress takes, over IPv6", makePacket6(), makePacket6({ payloadBytes: 1453 })],
      ["another station's address", makePacket(), makePacket({ to: "020000000009" })],
      ["everybody's address", makePacket(), makePacket({ to: "ffffffffffff" })],
      ["a group's address", makePacket(), makePacket({ to: "01005e000005" })],
      ["an ICMP error", echo(8), echo(3)],
      ["another ICMP request", echo(8), echo(13)],
      ["an ICMPv6 error", echo6(128), echo6(1)],
      ["a neighbor solicitation", echo6(128), echo6(135)],
      ["hop-by-hop options", makePacket6(), makePacket6({ extensions: [{ type: 0, body: new Uint8Array(7) }] })],
      ["a fragment header", makePacket6(), makePacket6({ extensions: [{ type: 44, body: new Uint8Array(7) }] })],
      ["destination options", makePacket6(), makePacket6({ extensions: [{ type: 60, body: new Uint8Array(7) }] })],
      ["another source port", makePacket(), makePacket({ sourcePort: 1025 })],
      ["another destination port", makePacket(), makePacket({ destinationPort: 81 })],
      ["another protocol", makePacket(), makePacket({ protocol: 17 })],
      ["another source", makePacket(), makePacket({ source: "10.0.1.3" })],
      ["another destination", makePacket(), makePacket({ destination: "198.51.100.11" })],
      ["another source over IPv6", makePacket6(), changed(makePacket6(), { [IP + 8 + 7]: 2 }, false)],
      ["another destination over IPv6", makePacket6(), changed(makePacket6(), { [IP + 24 + 15]: 0x11 }, false)],
      ["another type", makePacket(), makePacket({ ethertype: 0x88b5 })],
      ["a length for its type", makePacket(), makePacket({ ethertype: 48 })],
    ])("let %s through to the ring", (_, carried, frame) => {
      carry(carried);
      expectCarried(carried);
      expectLetThrough(frame);
      expectCarried(carried);
    });

    test("let through what came in by another port", () => {
      const frame = makePacket();
      carry(frame);
      expectCarried(frame);
      expectLetThrough(makePacket({ to: "020000000002" }), "w1");
      expectLetThrough(makePacket({ to: "020000000003" }), "w2");
    });

    test("let through all that was decided before, or while nothing is carried", () => {
      const frame = makePacket();
      carry(frame);
      const generation = scene.memory.generation();
      expectCarried(frame);
      scene.memory.setGeneration(0);
      expectLetThrough(frame);
      // The numbers went on.
      scene.memory.setGeneration(generation);
      expectCarried(frame);
      scene.forget();
      expectLetThrough(frame);
      scene.enter(scene.decide(frame), { generation });
      expectLetThrough(frame);
      carry(frame);
      expectCarried(frame);
    });

    test("let through what would go out where there is no interface, or one that takes less", () => {
      const frame = makePacket();
      carry(frame);
      expectCarried(frame);
      scene.offload.follow(1, 0, 0);
      expectLetThrough(frame);
      scene.offload.follow(1, findInterface("r1").index, 47);
      expectLetThrough(frame);
      scene.offload.follow(1, findInterface("r1").index, 48);
      expectCarried(frame);
      // Whatever it would take.
      scene.memory.setPort(1, 0, 1500, true);
      expectLetThrough(frame);
      const decided = scene.decide(makePacket({ sourcePort: 7 }));
      scene.enter({ ...decided, egress: 3 });
      expectLetThrough(makePacket({ sourcePort: 7 }));
      scene.follow();
    });

    test("leave the frame as the core does where the checksum goes round", () => {
      // As it comes: what is added to the first byte may carry into the second, and round to the first.
      for (const wanted of [0xfeff, 0xfffe, 0xff00, 0x00ff, 0xfe00, 0xfefe, 0x0000, 0xffff]) {
        const bare = changed(makePacket(), { [IP + 4]: 0, [IP + 5]: 0 });
        const missing = bare.readUInt16BE(IP + 10) + (~wanted & 0xffff) + 1;
        const frame = Buffer.from(bare);
        const candidates = [missing, missing - 1, bare.readUInt16BE(IP + 10) - wanted, bare.readUInt16BE(IP + 10) - wanted - 1];
        const id = candidates
          .map((one) => one & 0xffff)
          .find((one) => {
            frame.writeUInt16BE(one, IP + 4);
            frame.writeUInt16BE(0, IP + 10);
            return slowChecksum(frame.subarray(IP, IP + 20)) === (wanted === 0xffff ? 0 : wanted);
          });
        expect(id, `an identification for ${wanted.toString(16)}`).toBeDefined();
        // All ones say what zero does (RFC 1624).
        frame.writeUInt16BE(wanted, IP + 10);
        carry(makePacket());
        expectCarried(frame);
      }
    });

    const packets = fc.record<TestPacket & TestPacket6 & { isIpv6: boolean; isPlain: boolean; id: number; trafficClass: number }>(
      {
        isIpv6: fc.boolean(),
        isPlain: fc.boolean(),
        protocol: fc.constantFrom(6, 17, 0),
        ttl: fc.integer({ min: 2, max: 255 }),
        sourcePort: fc.nat(0xffff),
        destinationPort: fc.nat(0xffff),
        payloadBytes: fc.integer({ min: 4, max: 1400 }),
        id: fc.nat(0xffff),
        trafficClass: fc.nat(255),
        flowLabel: fc.nat(0xfffff),
        fragment: fc.constantFrom(0, 0x4000),
      },
    );
    const build = ({ isIpv6, isPlain, id, trafficClass, flowLabel = 0, ttl = 64, protocol, ...packet }: fcPacket): Buffer => {
      const isEcho = protocol === 0;
      if (isIpv6) {
        const label = flowLabel + trafficClass * 2 ** 20;
        const whole = { ...packet, hopLimit: ttl, flowLabel: label, destination: isPlain ? PLAIN_6 : ACROSS_6 };
        const frame = makePacket6({ ...whole, protocol: isEcho ? 58 : (protocol ?? 6) });
        return isEcho ? changed(frame, { [IP + 40]: 128 + (id & 1) }, false) : frame;
      }
      const frame = makePacket({ ...packet, ttl, protocol: isEcho ? 1 : (protocol ?? 6), destination: isPlain ? PLAIN : ACROSS });
      const type: Record<number, number> = isEcho ? { [IP + 20]: (id & 1) * 8 } : {};
      return changed(frame, { [IP + 1]: trafficClass, [IP + 4]: id >> 8, [IP + 5]: id & 255, ...type });
    };
    type fcPacket = typeof packets extends fc.Arbitrary<infer Packet> ? Packet : never;

    test("send of any flow what the core would have sent, after the first packet has gone by the ring", () => {
      fc.assert(
        fc.property(packets, packets, (first, next) => {
          scene.forget();
          const { isIpv6, isPlain, protocol, sourcePort, destinationPort } = first;
          const frame = build(first);
          expectLetThrough(frame);
          carry(frame);
          expectCarried(frame);
          expectCarried(build({ ...next, isIpv6, isPlain, protocol, sourcePort, destinationPort } as fcPacket));
        }),
        { numRuns: 300 },
      );
    });

    test("keep many flows apart", () => {
      const frames = Array.from({ length: 100 }, (_, i) => (i % 2 ? makePacket6 : makePacket)({ sourcePort: 5000 + (i >> 1) }));
      for (const frame of frames) carry(frame);
      const held = scene.memory.flows();
      expect(held).toBe(100);
      for (const frame of frames) expectCarried(frame);
    });

    test.each([1, 4] as const)("carry a segment of TCP of 64 KiB whole (GSO type %i)", (type) => {
      const { frame, header } = segments(type, 64_000);
      const small = type === 4 ? makePacket6() : makePacket();
      carry(small);
      const sent = scene.marked(frame);
      scene.send("w0", sent, header);
      const heard = scene.hear(sent);
      expect(heard.at).toBe("w1");
      expect(heard.bytes.equals(scene.decide(sent, 0, header).bytes)).toBe(true);
      // hdr_len (bytes 2 and 3) is a hint that the kernel makes anew.
      expect([heard.virtioHeader.subarray(0, 2), heard.virtioHeader.subarray(4)]).toEqual([
        header.subarray(0, 2),
        header.subarray(4),
      ]);
      // Its segments are larger than what fits.
      const large = Buffer.from(header);
      large.writeUInt16LE(1461, 4);
      const again = scene.marked(frame);
      scene.send("w0", again, large);
      expect(scene.hear(again).at).toBe("r0");
    });

    test("let segments of UDP through", () => {
      const { frame, header } = segments(5, 14_000);
      carry(makePacket({ protocol: 17 }));
      expectCarried(makePacket({ protocol: 17 }));
      const sent = scene.marked(frame);
      scene.send("w0", sent, header);
      expect(scene.hear(sent).at).toBe("r0");
    });

    describe("and overtake nothing:", () => {
      /** Of r0's ring, and of the entry that holds. */
      const numbers = (lane = 0) => {
        const { layout } = scene.memory;
        const view = new DataView(loadNative().shareMap(scene.offload.shared.map, layout.bytes));
        const row = layout.laneRows + lane * ROW_BYTES;
        const lanes = { passed: view.getUint32(row + LANE_ROW.passed, true), done: view.getUint32(row + LANE_ROW.done, true) };
        for (let at = layout.sets; at < layout.bytes; at += ROW_BYTES) {
          if (view.getUint32(at, true) !== scene.memory.generation()) continue;
          return { ...lanes, after: view.getUint32(at + ENTRY.after, true), lane: view.getUint8(at + ENTRY.lane) };
        }
        return { ...lanes, after: undefined, lane: undefined };
      };
      /** And that the flow waits. */
      const expectNumbers = (wanted: { passed: number; after: number; lane: number }, lane = 0): void => {
        const seen = numbers(lane);
        expect(seen).toMatchObject(wanted);
        expect((seen.done - wanted.after) | 0).toBeLessThan(0);
      };
      const waitUntilPassed = (frames: number, lane = 0): void => {
        const deadline = process.hrtime.bigint() + 5_000_000_000n;
        while (numbers(lane).passed !== frames)
          if (process.hrtime.bigint() > deadline) throw new Error(`${numbers(lane).passed} frames passed; wanted ${frames}`);
      };

      test("a flow that is entered while frames of it wait goes by the ring until those are done with", () => {
        const [ring] = scene.rings;
        const frame = makePacket();
        ring.receive();
        const { passed } = numbers();
        expect(numbers().done).toBe(passed);
        const one = scene.marked(frame);
        scene.send("w0", one);
        waitUntilPassed(passed + 1);
        const two = scene.marked(frame);
        scene.send("w0", two);
        waitUntilPassed(passed + 2);
        expect(ring.receive()).toBe(2);
        carry(frame);
        expectNumbers({ passed: passed + 2, after: passed + 2, lane: 0 });
        // Those two are not given back yet: the third waits behind them, and is the last from now on.
        const three = scene.marked(frame);
        scene.send("w0", three);
        waitUntilPassed(passed + 3);
        expectNumbers({ passed: passed + 3, after: passed + 3, lane: 0 });
        // Another flow's frame is numbered, and this flow does not wait for it.
        const other = scene.marked(makePacket({ sourcePort: 9 }));
        scene.send("w0", other);
        waitUntilPassed(passed + 4);
        expect(ring.receive()).toBe(2);
        expectNumbers({ passed: passed + 4, after: passed + 3, lane: 0 });
        const five = scene.marked(frame);
        scene.send("w0", five);
        waitUntilPassed(passed + 5);
        expect(numbers().after).toBe(passed + 5);
        while (ring.receive() > 0);
        expect(numbers().done).toBe(passed + 5);
        expectCarried(frame);
        expect(numbers().passed).toBe(passed + 5);
      });

      test("one frame that waits is enough", () => {
        const [ring] = scene.rings;
        const frame = makePacket();
        ring.receive();
        const { passed, done } = numbers();
        expect(done).toBe(passed);
        scene.send("w0", scene.marked(frame));
        waitUntilPassed(passed + 1);
        carry(frame);
        expectNumbers({ passed: passed + 1, after: passed + 1, lane: 0 });
        expectLetThrough(frame);
        expectCarried(frame);
      });

      test("frames that were lost in front of a full ring are done with, too", () => {
        const lane = 1;
        scene.changeLane(lane, 64);
        const [ring] = scene.rings;
        const frame = makePacket();
        for (let i = 0; i < 100; i++) scene.send("w0", scene.marked(frame));
        waitUntilPassed(100, lane);
        carry(frame, { lane });
        expectNumbers({ passed: 100, after: 100, lane }, lane);
        let received = 0;
        for (let count = ring.receive(); count > 0; count = ring.receive()) received += count;
        expect([received, ring.counters().receiveDrops]).toEqual([64, 36]);
        ring.receive();
        expect(numbers(lane)).toMatchObject({ passed: 100, done: 100 });
        const last = scene.marked(frame);
        scene.send("w0", last);
        scene.hear(last, ["w1"]);
        expect(numbers(lane).passed).toBe(100);
        scene.changeLane(0);
      });

      test("a flow goes over to another lane with the first frame that its ring gets", () => {
        const frame = makePacket();
        carry(frame);
        expectCarried(frame);
        scene.changeLane(1);
        const sent = scene.marked(frame);
        scene.send("w0", sent);
        waitUntilPassed(1, 1);
        expectNumbers({ passed: 1, after: 1, lane: 1 }, 1);
        expect(scene.hear(sent).at).toBe("r0");
        expectCarried(frame);
        scene.changeLane(0);
      });
    });

    test("count by port and next hop what was heard", () => {
      const { memory } = scene;
      const frames = [makePacket(), makePacket({ destination: PLAIN, payloadBytes: 700 }), makePacket6({ payloadBytes: 99 })];
      const decided = frames.map((frame) => carry(frame));
      const counts = () => ({
        ports: [0, 1, 2].map((port) => memory.countsOfPort(port)),
        hops: decided.map(({ nextHop }) => memory.countsOfNextHop(nextHop)),
      });
      const before = counts();
      for (let i = 0; i < 30; i++) expectCarried(frames[i % 3]);
      // What is not carried counts for nothing here.
      expectLetThrough(makePacket({ sourcePort: 77 }));
      const after = counts();
      const bytesOf = (indices: readonly number[]): number => indices.reduce((sum, i) => sum + 10 * frames[i].length, 0);
      const added = after.ports.map((port, i) => ({
        receivedFrames: port.receivedFrames - before.ports[i].receivedFrames,
        receivedBytes: port.receivedBytes - before.ports[i].receivedBytes,
        sentFrames: port.sentFrames - before.ports[i].sentFrames,
        sentBytes: port.sentBytes - before.ports[i].sentBytes,
      }));
      const nothing = { receivedFrames: 0, receivedBytes: 0, sentFrames: 0, sentBytes: 0 };
      expect(added).toEqual([
        { ...nothing, receivedFrames: 30, receivedBytes: bytesOf([0, 1, 2]) },
        { ...nothing, sentFrames: 20, sentBytes: bytesOf([0, 2]) },
        { ...nothing, sentFrames: 10, sentBytes: bytesOf([1]) },
      ]);
      expect(after.hops).toEqual(
        before.hops.map(({ packets, bytes }, i) => ({ packets: packets + 10, bytes: bytes + bytesOf([i]) })),
      );
      expect(memory.refused()).toBe(0);
    });

    test("begin anew with nothing when they are opened again", () => {
      const frame = makePacket();
      carry(frame);
      expectCarried(frame);
      scene.reopen();
      expectLetThrough(frame);
      carry(frame);
      expectCarried(frame);
    });

    describe("of another process", () => {
      let holder: ChildProcessWithoutNullStreams;
      beforeEach(async () => {
        // The scene's own programs carry nothing, and its ring hears all.
        scene.memory.setGeneration(0);
        const { bytes, nextHop } = scene.decide(makePacket());
        const script = fileURLToPath(new URL("flow-holder.mjs", import.meta.url));
        holder = spawn(process.execPath, [script, bytes.toString("hex"), `${nextHop}`]);
        holder.stderr.pipe(process.stderr);
        expect(await nextLine()).toBe("open");
      });
      afterEach(() => void holder.kill("SIGKILL"));
      const nextLine = (): Promise<string> =>
        new Promise((resolve, reject) => {
          holder.stdout.once("data", (text) => resolve(`${text}`.trim()));
          holder.once("exit", (code, signal) => reject(new Error(`the other process ended: ${code ?? signal}`)));
        });

      const isCarried = (): boolean => {
        const sent = scene.marked(makePacket());
        const { bytes } = scene.decide(sent);
        scene.send("w0", sent);
        expect(scene.hear(sent, ["r0"]).bytes.equals(sent)).toBe(true);
        return scene.hearBeforeNext("r1").some((heard) => heard.bytes.equals(bytes));
      };

      test("end with its closing them", async () => {
        expect([isCarried(), isCarried()]).toEqual([true, true]);
        holder.stdin.write("close");
        expect(await nextLine()).toBe("closed");
        expect(isCarried()).toBe(false);
      });

      test("end with it, though it is killed", async () => {
        expect(isCarried()).toBe(true);
        const ended = new Promise((resolve) => holder.once("exit", resolve));
        holder.kill("SIGKILL");
        await ended;
        expect(isCarried()).toBe(false);
      });
    });
  });
});
