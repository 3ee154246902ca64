/**
 * A router that sleeps between packets, and one that does not (`busy: true`): told apart by where the kernel finds the worker's
 * thread while sparse packets cross both. Of a thread that waits for its rings it says that it is in poll (/proc/.../wchan); one
 * that polls without a timeout is never found there. How often the thread gave its processor up tells less: V8's own locks and
 * collections of garbage count as well.
 *
 *   client 10.0.1.2 -- port0 [router] port1 -- 10.0.11.2 node
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { delay, systemClock } from "#src/net/clock.ts";
import { ECMP, Host, start } from "../common/host.ts";
import { inNamespace, run } from "../common/namespace.ts";

const PINGS = 50;
const INTERVAL_MS = 20;
const SAMPLE_MS = 2;

/** The folder in /proc of the thread that forwards. */
function findWorker(pid: number): string {
  const tasks = `/proc/${pid}/task`;
  const id = readdirSync(tasks).find((task) => readFileSync(`${tasks}/${task}/comm`, "utf8") === "ecmp worker 0\n");
  if (id === undefined) throw new Error(`${tasks}: no thread "ecmp worker 0"`);
  return `${tasks}/${id}`;
}

await inNamespace(import.meta.url, () => {
  const folder = mkdtempSync(join(tmpdir(), "ecmp-busy-"));
  const [control, file] = ["control.sock", "router.yaml"].map((name) => join(folder, name));
  let client: Host;
  let node: Host;

  /** Of so many looks at the worker's thread, how many found it in poll. */
  async function lookAtWorker(busy: boolean): Promise<{ looks: number; inPoll: number }> {
    writeFileSync(file, `{ports: [{interface: port0}, {interface: port1}], busy: ${busy}}\n`);
    const router = start([process.execPath, ECMP, "run", file, "--control", control]);
    try {
      expect(await router.line()).toBe("ready");
      client.run("ping -c 1 -W 5 10.0.11.2");
      const worker = findWorker(router.child.pid ?? 0);
      const seen = { looks: 0, inPoll: 0 };
      let isOver = false;
      const pings = client.start(["ping", "-q", "-c", `${PINGS}`, "-i", `${INTERVAL_MS / 1000}`, "-w", "30", "10.0.11.2"]);
      void pings.ended.then(() => {
        isOver = true;
      });
      for (; !isOver; seen.looks++) {
        if (readFileSync(`${worker}/wchan`, "utf8").includes("poll")) seen.inPoll++;
        await delay(systemClock, SAMPLE_MS);
      }
      // Not 0 unless all were answered.
      expect(await pings.ended).toMatchObject({ code: 0 });
      return seen;
    } finally {
      router.child.kill("SIGTERM");
      expect(await router.ended).toMatchObject({ code: 0 });
    }
  }

  beforeAll(async () => {
    run("ip link set lo up");
    client = await Host.create("port0", "10.0.1.2/24", "10.0.1.1");
    node = await Host.create("port1", "10.0.11.2/24", "10.0.11.1");
    run("ip addr add 10.0.1.1/24 dev port0");
    run("ip addr add 10.0.11.1/24 dev port1");
  });

  afterAll(() => {
    for (const host of [client, node]) host?.end();
    rmSync(folder, { recursive: true });
  });

  test("a worker sleeps between packets", { timeout: 60_000 }, async () => {
    const { looks, inPoll } = await lookAtWorker(false);
    // A packet is some tenths of a millisecond's work, every 20; what it waits for a processor, where many want one, adds to that.
    expect(inPoll).toBeGreaterThan(looks / 4);
  });

  test("a busy one does not, forwards as well, and ends when it is told to", { timeout: 60_000 }, async () => {
    const { looks, inPoll } = await lookAtWorker(true);
    expect(looks).toBeGreaterThan(PINGS);
    expect(inPoll).toBe(0);
  });
});
