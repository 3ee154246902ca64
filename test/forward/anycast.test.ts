/**
 * Path-MTU discovery behind ECMP: two nodes have one service address, and what they send is too big for the client's link. The
 * router's error goes to that address, so it is for one of the two; `icmpErrors` decides whether it is the one that has to know.
 *
 *   client 10.0.1.2 -- port0 (MTU 1400) [router] port1 -- node 10.0.11.2, 198.51.100.10
 *                                                port2 -- node 10.0.12.2, 198.51.100.10
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ECMP, Host, start } from "../common/host.ts";
import { inNamespace, run } from "../common/namespace.ts";

const BYTES = 200_000;
const CONNECTIONS = 16;
const SERVER = `
require("node:net").createServer((socket) => {
  socket.on("error", () => {});
  socket.end(Buffer.alloc(${BYTES}));
}).listen(8080, "198.51.100.10", () => console.log("listening"));`;
/** Says how many connections brought everything, as soon as all did or when for two seconds none brought anything. */
const client = (firstPort: number): string => `
let whole = 0;
let last = performance.now();
const end = () => { console.log(whole); process.exit(); };
for (let i = 0; i < ${CONNECTIONS}; i++) {
  let bytes = 0;
  const socket = require("node:net").connect({ host: "198.51.100.10", port: 8080, localPort: ${firstPort} + i });
  socket.on("data", (data) => {
    last = performance.now();
    if ((bytes += data.length) === ${BYTES} && ++whole === ${CONNECTIONS}) end();
  });
}
setInterval(() => performance.now() - last > 2000 && end(), 100);`;

await inNamespace(import.meta.url, () => {
  const folder = mkdtempSync(join(tmpdir(), "ecmp-anycast-"));
  const hosts: Host[] = [];

  beforeAll(async () => {
    run("ip link set lo up");
    for (const [port, subnet] of ["10.0.1", "10.0.11", "10.0.12"].entries()) {
      hosts.push(await Host.create(`port${port}`, `${subnet}.2/24`, `${subnet}.1`));
      run(`ip addr add ${subnet}.1/24 dev port${port}`);
    }
    run("ip link set port0 mtu 1400");
    for (const node of hosts.slice(1)) {
      node.run("ip addr add 198.51.100.10/32 dev lo");
      const server = node.start([process.execPath, "-e", SERVER]);
      expect(await server.line()).toBe("listening");
    }
  }, 30_000);

  afterAll(() => {
    for (const host of hosts) host.end();
    rmSync(folder, { recursive: true });
  });

  /** The ports of earlier connections are not free yet. */
  async function download(icmpErrors: string, firstPort: number): Promise<number> {
    for (const node of hosts.slice(1)) node.run("ip route flush cache");
    const file = join(folder, `${icmpErrors}.yaml`);
    writeFileSync(
      file,
      `
ports: [{interface: port0}, {interface: port1}, {interface: port2}]
routes: [{prefix: 198.51.100.0/24, nextHops: [{address: 10.0.11.2}, {address: 10.0.12.2}]}]
ecmp: {hash: {algorithm: xxh32, fields: 5-tuple, seed: 42, icmpErrors: ${icmpErrors}}}
`,
    );
    const router = start([process.execPath, ECMP, "run", file, "--control", join(folder, `${icmpErrors}.sock`)]);
    try {
      expect(await router.line()).toBe("ready");
      return Number(await hosts[0].start([process.execPath, "-e", client(firstPort)]).line());
    } finally {
      router.child.kill("SIGTERM");
      await router.ended;
    }
  }

  test("works where errors follow the flow that they quote", { timeout: 60_000 }, async () => {
    expect(await download("quoted", 20_000)).toBe(CONNECTIONS);
  });

  test("leaves the connections of one node without an answer where errors are packets like others", {
    timeout: 60_000,
  }, async () => {
    const whole = await download("outer", 30_000);
    expect(whole).toBeGreaterThan(0);
    expect(whole).toBeLessThan(CONNECTIONS);
  });
});
