/** The workers' keeper, with workers that die when the test says so. */
import { EventEmitter } from "node:events";
import type { Worker } from "node:worker_threads";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { type ChannelEntry, createChannelWriter } from "#src/dataplane/channel.ts";
import { awaitEndings, createEndings, ENDING } from "#src/dataplane/ending.ts";
import type { WorkerSeat } from "#src/dataplane/worker.ts";
import { createImage } from "#src/fib/image.ts";
import { VIRTIO_HEADER_LENGTH } from "#src/port/batch.ts";
import { Wake } from "#src/port/wake.ts";
import { createSupervisor, type Predecessor } from "#src/router/supervisor.ts";
import { createFakeClock } from "../common/fake-clock.ts";

const MINUTE_MS = 60_000;

function makeSupervisor({ workers = 1, ...options }: { workers?: number; before?: Predecessor; isPersistent?: boolean } = {}) {
  const clock = createFakeClock();
  /** Those that were given a seat, and when. */
  const seated: { worker: EventEmitter; seat: WorkerSeat; atMs: number }[] = [];
  const launched: EventEmitter[] = [];
  let alive = 0;
  const deaths: string[] = [];
  const entries: ChannelEntry[] = [];
  const wakes = Array.from({ length: workers }, () => new Wake());
  onTestFinished(() => {
    for (const wake of wakes) wake.close();
  });
  const supervisor = createSupervisor({
    ...options,
    clock,
    wakes,
    ports: [],
    ring: { slots: 64, slotBytes: 512 },
    busy: false,
    hash: { algorithm: "xxh32", fields: ["5-tuple"], seed: 0 },
    selector: "modulo",
    image: createImage(16),
    ownSources: new SharedArrayBuffer(0),
    links: new SharedArrayBuffer(0),
    taps: [],
    launch: () => {
      const worker = new EventEmitter();
      launched.push(worker);
      alive++;
      worker.on("exit", () => void alive--);
      const postMessage = (seat: WorkerSeat): void => void seated.push({ worker, seat, atMs: clock.nowMs() });
      const terminate = async (): Promise<void> => void worker.emit("exit", 1);
      return Object.assign(worker, { postMessage, terminate }) as unknown as Worker;
    },
    onEntry: (entry) => void entries.push(entry),
    onAcknowledged: () => {},
    onDeath: (_, reason) => void deaths.push(reason),
  });
  const last = () => seated[seated.length - 1].worker;
  const die = async (reason: string): Promise<void> => {
    const worker = last();
    worker.emit("error", new Error(reason));
    worker.emit("exit", 1);
    // A rejection is heard a turn later.
    await Promise.resolve();
    await Promise.resolve();
  };
  const start = async (): Promise<void> => {
    const started = supervisor.start();
    last().emit("message", "ready");
    await started;
  };
  return { clock, supervisor, launched, wakes, seated, deaths, entries, last, die, start, alive: () => alive };
}

