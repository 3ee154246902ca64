/** What happens to rings when their thread or process ends. Hazards of native code, each by name. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { PacketRing } from "#src/port/packet-ring.ts";
import { signalWake, Wake } from "#src/port/wake.ts";
import { missingForFlowOffload } from "../common/flow-offload.ts";
import { createCable, inNamespace } from "../common/namespace.ts";
import { startWorker } from "./workers.ts";

const openDescriptors = () => readdirSync("/proc/self/fd").length;
const mappedSockets = () => readFileSync("/proc/self/maps", "utf8").match(/socket:/g)?.length ?? 0;
const mappedMaps = () => readFileSync("/proc/self/maps", "utf8").match(/bpf-map/g)?.length ?? 0;
const packetSockets = () => readFileSync("/proc/net/packet", "utf8").trim().split("\n").length - 1;

await inNamespace(import.meta.url, () => {
  beforeAll(() => createCable("near0", "far0"));

  const startWaiting = async () => {
    const words = new Int32Array(new SharedArrayBuffer(4));
    const { worker, next } = startWorker<number>("./waiting.mjs", { interfaceName: "near0", words });
    return { worker, words, descriptor: await next() };
  };

  test("a worker terminated while it waits leaves no descriptor, no mapping and no socket", async () => {
    const first = await startWaiting();
    await first.worker.terminate();
    const before = openDescriptors();
    for (let i = 0; i < 3; i++) {
      const { worker, descriptor } = await startWaiting();
      expect(packetSockets()).toBe(1);
      expect(mappedSockets()).toBe(1);
      const ended = worker.terminate();
      signalWake(descriptor);
      await ended;
    }
    expect(openDescriptors()).toBe(before);
    expect(mappedSockets()).toBe(0);
    expect(packetSockets()).toBe(0);
  });

  test("a worker that nobody wakes can be terminated all the same, within two seconds", async () => {
    const { worker } = await startWaiting();
    const start = process.hrtime.bigint();
    await worker.terminate();
    expect(Number(process.hrtime.bigint() - start) / 1e6).toBeLessThan(2000);
  });

  test("a worker that ends by itself with its ring open leaves nothing either", async () => {
    const before = openDescriptors();
    const { worker, words, descriptor } = await startWaiting();
    const ended = new Promise((resolve) => worker.once("exit", resolve));
    Atomics.store(words, 0, 1);
    signalWake(descriptor);
    expect(await ended).toBe(0);
    expect(openDescriptors()).toBe(before);
    expect(packetSockets()).toBe(0);
  });

  test.skipIf(missingForFlowOffload())(
    "BPF maps, programs and their places close with their thread, ended or at its end",
    async () => {
      const start = async (waits: boolean) => {
        const { worker, next } = startWorker<number>("./bpf-holder.mjs", { interfaceName: "near0", waits });
        await next();
        return worker;
      };
      await (await start(true)).terminate();
      const before = openDescriptors();
      const mappedBefore = mappedMaps();
      const held = await start(true);
      expect(openDescriptors()).toBeGreaterThanOrEqual(before + 3);
      await held.terminate();
      expect(openDescriptors()).toBe(before);
      const ended = await start(false);
      if (ended.threadId !== -1) await new Promise((resolve) => ended.once("exit", resolve));
      expect(openDescriptors()).toBe(before);
      expect(mappedMaps()).toBe(mappedBefore);
    },
  );

  test("closing gives socket, descriptor and mapping back at once; views that are left have no length", () => {
    const before = openDescriptors();
    const ring = new PacketRing({ interface: "near0" });
    const { bytes, rows } = ring.batch;
    expect(packetSockets()).toBe(1);
    expect(bytes.length).toBeGreaterThan(8192 * 512);
    ring.close();
    expect(packetSockets()).toBe(0);
    expect(mappedSockets()).toBe(0);
    expect(openDescriptors()).toBe(before);
    expect([bytes.length, rows.length, bytes[100], bytes.byteLength]).toEqual([0, 0, undefined, 0]);
  });

  test("ring memory cannot be moved to another thread: it is refused or copied (before Node 21)", () => {
    const ring = new PacketRing({ interface: "near0" });
    const { buffer } = ring.batch.bytes;
    try {
      structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
    } catch {}
    expect(buffer.byteLength).toBeGreaterThan(8192 * 512);
    ring.close();
  });

  test("opening and closing a thousand times leaves nothing", { timeout: 60_000 }, () => {
    const before = openDescriptors();
    for (let i = 0; i < 1000; i++) new PacketRing({ interface: "near0", slots: 64 }).close();
    expect(openDescriptors()).toBe(before);
    expect(packetSockets()).toBe(0);
  });

  test("a wake-up is closed by the thread that opened it, once", () => {
    const before = openDescriptors();
    const wake = new Wake();
    wake.close();
    wake.close();
    expect(() => wake.signal()).toThrow(/wake: signaled after it was closed/);
    expect(openDescriptors()).toBe(before);
  });

  test.each([
    ["process.exit() while a worker waits", "await start(); process.exit(0)"],
    ["the main thread's end with a ring open", "new PacketRing({ interface: 'near0' })"],
    [
      "a ring dropped and collected without being closed",
      "{ new PacketRing({ interface: 'near0' }); } gc(); await tick(); gc();",
    ],
    [
      "views collected after closing",
      "{ const r = new PacketRing({ interface: 'near0' }); r.close(); } gc(); await tick(); gc();",
    ],
  ])("%s: the process ends cleanly", (_, code) => {
    const script = `
      import { PacketRing } from "#src/port/packet-ring.ts";
      import { Worker } from "node:worker_threads";
      import { setImmediate as tick } from "node:timers/promises";
      const start = () => new Promise((resolve) => new Worker(new URL("./test/native/waiting.mjs", "file://" + process.cwd() + "/"), {
        execArgv: [], workerData: { interfaceName: "near0", words: new Int32Array(new SharedArrayBuffer(4)) } }).once("message", resolve));
      ${code}`;
    const options = { encoding: "utf8", timeout: 10_000, cwd: new URL("../..", import.meta.url) } as const;
    const { status, signal, stderr } = spawnSync(process.execPath, ["--expose-gc", "--input-type=module", "-e", script], options);
    expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: "" });
  });
});
