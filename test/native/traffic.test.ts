import { describe, expect, test, vi } from "vitest";
import { PacketRing } from "#src/port/packet-ring.ts";
import { PacketWaiter } from "#src/port/packet-waiter.ts";
import { Wake } from "#src/port/wake.ts";
import { createCable, deleteInterface, inNamespace, lostBehind } from "../common/namespace.ts";
import { collect } from "../common/port.ts";
import { startWorker, udpTemplate } from "./workers.ts";

interface Sent {
  readonly sent: number;
  readonly refusals: number;
}

interface Sunk {
  readonly received: number;
  /** What came again, or after one that was sent later. */
  readonly disorders: number;
  /** Before others of their flows that came. */
  readonly missing: number;
  readonly flows: readonly number[];
  readonly counters: { readonly receiveDrops: number; readonly receivedFrames: number };
}

/** Sends `count` frames over a cable to as many sinks as there are options, and returns what each side says. */
async function sendTo(options: object[], plan: { count: number; seconds: number; packetsPerSecond: number; flows: number }) {
  createCable("near0", "far0");
  const wake = new Wake();
  const words = new Int32Array(new SharedArrayBuffer(8));
  const sinks = options.map((more) =>
    startWorker<"ready" | Sunk>("./sink.mjs", {
      options: { interface: "far0", ...more },
      flows: plan.flows,
      wakeDescriptor: wake.descriptor,
      expected: plan.count,
      words,
    }),
  );
  for (const sink of sinks) expect(await sink.next()).toBe("ready");
  const source = startWorker<Sent>("./generate.mjs", { ...plan, interfaceName: "near0", frame: udpTemplate(), checksum: false });
  const sent = await source.next();
  // They end when they have everything, or when this deadline says that they never will.
  const deadline = setTimeout(() => Atomics.store(words, 0, 1), 5000);
  const sunk: Sunk[] = [];
  for (const sink of sinks) sunk.push((await sink.next()) as Sunk);
  clearTimeout(deadline);
  wake.close();
  const lost = lostBehind("near0") + sunk.reduce((sum, { counters }) => sum + counters.receiveDrops, 0);
  deleteInterface("near0");
  return { sent, sunk, lost };
}

await inNamespace(import.meta.url, () => {
  describe("traffic", () => {
    test("of a million packets each arrives once and in order, or is counted as lost", { timeout: 60_000 }, async () => {
      const count = 1_000_000;
      const { sent, sunk, lost } = await sendTo([{}], { count, seconds: 30, packetsPerSecond: 200_000, flows: 100 });
      const [{ received, disorders, missing, counters, flows }] = sunk;
      expect(sent.sent).toBe(count);
      expect([received + lost, disorders]).toEqual([count, 0]);
      expect(missing).toBeLessThanOrEqual(lost);
      expect(counters.receivedFrames).toBe(received);
      expect(received).toBeGreaterThan(count / 2);
      expect(flows).toHaveLength(100);
    });

    test("of two workers each has whole flows, in order, and at least a quarter of the packets", {
      timeout: 60_000,
    }, async () => {
      const count = 400_000;
      const group = { fanout: { group: 1 } };
      const { sunk, lost } = await sendTo([group, group], { count, seconds: 20, packetsPerSecond: 200_000, flows: 512 });
      const [first, second] = sunk;
      expect(first.received + second.received + lost).toBe(count);
      expect(first.received + second.received).toBeGreaterThan(count / 2);
      for (const { received, disorders } of sunk) {
        expect(received).toBeGreaterThanOrEqual((count - lost) / 4);
        expect(disorders).toBe(0);
      }
      expect(first.flows.filter((flow) => second.flows.includes(flow))).toEqual([]);
      expect(first.flows.length + second.flows.length).toBe(512);
    });

    test("a member that joins while traffic flows takes nothing that another has as well", { timeout: 30_000 }, async () => {
      createCable("near0", "far0");
      const wake = new Wake();
      const words = new Int32Array(new SharedArrayBuffer(8));
      const plan = { count: 400_000, seconds: 20, packetsPerSecond: 200_000, flows: 64 };
      const seen = new Uint8Array(new SharedArrayBuffer(plan.count));
      const options = { interface: "far0", fanout: { group: 1 } };
      const setup = {
        options,
        flows: plan.flows,
        expected: Number.MAX_SAFE_INTEGER,
        wakeDescriptor: wake.descriptor,
        words,
        seen,
      };
      const sink = startWorker<"ready" | Sunk>("./sink.mjs", setup);
      expect(await sink.next()).toBe("ready");
      const source = startWorker<Sent>("./generate.mjs", {
        ...plan,
        interfaceName: "near0",
        frame: udpTemplate(),
        checksum: false,
      });
      await vi.waitUntil(() => Atomics.load(words, 1) > 1000, 5000);
      const taken: number[] = [];
      for (let joins = 0; joins < 30; joins++) {
        const member = new PacketRing(options);
        const waiter = new PacketWaiter([member], wake.descriptor);
        const frames = collect(member, 20, () => waiter.wait(5));
        taken.push(...frames.map(({ bytes }) => new DataView(bytes.buffer).getUint32(42)));
        member.close();
      }
      const beforeTheEnd = Atomics.load(words, 1);
      await source.next();
      Atomics.store(words, 0, 1);
      wake.signal();
      const { received } = (await sink.next()) as Sunk;
      wake.close();
      deleteInterface("near0");
      expect(beforeTheEnd).toBeLessThan(received);
      expect(taken.length).toBeGreaterThan(100);
      expect(taken.filter((number) => seen[number] !== 0)).toEqual([]);
    });
  });
});