describe("a worker that dies", () => {
  it("has a successor standing by, which ends with the router", async () => {
    const { supervisor, seated, last, die, start, alive } = makeSupervisor();
    await start();
    expect(alive()).toBe(2);
    await die("out of luck");
    expect([alive(), seated.length]).toEqual([1, 2]);
    last().emit("message", "ready");
    expect(alive()).toBe(2);
    last().emit("exit", 0);
    await supervisor.stop();
    expect(alive()).toBe(0);
  });

  it("is replaced at once", async () => {
    const { seated, deaths, die, start } = makeSupervisor();
    await start();
    await die("out of luck");
    expect([seated.length, deaths]).toEqual([2, ["out of luck"]]);
  });

  it("is replaced as soon as it has failed, and waited for all the same when the router stops", async () => {
    const { supervisor, seated, deaths, last, start } = makeSupervisor();
    await start();
    const failed = last();
    failed.emit("error", new Error("out of luck"));
    expect([seated.length, deaths]).toEqual([2, ["out of luck"]]);
    last().emit("message", "ready");
    let isStopped = false;
    const stopped = supervisor.stop().then(() => {
      isStopped = true;
    });
    last().emit("exit", 0);
    await new Promise(setImmediate);
    expect(isStopped).toBe(false);
    failed.emit("exit", 1);
    await stopped;
    expect([seated.length, deaths]).toEqual([2, ["out of luck"]]);
  });

  it("is given more time after each death, and never given up", async () => {
    const { clock, seated, last, die, start } = makeSupervisor();
    await start();
    for (let i = 0; i < 200; i++) {
      await die("again");
      clock.advance(5000);
      last().emit("message", "ready");
    }
    const pauses = seated.slice(1, 9).map(({ atMs }, i) => atMs - 5000 * i);
    expect(pauses).toEqual([0, 100, 200, 500, 1000, 2000, 5000, 5000]);
    expect(seated).toHaveLength(201);
  });

  it("has died for the first time if it forwarded for long", async () => {
    const { clock, seated, last, die, start } = makeSupervisor();
    await start();
    for (let i = 0; i < 5; i++) {
      await die("early");
      clock.advance(5000);
      last().emit("message", "ready");
    }
    clock.advance(MINUTE_MS);
    await die("late");
    expect(seated[seated.length - 1].atMs).toBe(clock.nowMs());
  });

  it("comes back however long its interface was away", async () => {
    const { clock, seated, deaths, last, die, start } = makeSupervisor();
    await start();
    await die("port0: gone");
    for (let waited = 0; waited < 60 * MINUTE_MS; waited += 5000) {
      await die("port0: no such interface");
      clock.advance(5000);
    }
    const before = seated.length;
    last().emit("message", "ready");
    clock.advance(MINUTE_MS);
    expect([seated.length, clock.pending]).toEqual([before, 0]);
    expect(deaths.length).toBeGreaterThan(700);
  });

  it("has no successor once the router stops, not even one that was waited for", async () => {
    const { clock, supervisor, seated, die, start } = makeSupervisor();
    await start();
    await die("first");
    await die("second");
    await supervisor.stop();
    clock.advance(MINUTE_MS);
    expect([seated.length, clock.pending]).toEqual([2, 0]);
  });

  it("that cannot even start is the router's failure", async () => {
    const { supervisor, die } = makeSupervisor();
    const started = supervisor.start();
    const refused = expect(started).rejects.toThrow("port0: no such interface");
    await die("port0: no such interface");
    await refused;
  });
});

describe("the end", () => {
  it("comes when all is taken that a worker has left, and nothing is after", async () => {
    const { supervisor, seated, entries, last, start } = makeSupervisor();
    await start();
    const channel = createChannelWriter(seated[0].seat.channel);
    const frame = new Uint8Array(VIRTIO_HEADER_LENGTH + 60);
    let pushed = 0;
    while (channel.push(1, 0, 0, frame, VIRTIO_HEADER_LENGTH, 60)) pushed++;
    last().emit("message", "bell");
    expect(entries.length).toBeLessThan(pushed);
    const stopped = supervisor.stop();
    last().emit("exit", 0);
    await stopped;
    expect(entries).toHaveLength(pushed);
  });

  it("leaves the wakes open, which those that serve ports signal for longer", async () => {
    const { supervisor, wakes, last, start } = makeSupervisor();
    await start();
    const stopped = supervisor.stop();
    last().emit("exit", 0);
    await stopped;
    expect(() => wakes[0].signal()).not.toThrow();
  });
});

