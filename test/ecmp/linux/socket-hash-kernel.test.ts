/**
 * Where the kernel departs from policy 1, shown on the kernel: TCP that crosses a veth pair carries its socket's random hash, and
 * that picks the next hop, so one and the same 5-tuple goes now here, now there. Policy 3 over the same fields does not.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, expect, it, test } from "vitest";
import { readHeaders } from "#src/ecmp/linux/dissect.ts";
import { createHeaders } from "#src/ecmp/linux/headers.ts";
import { createLinuxHash } from "#src/ecmp/linux/policy.ts";
import { linuxThreshold } from "#src/ecmp/select/linux-threshold.ts";
import { equalMembers, select } from "#src/ecmp/table.ts";
import { systemClock } from "#src/net/clock.ts";
import { PacketRing } from "#src/port/packet-ring.ts";
import { PacketWaiter } from "#src/port/packet-waiter.ts";
import { Wake } from "#src/port/wake.ts";
import { inNamespace, run } from "../../common/namespace.ts";
import { copyFrames } from "../../common/port.ts";
import { addNeighbors, createRouter, findObstacle, numberOfMac, setHash, setMultipathRoute } from "./kernel.ts";

const MEMBERS = 8;
const CONNECTIONS = 40;
const SEED = 77;
const FIVE_TUPLE_FIELDS = 0x037;
const PATIENCE_MS = 10_000;

/** Connects so many times from one port, one after the other; nobody answers. */
const CLIENT = `
const net = require("node:net");
let left = ${CONNECTIONS};
(function next() {
  if (left-- === 0) process.exit(0);
  const socket = net.connect({ host: "198.51.100.10", port: 80, localPort: 40000 });
  socket.on("error", () => {}).on("close", next);
  setImmediate(() => socket.destroy());
})();`;

await inNamespace(import.meta.url, () => {
  const obstacle = findObstacle();
  if (obstacle) return void test.skip(`Linux's socket hash: ${obstacle}`);
  let client: ChildProcess;
  let sink: PacketRing;
  let wake: Wake;
  let waiter: PacketWaiter;

  beforeAll(async () => {
    createRouter();
    addNeighbors(MEMBERS);
    setMultipathRoute(
      4,
      Array.from({ length: MEMBERS }, (_, i) => ({ id: i + 1, weight: 1 })),
    );
    client = spawn("unshare", ["--net", "sh", "-c", "echo ready; exec cat"], { stdio: ["pipe", "pipe", "inherit"] });
    await once(client.stdout!, "data");
    run(`ip link set dev source0 netns ${client.pid}`);
    const inside = `nsenter --net=/proc/${client.pid}/ns/net ip`;
    run(`${inside} link set dev source0 up`);
    run(`${inside} address add 10.9.0.1/24 dev source0`);
    run(`${inside} route add default via 10.9.0.254`);
    sink = new PacketRing({ interface: "sink0" });
    wake = new Wake();
    waiter = new PacketWaiter([sink], wake.descriptor);
  });
  afterAll(() => {
    waiter.close();
    for (const part of [sink, wake]) part.close();
    client.kill();
  });

  /** By which next hop the first segment of each connection left, and one of those packets. */
  const connect = async (): Promise<{ hops: number[]; packet: Uint8Array }> => {
    const words = [`--net=/proc/${client.pid}/ns/net`, process.execPath, "-e", CLIENT];
    const [code] = await once(spawn("nsenter", words, { stdio: "inherit" }), "close");
    expect(code).toBe(0);
    const hops: number[] = [];
    let packet = new Uint8Array(0);
    const deadline = systemClock.nowMs() + PATIENCE_MS;
    while (hops.length < CONNECTIONS && systemClock.nowMs() < deadline) {
      if (sink.receive() === 0) waiter.wait(20);
      for (const { bytes } of copyFrames(sink.batch)) {
        const isTcp = bytes[12] === 8 && bytes[13] === 0 && bytes[23] === 6;
        if (!isTcp) continue;
        hops.push(numberOfMac(bytes));
        packet = bytes.slice(14);
      }
    }
    expect(hops).toHaveLength(CONNECTIONS);
    return { hops, packet };
  };

  it("sends connections of one 5-tuple to several next hops under policy 1", async () => {
    setHash(4, { policy: 1, fields: 0, seed: SEED });
    const { hops } = await connect();
    // Were they all the same by chance, it would be one time in 8^39.
    expect(new Set(hops).size).toBeGreaterThan(2);
  });

  it("sends them all to the one that we say under policy 3 over the same fields", async () => {
    setHash(4, { policy: 3, fields: FIVE_TUPLE_FIELDS, seed: SEED });
    const { hops, packet } = await connect();
    const headers = createHeaders();
    readHeaders(packet, 0, packet.length, headers);
    const hash = createLinuxHash({ policy: 3, fields: FIVE_TUPLE_FIELDS, seed: SEED });
    const wanted = select(linuxThreshold.fill(equalMembers(MEMBERS), {}), hash(headers)) + 1;
    expect(hops).toEqual(new Array<number>(CONNECTIONS).fill(wanted));
  });
});
