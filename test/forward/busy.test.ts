/**
 * A router that sleeps between packets, and one that does not (`busy: true`): told apart by how often the kernel saw the worker's
 * thread give its processor up, while sparse packets cross both.
 *
 *   client 10.0.1.2 -- port0 [router] port1 -- 10.0.11.2 node
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ECMP, Host, start } from "../common/host.ts";
import { inNamespace, run } from "../common/namespace.ts";

const PINGS = 50;

interface Thread {
  readonly id: string;
  /** In hundredths of a second. */
  readonly processorTime: number;
  readonly sleeps: number;
}

function threadsOf(pid: number): Thread[] {
  return readdirSync(`/proc/${pid}/task`).map((id) => {
    const place = `/proc/${pid}/task/${id}`;
    const [user, system] = readFileSync(`${place}/stat`, "utf8").replace(/.*\) /s, "").split(" ").slice(11, 13).map(Number);
    const sleeps = Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(readFileSync(`${place}/status`, "utf8"))?.[1]);
    return { id, processorTime: user + system, sleeps };
  });
}

await inNamespace(import.meta.url, () => {
  const folder = mkdtempSync(join(tmpdir(), "ecmp-busy-"));
  const [control, file] = ["control.sock", "router.yaml"].map((name) => join(folder, name));
  let client: Host;
  let node: Host;

  /** Of the thread that worked most while the packets passed: how often it slept. */
  async function sleepsOfWorker(busy: boolean): Promise<number> {
    writeFileSync(file, `{ports: [{interface: port0}, {interface: port1}], busy: ${busy}}\n`);
    const router = start([process.execPath, ECMP, "run", file, "--control", control]);
    try {
      expect(await router.line()).toBe("ready");
      client.run("ping -c 1 -W 5 10.0.11.2");
      const before = new Map(threadsOf(router.child.pid ?? 0).map((thread) => [thread.id, thread]));
      expect(client.ask(`ping -c ${PINGS} -i 0.02 -W 5 10.0.11.2`)).toContain(`${PINGS} received`);
      const spent = threadsOf(router.child.pid ?? 0).map(({ id, processorTime, sleeps }) => ({
        processorTime: processorTime - (before.get(id)?.processorTime ?? 0),
        sleeps: sleeps - (before.get(id)?.sleeps ?? 0),
      }));
      // Where nobody is busy, the worker is who sleeps most.
      const order = busy ? "processorTime" : "sleeps";
      return spent.reduce((most, one) => (one[order] > most[order] ? one : most)).sleeps;
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
    expect(await sleepsOfWorker(false)).toBeGreaterThanOrEqual(PINGS);
  });

  test("a busy one does not, forwards as well, and ends when it is told to", { timeout: 60_000 }, async () => {
    expect(await sleepsOfWorker(true)).toBeLessThan(PINGS / 5);
  });
});
