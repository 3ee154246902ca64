/** The pod and the load client over loopback TCP: what was opened, and every way to lose a connection told apart. */
import { createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { ConnectionRecord, ConnectionTarget } from "#src/lab/connection.ts";
import { LoadClient } from "#src/lab/load-client.ts";
import { PodServer } from "#src/lab/pod.ts";
import { systemClock } from "#src/net/clock.ts";

const OPTIONS = { heartbeatMs: 20, timeoutMs: 300, redial: false, parallel: 3 };
const FIRST_PORT = 26_000;

const cleanUp: (() => void)[] = [];
afterEach(() => {
  for (const each of cleanUp.splice(0)) each();
});

function startClient(): LoadClient {
  const client = new LoadClient(systemClock, OPTIONS);
  cleanUp.push(() => client.close());
  return client;
}

async function startPod(name: string): Promise<{ pod: PodServer; port: number }> {
  const pod = new PodServer(name);
  cleanUp.push(() => pod.close());
  return { pod, port: await pod.listen(0, "127.0.0.1") };
}

/** A server that greets like a pod and then does what `behave` says. */
async function startServer(behave: (socket: Socket) => void): Promise<number> {
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket.on("error", () => {}));
    socket.write(`${JSON.stringify({ pod: "odd", source: socket.remoteAddress, sourcePort: socket.remotePort })}\n`);
    behave(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanUp.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as { port: number }).port;
}

const target = (destinationPort: number, index = 0): ConnectionTarget => ({
  flow: `connection ${index}`,
  sourceAddress: "127.0.0.1",
  sourcePort: FIRST_PORT + index,
  destinationAddress: "127.0.0.1",
  destinationPort,
});

/** Waits until the first record is as wanted; its end shows it as it is. */
const untilRecord = (client: LoadClient, wanted: Partial<Record<keyof ConnectionRecord, unknown>>) =>
  vi.waitFor(() => expect(client.records()[0]).toMatchObject(wanted), { timeout: 5000, interval: 10 });

describe("the load client", () => {
  it("opens from the given source ports, and knows from the pod which one it is and what it saw", async () => {
    const { port } = await startPod("p1");
    const client = startClient();
    await client.open(Array.from({ length: 20 }, (_, index) => target(port, index)));
    expect(client.records()).toHaveLength(20);
    for (const record of client.records()) expect(record).toMatchObject({ opened: true, pod: "p1", sourceSeen: "127.0.0.1" });
  });

  it("keeps a connection alive with heartbeats for longer than a silence may last", async () => {
    const { port } = await startPod("p1");
    const client = startClient();
    const startMs = systemClock.nowMs();
    await client.open([target(port)]);
    await vi.waitFor(() => expect(client.records()[0].lastEchoAtMs - startMs).toBeGreaterThan(OPTIONS.timeoutMs * 2), {
      timeout: 5000,
    });
    expect(client.records()[0]).not.toHaveProperty("timedOutAtMs");
    expect(client.records()[0]).not.toHaveProperty("resetAtMs");
  });

  it("counts a reset as a reset", async () => {
    const { pod, port } = await startPod("p1");
    const client = startClient();
    await client.open([target(port)]);
    pod.close();
    await untilRecord(client, { opened: true, resetAtMs: expect.any(Number) });
    expect(client.records()[0]).not.toHaveProperty("timedOutAtMs");
  });

  it("counts a reset that overtakes an unread echo as a reset too", async () => {
    const port = await startServer((socket) =>
      socket.once("data", (bytes) => socket.write(bytes, () => socket.resetAndDestroy())),
    );
    const client = startClient();
    await client.open([target(port)]);
    await untilRecord(client, { opened: true, resetAtMs: expect.any(Number) });
    expect(client.records()[0]).not.toHaveProperty("closedAtMs");
  });

  it("counts silence as a time-out, not before its time", async () => {
    const port = await startServer(() => {});
    const client = startClient();
    await client.open([target(port)]);
    await untilRecord(client, { opened: true, timedOutAtMs: expect.any(Number) });
    const [{ timedOutAtMs, lastEchoAtMs, resetAtMs }] = client.records();
    expect(resetAtMs).toBeUndefined();
    expect((timedOutAtMs ?? 0) - lastEchoAtMs).toBeGreaterThan(OPTIONS.timeoutMs);
  });

  it.each([1, 5])("takes no pause of its own for silence of the others, %d heartbeats after they opened", async (beats) => {
    const { port } = await startPod("p1");
    const client = startClient();
    await client.open(Array.from({ length: 20 }, (_, index) => target(port, index)));
    await vi.waitFor(() => expect(client.records()[0].bytes).toBeGreaterThan(60 + beats * "beat\n".length), { timeout: 5000 });
    // This thread stands still, and the pod with it: nothing is asked meanwhile, and nothing waits to be read.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, OPTIONS.timeoutMs * 3);
    for (const record of await client.settled()) {
      expect(record).not.toHaveProperty("timedOutAtMs");
      expect(record).toMatchObject({ opened: true });
    }
  });

  it("knows of each whether it lives when it has settled", async () => {
    const { port } = await startPod("p1");
    const deaf = await startServer(() => {});
    const client = startClient();
    await client.open([target(port, 0), target(deaf, 1)]);
    await untilRecord(client, { bytes: expect.toSatisfy((bytes: number) => bytes > 70) });
    const [answered, silent] = await client.settled();
    expect(answered).not.toHaveProperty("timedOutAtMs");
    expect(silent).toMatchObject({ opened: true, timedOutAtMs: expect.any(Number) });
  });

  it("counts an end in order as neither", async () => {
    const port = await startServer((socket) => socket.once("data", () => socket.end()));
    const client = startClient();
    await client.open([target(port)]);
    await untilRecord(client, { opened: true, closedAtMs: expect.any(Number) });
    expect(client.records()[0]).not.toHaveProperty("resetAtMs");
  });

  it("says why a connection did not open, and goes on", async () => {
    const { pod, port: closedPort } = await startPod("gone");
    pod.close();
    const { port } = await startPod("p1");
    const client = startClient();
    await client.open([target(closedPort, 0), target(port, 1)]);
    expect(client.records()[0]).toMatchObject({ opened: false, error: "ECONNREFUSED" });
    expect(client.records()[1]).toMatchObject({ opened: true });
  });

  it("gives up on a server that never says who it is", async () => {
    const server = createServer((socket) => socket.on("error", () => {})).listen(0, "127.0.0.1");
    cleanUp.push(() => server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    const client = startClient();
    await client.open([target((server.address() as { port: number }).port)]);
    expect(client.records()[0]).toMatchObject({ opened: false, error: "no answer in 300 ms" });
  });

  it("does not wait for a server that ends before it says who it is", async () => {
    const server = createServer((socket) => socket.end("{").on("error", () => {})).listen(0, "127.0.0.1");
    cleanUp.push(() => server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    const client = startClient();
    await client.open([target((server.address() as { port: number }).port)]);
    expect(client.records()[0]).toMatchObject({ opened: false, error: "closed before it said who it is" });
  });

  it("leaves its source ports free for the next one at once", async () => {
    const { port } = await startPod("p1");
    for (let round = 0; round < 3; round++) {
      const client = startClient();
      await client.open([target(port)]);
      expect(client.records()[0]).toMatchObject({ opened: true });
      client.close();
      await vi.waitFor(() => expect(isFree(FIRST_PORT)).resolves.toBe(true), { timeout: 5000, interval: 10 });
    }
  });
});

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ port, host: "127.0.0.1" }, () => probe.close(() => resolve(true)));
  });
