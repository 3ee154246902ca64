import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Wake } from "#src/port/wake.ts";
import { createCable, inNamespace, run } from "../common/namespace.ts";
import { startWorker } from "./workers.ts";

const BYTES = 1e9;

interface Crossed {
  readonly counters: readonly { readonly cutFrames: number; readonly interfaceErrors: number }[];
  readonly largest: number;
}

await inNamespace(import.meta.url, () => {
  // a0 (its own namespace) = ra, cross-connect, rb = b0 (its own namespace): to TCP a plain cable, offloads as they come.
  const hosts: ChildProcess[] = [];

  beforeAll(async () => {
    for (const [end, ours, address] of [
      ["a0", "ra", "10.0.0.1/24"],
      ["b0", "rb", "10.0.0.2/24"],
    ]) {
      createCable(end, ours);
      const host = spawn("unshare", ["--net", "sh", "-c", "echo there; exec sleep 300"], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      hosts.push(host);
      await new Promise((resolve) => host.stdout?.once("data", resolve));
      run(`ip link set dev ${end} netns ${host.pid}`);
      run(`nsenter --target ${host.pid} --net ip addr add ${address} dev ${end}`);
      run(`nsenter --target ${host.pid} --net ip link set dev ${end} up`);
    }
  });

  afterAll(() => {
    for (const host of hosts) host.kill();
  });

  const transfer = (host: ChildProcess, ...words: string[]) => {
    const script = fileURLToPath(new URL("./transfer.mjs", import.meta.url));
    const child = spawn("nsenter", ["--target", `${host.pid}`, "--net", process.execPath, script, ...words]);
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    const listening = new Promise((resolve) => child.stderr.once("data", resolve));
    const done = new Promise<{ bytes: number; digest: string }>((resolve, reject) => {
      child.on("close", (code) => (code === 0 ? resolve(JSON.parse(output)) : reject(new Error(`transfer: exit code ${code}`))));
    });
    return { listening, done };
  };

  test("1 GB of TCP crosses two ports intact, all offloads on", { timeout: 60_000 }, async () => {
    const wake = new Wake();
    const words = new Int32Array(new SharedArrayBuffer(4));
    const cross = startWorker<"ready" | Crossed>("./cross-connect.mjs", {
      interfaces: ["ra", "rb"],
      wakeDescriptor: wake.descriptor,
      words,
    });
    expect(await cross.next()).toBe("ready");
    const receiver = transfer(hosts[1], "receive", "5001");
    await receiver.listening;
    const sender = transfer(hosts[0], "send", "10.0.0.2", "5001", `${BYTES}`);
    const [sent, received] = await Promise.all([sender.done, receiver.done]);
    expect(received).toEqual(sent);
    expect(received.bytes).toBe(BYTES);
    Atomics.store(words, 0, 1);
    wake.signal();
    const { counters, largest } = (await cross.next()) as Crossed;
    // Else this was not a test of segmentation offload.
    expect(largest).toBeGreaterThan(30_000);
    for (const port of counters) expect(port).toMatchObject({ cutFrames: 0, interfaceErrors: 0 });
    wake.close();
  });
});
