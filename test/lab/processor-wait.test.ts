/** Who waits for a processor is told so by the kernel: three busy processes on one, and one that is alone with nothing to do. */
import { type ChildProcess, spawn } from "node:child_process";
import { afterEach, describe, expect, it, vi } from "vitest";
import { longestWait, ProcessorWaits, type Sample, standstillMs, type Waits, waitBetween } from "#src/lab/processor-wait.ts";
import { systemClock } from "#src/net/clock.ts";

const children: ChildProcess[] = [];
afterEach(() => {
  // Whole groups: a child's child would go on for ever.
  for (const { pid } of children.splice(0)) process.kill(-(pid as number), "SIGKILL");
});

function start(...command: string[]): number {
  const child = spawn(command[0], command.slice(1), { stdio: "ignore", detached: true });
  children.push(child);
  return child.pid as number;
}

const at = (atMs: number, ranMs: number, waitedMs: number, more: Partial<Sample> = {}): Sample => ({
  atMs,
  own: { ranMs, waitedMs },
  threads: new Map(),
  stopped: new Set(),
  ...more,
});

/** Until each of them has waited for longer than that, all its waits together; what was seen of all. */
async function untilWaited(waits: ProcessorWaits, names: readonly string[], fromMs: number, waitedMs: number): Promise<Waits> {
  let found: Waits = new Map();
  try {
    await vi.waitFor(
      () => {
        found = waits.stop();
        for (const name of names) expect(longestWait(found, [name], fromMs, systemClock.nowMs()), name).toBeGreaterThan(waitedMs);
      },
      { timeout: 20_000, interval: 300 },
    );
    return found;
  } finally {
    waits.stop();
  }
}

describe("waits for a processor", () => {
  it("are those of processes that share one, also of a child's, and not of who sleeps", async () => {
    const busy = "for (;;);";
    const shared = (): string[] => ["taskset", "-c", "0", process.execPath, "-e", busy];
    const watched = [
      { name: "busy", pid: start(...shared()) },
      { name: "parent", pid: start("sh", "-c", `${shared().slice(0, 4).join(" ")} -e '${busy}' & wait`) },
      { name: "asleep", pid: start("sleep", "60") },
      { name: "gone", pid: 2 ** 22 + 1 },
    ];
    start(...shared());
    const waits = new ProcessorWaits(systemClock, () => watched);
    const fromMs = systemClock.nowMs();
    const found = await untilWaited(waits, ["busy", "parent"], fromMs, 100);
    const toMs = systemClock.nowMs();
    expect(longestWait(found, ["asleep"], fromMs, toMs)).toBeLessThan(longestWait(found, ["busy"], fromMs, toMs));
    // When the whole machine stands still, all that are watched wait, who is gone too.
    expect(longestWait(found, ["gone"], fromMs, toMs)).toBeLessThanOrEqual(longestWait(found, ["asleep"], fromMs, toMs));
    expect(longestWait(found, ["nobody"], fromMs, toMs)).toBe(0);
  });

  it("count within a time only as far as they lie in it", () => {
    const waits: Waits = new Map([
      [
        "a",
        [
          { fromMs: 0, toMs: 250, waitedMs: 200 },
          { fromMs: 250, toMs: 500, waitedMs: 40 },
        ],
      ],
      ["b", [{ fromMs: 900, toMs: 1150, waitedMs: 250 }]],
    ]);
    expect(longestWait(waits, ["a"], 0, 500)).toBe(240);
    expect(longestWait(waits, ["a"], 200, 500)).toBe(90);
    expect(longestWait(waits, ["a", "b"], 200, 1000)).toBe(100);
    expect(longestWait(waits, ["a", "b"], 2000, 3000)).toBe(0);
  });

  it("are everybody's while the whole machine stands still: who looks neither ran, nor waited, nor meant to sleep", () => {
    expect(standstillMs(at(0, 0, 0), at(250, 0, 0), 250)).toBe(0);
    expect(standstillMs(at(0, 5, 5), at(900, 205, 455), 250)).toBe(0);
    expect(standstillMs(at(0, 5, 5), at(2300, 15, 45), 250)).toBe(2000);
  });

  it("are counted when they end: one that outlasts the looks has its whole length, behind it", () => {
    const threads = (waitedMs: number) => ({ threads: new Map([["pod", new Map([["7", waitedMs]])]]) });
    const [before, now] = [at(2000, 0, 0, threads(5)), at(2250, 0, 0, threads(2205))];
    expect(waitBetween(before, now, "pod")).toEqual({ fromMs: 50, toMs: 2250, waitedMs: 2200 });
    expect(longestWait(new Map([["pod", [waitBetween(before, now, "pod")]]]), ["pod"], 200, 2200)).toBe(2000);
  });

  it("are those of who is stopped, from one look to the next", () => {
    const stopped = { stopped: new Set(["pod"]) };
    expect(waitBetween(at(0, 0, 0, stopped), at(250, 0, 0, stopped), "pod")).toEqual({ fromMs: 0, toMs: 250, waitedMs: 250 });
    for (const [before, now] of [[stopped, {}] as const, [{}, stopped] as const])
      expect(waitBetween(at(0, 0, 0, before), at(250, 0, 0, now), "pod").waitedMs).toBe(0);
  });

  it("are known of a process that a signal stops", async () => {
    const pid = start("sleep", "60");
    const waits = new ProcessorWaits(systemClock, () => [{ name: "stopped", pid }]);
    process.kill(pid, "SIGSTOP");
    const fromMs = systemClock.nowMs();
    await untilWaited(waits, ["stopped"], fromMs, 400);
  });
});