describe("workers that take the place of others", () => {
  const predecessor = () => {
    const ended: string[] = [];
    return { ended, endings: createEndings(1), end: () => void ended.push("end") };
  };
  it("sit there and wait before those are told to end", async () => {
    const before = predecessor();
    const { supervisor, launched, seated, last } = makeSupervisor({ before });
    const prepared = supervisor.prepare();
    launched[0].emit("message", "warm");
    await vi.waitFor(() => expect(seated).toHaveLength(1));
    last().emit("message", "waits");
    await prepared;
    expect(before.ended).toEqual([]);
    const started = supervisor.start();
    await vi.waitFor(() => expect(before.ended).toEqual(["end"]));
    expect(launched).toHaveLength(1);
    last().emit("message", "ready");
    await started;
  });

  it("leave those as they are if one cannot be had", async () => {
    const before = predecessor();
    const { supervisor, launched } = makeSupervisor({ before });
    const refused = expect(supervisor.prepare()).rejects.toThrow("port0: no memory");
    launched[0].emit("error", new Error("port0: no memory"));
    launched[0].emit("exit", 1);
    await refused;
    await supervisor.stop();
    expect(before.ended).toEqual([]);
  });

  it("leave those as they are if one after the other dies before it waits", async () => {
    const before = predecessor();
    const { supervisor, launched, seated, deaths, die } = makeSupervisor({ before });
    const refused = expect(supervisor.prepare()).rejects.toThrow("out of luck");
    launched[0].emit("message", "warm");
    for (let i = 1; i <= 3; i++) {
      await vi.waitFor(() => expect(seated).toHaveLength(i));
      await die("out of luck");
    }
    await refused;
    await supervisor.stop();
    expect([before.ended, deaths]).toEqual([[], ["out of luck", "out of luck"]]);
  });

  /** Both wait. */
  const seatTwo = async () => {
    const before = predecessor();
    const made = makeSupervisor({ workers: 2, before });
    const prepared = made.supervisor.prepare();
    for (const worker of made.launched) worker.emit("message", "warm");
    await vi.waitFor(() => expect(made.seated).toHaveLength(2));
    const [first, second] = made.seated.map(({ worker }) => worker);
    for (const worker of [first, second]) worker.emit("message", "waits");
    await prepared;
    return { ...made, before, first, second };
  };

  it("are waited for anew if one dies while it waits, and those before go on until then", async () => {
    const { supervisor, before, seated, deaths, first, second, last } = await seatTwo();
    first.emit("error", new Error("out of luck"));
    first.emit("exit", 1);
    const started = supervisor.start();
    await vi.waitFor(() => expect(seated).toHaveLength(3));
    expect([deaths, before.ended]).toEqual([["out of luck"], []]);
    last().emit("message", "waits");
    await vi.waitFor(() => expect(before.ended).toEqual(["end"]));
    for (const worker of [second, last()]) worker.emit("message", "ready");
    await started;
  });

  it("begin without one that dies again and again, which is tried for ever", async () => {
    const { clock, supervisor, before, seated, deaths, first, second, last, die } = await seatTwo();
    first.emit("error", new Error("out of luck"));
    const started = supervisor.start();
    for (const pauseMs of [100, 200]) {
      expect(before.ended).toEqual([]);
      await die("out of luck");
      clock.advance(pauseMs);
    }
    await vi.waitFor(() => expect(before.ended).toEqual(["end"]));
    second.emit("message", "ready");
    await started;
    await die("out of luck");
    clock.advance(500);
    expect([deaths.length, seated.length]).toEqual([4, 6]);
    last().emit("message", "ready");
  });

  it("are replaced if they die when those before have ended", async () => {
    const { supervisor, before, seated, deaths, first, second, last } = await seatTwo();
    const started = supervisor.start();
    await vi.waitFor(() => expect(before.ended).toEqual(["end"]));
    second.emit("message", "ready");
    first.emit("error", new Error("out of luck"));
    expect([deaths, seated.length]).toEqual([["out of luck"], 3]);
    last().emit("message", "ready");
    await started;
  });

  it("that found nobody to go on are replaced as often as they die", async () => {
    const { clock, supervisor, launched, seated, deaths, last, die } = makeSupervisor({ isPersistent: true });
    const prepared = supervisor.prepare();
    launched[0].emit("error", new Error("no memory"));
    await prepared;
    const started = supervisor.start();
    for (const pauseMs of [0, 100, 200]) {
      await die("no memory");
      clock.advance(pauseMs);
    }
    await started;
    expect([deaths.length, seated.length]).toEqual([3, 4]);
    last().emit("message", "ready");
  });

  it("do not wait for a seat that is empty, nor for a worker that dies on its way out", async () => {
    const { supervisor, die, start } = makeSupervisor();
    await start();
    await die("first");
    await die("second");
    supervisor.end();
    const isOver = vi.fn(() => false);
    awaitEndings(supervisor.endings, ENDING.drained, isOver);
    expect(isOver).not.toHaveBeenCalled();

    const another = makeSupervisor();
    await another.start();
    another.supervisor.end();
    another.last().emit("error", new Error("third"));
    awaitEndings(another.supervisor.endings, ENDING.drained, isOver);
    expect(isOver).not.toHaveBeenCalled();
  });
});
