/**
 * Datagrams in pieces behind ECMP: two nodes have one service address, and a datagram arrives whole only where all of its pieces
 * go. Which do, the setting `fragments` decides, and `ecmp explain` says: of a piece without ports, as a flow without ports.
 *
 *   client 10.0.1.2 -- port0 [router] port1 -- node 10.0.11.2, 198.51.100.10
 *                                     port2 -- node 10.0.12.2, 198.51.100.10
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ECMP, Host, start } from "../common/host.ts";
import { inNamespace, run } from "../common/namespace.ts";

const SERVICE = "198.51.100.10";
const NODES = ["10.0.11.2", "10.0.12.2"];
const PORTS = Array.from({ length: 16 }, (_, i) => 20_000 + i);
const BYTES = 4000;

/** Answers a question with the ports that long datagrams came from. */
const SERVER = `
const ports = [];
const socket = require("node:dgram").createSocket("udp4", (message, { address, port }) => {
  if (message.length === ${BYTES}) ports.push(port);
  else socket.send(JSON.stringify(ports.splice(0)), port, address);
});
socket.bind(5353, () => console.log("listening"));`;

/**
 * Asks both nodes, so that the router knows them, sends the long datagrams, and asks again: what was sent before the question to a
 * node has arrived before it. Prints whose datagram arrived where.
 */
const CLIENT = `
const dgram = require("node:dgram");
const asker = dgram.createSocket("udp4");
async function ask(node) {
  const answer = new Promise((resolve) => asker.on("message", (text, from) => from.address === node && resolve(JSON.parse(text))));
  const again = setInterval(() => asker.send("?", 5353, node), 500);
  asker.send("?", 5353, node);
  return answer.finally(() => { clearInterval(again); asker.removeAllListeners("message"); });
}
const nodes = ${JSON.stringify(NODES)};
(async () => {
  for (const node of nodes) await ask(node);
  for (const port of ${JSON.stringify(PORTS)}) await new Promise((resolve) => {
    const socket = dgram.createSocket("udp4").bind(port, () => socket.send(Buffer.alloc(${BYTES}), 5353, "${SERVICE}", () => socket.close(resolve)));
  });
  const arrived = [];
  for (const node of nodes) for (const port of await ask(node)) arrived.push([port, node]);
  console.log(JSON.stringify(arrived.sort()));
  process.exit();
})();`;

await inNamespace(import.meta.url, () => {
  const folder = mkdtempSync(join(tmpdir(), "ecmp-fragments-"));
  const hosts: Host[] = [];

  beforeAll(async () => {
    run("ip link set lo up");
    for (const [port, subnet] of ["10.0.1", "10.0.11", "10.0.12"].entries()) {
      hosts.push(await Host.create(`port${port}`, `${subnet}.2/24`, `${subnet}.1`));
      run(`ip addr add ${subnet}.1/24 dev port${port}`);
    }
    for (const node of hosts.slice(1)) {
      node.run(`ip addr add ${SERVICE}/32 dev lo`);
      expect(await node.start([process.execPath, "-e", SERVER]).line()).toBe("listening");
    }
  }, 60_000);

  afterAll(() => {
    for (const host of hosts) host.end();
    rmSync(folder, { recursive: true });
  });

  const ecmp = (...words: string[]): string => execFileSync(process.execPath, [ECMP, ...words], { encoding: "utf8" });

  /** Which datagrams arrive whole, and where; how many pieces were dropped as pieces; what `explain` says of the flows. */
  async function send(fragments: string) {
    const [file, csv, control] = ["yaml", "csv", "sock"].map((extension) => join(folder, `${fragments}.${extension}`));
    writeFileSync(
      file,
      `
ports: [{interface: port0}, {interface: port1}, {interface: port2}]
routes: [{prefix: 198.51.100.0/24, nextHops: [${NODES.map((address) => `{address: ${address}}`)}]}]
ecmp: {hash: {algorithm: xxh32, fields: 5-tuple, seed: 42, fragments: ${fragments}}}
`,
    );
    const flows = [...PORTS.map((port) => `${port},${SERVICE},5353`), `0,${SERVICE},0`].map((rest) => `udp,10.0.1.2,${rest}`);
    writeFileSync(csv, `protocol,src,srcPort,dst,dstPort\n${flows.join("\n")}\n`);
    const router = start([process.execPath, ECMP, "run", file, "--control", control]);
    try {
      expect(await router.line()).toBe("ready");
      const arrived: [number, string][] = JSON.parse(await hosts[0].start([process.execPath, "-e", CLIENT]).line());
      const lines = ecmp("explain", "--live", "--control", control, "--flows", csv, "--json").trim().split("\n");
      const explained: { nextHop: string; rule: string }[] = lines.map((line) => JSON.parse(line));
      const counters = JSON.parse(ecmp("show", "counters", "--control", control, "--json"));
      return { arrived, explained, dropped: counters.dropped?.fragment ?? 0 };
    } finally {
      router.child.kill("SIGTERM");
      await router.ended;
    }
  }

  test("arrive whole, all at one node, by their addresses alone", { timeout: 60_000 }, async () => {
    const { arrived, explained, dropped } = await send("address-only");
    const way = explained[PORTS.length].nextHop;
    expect(arrived).toEqual(PORTS.map((port) => [port, way]));
    expect(dropped).toBe(0);
    expect(explained[0].rule).not.toContain("fragments");
  });

  test("arrive whole where the first piece, which has the ports, goes the way of the others", { timeout: 60_000 }, async () => {
    const { arrived, explained } = await send("first-with-ports");
    const way = explained[PORTS.length].nextHop;
    const whole = PORTS.filter((_, i) => explained[i].nextHop === way);
    expect(whole.length).toBeGreaterThan(0);
    expect(whole.length).toBeLessThan(PORTS.length);
    expect(arrived).toEqual(whole.map((port) => [port, way]));
    expect(explained[0].rule).toMatch(/; fragments first-with-ports$/);
  });

  test("do not arrive where pieces are dropped, each counted", { timeout: 60_000 }, async () => {
    const { arrived, dropped } = await send("dropped");
    expect(arrived).toEqual([]);
    expect(dropped).toBe(PORTS.length * Math.ceil(BYTES / 1480));
  });
});
