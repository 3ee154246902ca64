/** Commands and daemons of a lab, and the router's events: what is waited for comes, or its absence is told in words. */
import { afterEach, describe, expect, it } from "vitest";
import { EventLog } from "#src/lab/event-log.ts";
import { Daemon, execute, stopAllDaemons } from "#src/lab/process.ts";
import { systemClock } from "#src/net/clock.ts";
import { createFakeClock } from "../common/fake-clock.ts";

const daemons: Daemon[] = [];
const startShell = async (script: string): Promise<Daemon> => {
  const daemon = await Daemon.start("shell", ["sh", "-c", script]);
  daemons.push(daemon);
  return daemon;
};
afterEach(() => {
  for (const daemon of daemons.splice(0)) daemon.kill("SIGKILL");
});

describe("a command", () => {
  it("gets its input and gives both its outputs", async () => {
    expect(await execute(["sh", "-c", "cat; echo said >&2"], "given\n")).toBe("given\nsaid\n");
  });

  it("that fails is told with its own words", async () => {
    await expect(execute(["sh", "-c", "echo the cause >&2; exit 3"])).rejects.toThrow(
      "sh -c echo the cause >&2; exit 3: the cause\n  wanted  exit code 0",
    );
  });

  it("that does not exist is told", async () => await expect(execute(["/no/such/program"])).rejects.toThrow("ENOENT"));
});

describe("a daemon", () => {
  it("is waited for by a line it says", async () => {
    const daemon = await startShell("echo first; echo ready; cat");
    await daemon.untilLine("ready", systemClock, 5000);
    expect(daemon.lastLines(5)).toEqual(["first", "ready"]);
  });

  it("that ends first is told with its last words", async () => {
    const daemon = await startShell("read line; echo no luck >&2; exit 4");
    daemon.send("go\n");
    await expect(daemon.untilLine("ready", systemClock, 5000)).rejects.toThrow(
      'shell: it ended (4)\n    no luck\n  wanted  the line "ready"',
    );
  });

  it("that stays silent is told after the deadline", async () => {
    const clock = createFakeClock();
    const waited = startShell("cat").then((daemon) => {
      const late = daemon.untilLine("ready", clock, 2000);
      clock.advance(2000);
      return late;
    });
    await expect(waited).rejects.toThrow("shell: silent about it for 2 s");
  });

  it("ends by SIGTERM, and by SIGKILL when it will not", async () => {
    expect(await (await startShell("exec cat")).stop(systemClock)).toEqual({ code: null, signal: "SIGTERM" });
    const stubborn = await startShell("trap '' TERM; echo ready; while :; do read line; done");
    await stubborn.untilLine("ready", systemClock, 5000);
    const clock = createFakeClock();
    const stopped = stubborn.stop(clock);
    expect(clock.pending).toBe(1);
    clock.advance(3000);
    expect(await stopped).toEqual({ code: null, signal: "SIGKILL" });
  });

  it("is ended with all others, except for those that have ended", async () => {
    const [gone, ...living] = [await startShell("true"), await startShell("cat"), await startShell("cat")];
    await gone.exited;
    await stopAllDaemons(systemClock);
    expect(living.map((daemon) => daemon.running)).toEqual([false, false]);
  });
});

describe("the event log", () => {
  const event = (kind: string, atMs = 0) => ({ kind, atMs });

  it("finds what has been and what is to come", async () => {
    const log = new EventLog(createFakeClock());
    log.add(event("a"));
    expect(await log.find(({ kind }) => kind === "a", 1000)).toEqual(event("a"));
    const later = log.find(({ kind }) => kind === "b", 1000);
    log.add(event("c"));
    log.add(event("b"));
    expect(await later).toEqual(event("b"));
  });

  it("asks again when an event came while the answer was on its way", async () => {
    const log = new EventLog(createFakeClock());
    let asked = 0;
    const answer = await log.until(async () => {
      asked += 1;
      if (asked === 1) log.add(event("in between"));
      return asked === 2 ? "yes" : undefined;
    }, 1000);
    expect(answer).toBe("yes");
  });

  it("gives up at the deadline, and leaves no timer behind", async () => {
    const clock = createFakeClock();
    const log = new EventLog(clock);
    const never = log.find(({ kind }) => kind === "never", 1000);
    await Promise.resolve().then(() => Promise.resolve());
    clock.advance(1000);
    expect(await never).toBeUndefined();
    expect(clock.pending).toBe(0);
  });
});
