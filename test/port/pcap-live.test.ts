/** The port over libpcap: what every port does, and what its process may do to it. Where `cap` is not built, one skipped test. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "#src/net/clock.ts";
import { type Capture, openCapture } from "#src/port/capture.ts";
import type { CaptureNews } from "#src/port/pcap-live-thread.ts";
import { ServedPort } from "#src/port/served-port.ts";
import { createCable, inNamespace, run } from "../common/namespace.ts";
import { obstacleOf } from "../common/package.ts";
import { batchOf, collect, copyFrames, numberedFrame, portSuite } from "../common/port.ts";

const DEADLINE_MS = 20_000;

const obstacle = obstacleOf("cap");

if (obstacle) test.skip(`pcap-live: ${obstacle}`);
else
  await inNamespace(import.meta.url, () => {
    let captures: { near: Capture; far: Capture };
    const news: CaptureNews[] = [];
    const sleeper = new Int32Array(new SharedArrayBuffer(4));
    const pause = (): void => void Atomics.wait(sleeper, 0, 0, 20);

    const openWire = () => {
      const near = new ServedPort({ name: "near0", memory: captures.near.memory, index: 0 });
      const far = new ServedPort({ name: "far0", memory: captures.far.memory, index: 0 });
      const close = (): void => {
        near.close();
        far.close();
      };
      return { near, far, pause, close };
    };
    /** Sends until something arrives, which the first frame after an opening does not, and until the last of it has. */
    const flow = (from: ServedPort, to: ServedPort): void => {
      const endMs = systemClock.nowMs() + DEADLINE_MS;
      const receive = (): number[] => {
        if (systemClock.nowMs() > endMs) throw new Error(`${from.name} to ${to.name}: nothing within ${DEADLINE_MS} ms`);
        pause();
        return to.receive() === 0 ? [] : copyFrames(to.batch).map(({ bytes }) => bytes[17]);
      };
      do from.transmit(batchOf([numberedFrame(0)], 0), 0);
      while (receive().length === 0);
      from.transmit(batchOf([numberedFrame(1)], 0), 0);
      while (!receive().includes(1));
    };
    /** Asks until it is so; news come by the event loop. */
    const until = async (what: string, ask: () => boolean): Promise<void> => {
      const endMs = systemClock.nowMs() + DEADLINE_MS;
      while (!ask()) {
        if (systemClock.nowMs() > endMs) throw new Error(`not within ${DEADLINE_MS} ms: ${what}`);
        await new Promise((resolve) => void systemClock.setTimer(5, () => resolve(undefined)));
      }
    };

    beforeAll(async () => {
      createCable("near0", "far0");
      const [near, far] = await Promise.all([
        openCapture({ interface: "near0", threads: 2, onChange: (one) => void news.push(one) }),
        openCapture({ interface: "far0", threads: 1 }),
      ]);
      captures = { near, far };
      const wire = openWire();
      flow(wire.near, wire.far);
      flow(wire.far, wire.near);
      wire.close();
    });
    afterAll(async () => {
      await Promise.all([captures.near.close(), captures.far.close()]);
    });

    portSuite("pcap-live", openWire);

    test("a tag of the frame is in the row, and one inside stays", () => {
      const { near, far, close } = openWire();
      const tagged = Uint8Array.of(
        ...numberedFrame(1, 60).subarray(0, 12),
        0x81,
        0,
        0x20,
        0x64,
        ...numberedFrame(1, 60).subarray(12),
      );
      near.transmit(batchOf([tagged], 0), 0);
      const [{ bytes, row }] = collect(far, 1, pause);
      expect(bytes).toEqual(numberedFrame(1, 60));
      expect(row.slice(1, 4)).toEqual([60, 60, 0x81002064]);
      close();
    });

    test("several threads send, one receives", () => {
      const { near, far, close } = openWire();
      const other = new ServedPort({ name: "near0", memory: captures.near.memory, index: 1 });
      other.transmit(batchOf([numberedFrame(1)], 0), 0);
      expect(collect(far, 1, pause)).toHaveLength(1);
      far.transmit(batchOf([numberedFrame(2)], 0), 0);
      expect(collect(near, 1, pause)).toHaveLength(1);
      expect(other.receive()).toBe(0);
      other.close();
      close();
    });

    test("what libpcap refuses to send is counted after the fact, and the rest goes on", async () => {
      const { near, far, close } = openWire();
      const before = near.counters().transmitErrors;
      expect(near.transmit(batchOf([numberedFrame(1, 5000), numberedFrame(2)], 0), 0)).toBe(0);
      expect(collect(far, 1, pause).map(({ bytes }) => bytes[17])).toEqual([2]);
      await until("the refusal is counted", () => near.counters().transmitErrors === before + 1);
      close();
    });

    test("what libpcap has no room for is counted", async () => {
      const { near, far, close } = openWire();
      const before = far.counters().receiveDrops;
      // Nobody takes frames out of a process that stands still.
      process.kill(captures.far.process() as number, "SIGSTOP");
      const large = batchOf(
        Array.from({ length: 64 }, (_, i) => numberedFrame(i, 1514)),
        0,
      );
      for (let i = 0; i < 600; i++) {
        while (near.transmit(large, 0) > 0) pause();
      }
      process.kill(captures.far.process() as number, "SIGCONT");
      await until("drops are counted", () => {
        far.receive();
        return far.counters().receiveDrops > before;
      });
      close();
    });

    describe("its process", () => {
      const isUp = (): boolean => captures.near.process() !== undefined;

      test("is killed: the port says so, refuses what is sent, and comes back by itself", { timeout: 60_000 }, async () => {
        const { near, far, close } = openWire();
        const [before, killed] = [news.length, captures.near.process() as number];
        process.kill(killed, "SIGKILL");
        await until("it is told", () => news.length > before);
        expect(news[before]).toEqual({ state: "down", reason: "its process ended with SIGKILL" });
        await until("there is another", isUp);
        expect(captures.near.process()).not.toBe(killed);
        flow(near, far);
        flow(far, near);
        close();
      });

      test("dies with the interface, which stops nothing else: up again, frames flow again", { timeout: 60_000 }, async () => {
        const { near, far, close } = openWire();
        const before = news.length;
        run("ip link set dev near0 down");
        await until("it is told", () => news.slice(before).some(({ state }) => state === "down"));
        const refusedBefore = near.counters().transmitErrors;
        expect(near.transmit(batchOf([numberedFrame(1), numberedFrame(2)], 0), 0)).toBe(2);
        expect(near.counters().transmitErrors).toBe(refusedBefore + 2);
        run("ip link set dev near0 up");
        await until("there is another", isUp);
        flow(far, near);
        close();
      });
    });

    test("what cannot be opened says where, what and what is wanted", async () => {
      await expect(openCapture({ interface: "nowhere0", threads: 1 })).rejects.toThrow(/nowhere0: .*No such device/);
      await expect(openCapture({ interface: "lo", threads: 1 })).rejects.toThrow(/^lo: .*not up|^lo: .*down/);
    });
  });
