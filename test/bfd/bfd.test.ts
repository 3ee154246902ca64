/** The thread and its sockets: begun with the first session, ended with the last, replaced when it dies. */
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import type { Worker } from "node:worker_threads";
import { afterEach, beforeAll, expect, test } from "vitest";
import { Bfd } from "#src/bfd/bfd.ts";
import type { BfdPeer } from "#src/bfd/sessions.ts";
import { systemClock } from "#src/net/clock.ts";
import { seededRandom } from "#src/net/random.ts";
import { DatagramSocket } from "#src/port/datagram-socket.ts";
import { inNamespace, run } from "../common/namespace.ts";
import { eventually } from "../speaker/recorder.ts";
import { canBeRealTime } from "./daemons.ts";

const LOCALHOST = 0x7f000001;
const peer = (host: number, more: Partial<BfdPeer> = {}): BfdPeer => ({
  address: LOCALHOST + host,
  multihop: false,
  minimumTtl: 255,
  timers: { minTxMs: 50, minRxMs: 50, multiplier: 3, minEchoRxMs: 0, passive: false },
  ...more,
});
const descriptors = () => readdirSync("/proc/self/fd").length;
/** UDP ports that somebody listens on, in hex. */
const ports = () =>
  run("ss -Hulnp")
    .match(/(?<=:)\d+(?= )/g)
    ?.map(Number)
    .sort() ?? [];

await inNamespace(import.meta.url, () => {
  const deaths: string[] = [];
  const bfd = new Bfd({
    clock: systemClock,
    random: seededRandom(1),
    onChange: () => undefined,
    onDeath: (reason) => void deaths.push(reason),
  });
  const states = () => bfd.state().views.map(({ address, state }) => [Number(address) - LOCALHOST, state]);

  beforeAll(() => void run("ip link set lo up"));
  afterEach(() => bfd.configure([]));

  test("listens where its peers send to, sends from high ports, and ends with nothing left", async () => {
    // What the first thread of a process opens for good is open then.
    await bfd.configure([peer(1)]);
    await bfd.configure([]);
    const before = descriptors();
    await bfd.configure([peer(1), peer(2)]);
    await eventually("two senders", () => ports().length === 3);
    expect(ports()[0]).toBe(3784);
    expect(
      ports()
        .slice(1)
        .every((port) => port >= 49152),
    ).toBe(true);
    await bfd.configure([peer(1, { multihop: true, minimumTtl: 254 })]);
    await eventually("another port", () => ports().includes(4784) && !ports().includes(3784));
    await bfd.configure([]);
    expect([ports(), bfd.state().views]).toEqual([[], []]);
    await eventually(`${before} descriptors`, () => descriptors() <= before);
  });

  test("says what port it cannot have, and has it as soon as it may", async () => {
    const other = new DatagramSocket({ address: 0, port: 3784 }, 255);
    await expect(bfd.configure([peer(1)])).rejects.toThrow("BFD: 0.0.0.0:3784: cannot bind a UDP socket: Address already in use");
    other.close();
    await bfd.configure([peer(1)]);
    await eventually("there", () => states().length === 1);
  });

  test("begins its sessions anew in another thread if one dies", async () => {
    await bfd.configure([peer(1)]);
    await eventually("there", () => states().length === 1);
    const before = descriptors();
    const { worker } = Reflect.get(bfd, "seat") as { worker: Worker };
    await worker.terminate();
    expect(deaths).toEqual(["it ended"]);
    await eventually("there again", () => states().length === 1);
    expect(states()).toEqual([[1, "Down"]]);
    await eventually(`${before} descriptors`, () => descriptors() <= before);
  });

  test("has its sessions again when there are descriptors again, and nothing throws meanwhile", async () => {
    await bfd.configure([peer(1)]);
    await eventually("there", () => states().length === 1);
    const highest = Math.max(...readdirSync("/proc/self/fd").map(Number));
    const limit = Number(readFileSync("/proc/self/limits", "utf8").match(/Max open files +(\d+)/)?.[1]);
    run(`prlimit --pid ${process.pid} --nofile=${highest + 20}:`);
    /** As many are open as may be, but for these. */
    const exhaust = (free: number): number[] => {
      const files: number[] = [];
      try {
        for (;;) files.push(openSync("/dev/null", "r"));
      } catch {
        for (const file of files.splice(0, free)) closeSync(file);
        return files;
      }
    };
    let files: number[] = [];
    try {
      // Not even one for its wake-up; that, and none for the thread.
      for (const [free, reason] of [
        [0, /eventfd: Too many open files/],
        [1, /EMFILE/],
      ] as const) {
        deaths.splice(0);
        const { worker } = Reflect.get(bfd, "seat") as { worker: Worker };
        await worker.terminate();
        files = exhaust(free);
        await eventually(`${reason}`, () => reason.test(deaths.join()));
        for (const file of files.splice(0)) closeSync(file);
        await eventually("there again", () => states().length === 1);
      }
    } finally {
      for (const file of files) closeSync(file);
      run(`prlimit --pid ${process.pid} --nofile=${limit}:`);
    }
  });

  test("has a port that another had when it may, without being asked again", async () => {
    const other = new DatagramSocket({ address: 0, port: 3784 }, 255);
    await expect(bfd.configure([peer(1)])).rejects.toThrow("Address already in use");
    other.close();
    await eventually("its port", () => ports().includes(3784));
  });

  test("is a real-time thread, and the only one, where that is allowed", async () => {
    await bfd.configure([peer(1)]);
    const policies = readdirSync("/proc/self/task").map((task) => {
      const afterName = readFileSync(`/proc/self/task/${task}/stat`, "utf8").replace(/.*\) /s, "");
      return Number(afterName.split(" ")[38]);
    });
    expect(policies.filter((policy) => policy === 1)).toHaveLength(canBeRealTime() ? 1 : 0);
  });

  test("does what it is asked for in order, however fast it is asked", async () => {
    const asked = [[peer(1)], [], [peer(2), peer(3)], [peer(3)]].map((peers) => bfd.configure(peers));
    await Promise.all(asked);
    await eventually("the last", () => JSON.stringify(states()) === '[[3,"Down"]]');
  });
});
