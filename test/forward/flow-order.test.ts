/**
 * The order of packets that the kernel carries past workers: numbered ones of one flow and of several, from the first packet on, as fast as the
 * source can, while everything that was decided is forgotten a hundred times a second. The source keeps to one processor, as a thread that
 * changes it overtakes itself on a veth.
 *
 *   client 10.0.1.2 -- port0 [router] port1 -- 10.0.11.2 node
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { askOnce } from "#src/commands/control-client.ts";
import { delay, systemClock } from "#src/net/clock.ts";
import { sumOf } from "../common/counters.ts";
import { missingForFlowOffload } from "../common/flow-offload.ts";
import { ECMP, Host, type Program, showOf, start } from "../common/host.ts";
import { inNamespace, lostBehind, run } from "../common/namespace.ts";
import { makePacket } from "../dataplane/packets.ts";

const NODE = "10.0.11.2";
const SEQUENCE = fileURLToPath(new URL("sequence.mjs", import.meta.url));
const AS_FAST_AS_IT_CAN = "0";
const ONE_PROCESSOR = ["taskset", "-c", "0"];
const CHANGES = 150;
const CHANGE_MS = 10;

await inNamespace(import.meta.url, () => {
  const missing = missingForFlowOffload();
  if (missing) return void test.skip(`carried flows: ${missing}`);
  const folder = mkdtempSync(join(tmpdir(), "ecmp-order-"));
  const [control, file] = ["control.sock", "router.yaml"].map((name) => join(folder, name));
  const show = showOf(control);
  const programs: Program[] = [];
  const hosts: Host[] = [];
  let router: Program | undefined;

  const begin = async (host: Host, processor: readonly string[], ...words: string[]): Promise<Program> => {
    const program = host.start([...processor, process.execPath, SEQUENCE, ...words]);
    programs.push(program);
    expect(await program.line()).toBe("begins");
    return program;
  };
  const frame = (payloadBytes: number): string => {
    const macOf = (text: string): string => JSON.parse(text)[0].address.replaceAll(":", "");
    const [to, from] = [run("ip -j link show dev port0"), hosts[0].run("ip -j link show dev eth0")].map(macOf);
    const bytes = makePacket({ to, from, source: "10.0.1.2", destination: NODE, protocol: 17, payloadBytes });
    bytes.writeUInt16BE(bytes.length - 34, 38);
    bytes.writeUInt16BE(0xbad1, 40);
    return bytes.toString("hex");
  };
  /** Whose queues had no room, or who was told why. */
  const lostByName = (): number => {
    const { tx } = JSON.parse(hosts[0].run("ip -j -s link show dev eth0"))[0].stats64;
    const missed = (show("ports") as { counters: { receiveDrops: number } }[]).reduce(
      (sum, { counters }) => sum + counters.receiveDrops,
      0,
    );
    return tx.dropped + lostBehind("port1") + missed + sumOf(show("counters").dropped);
  };

  beforeAll(async () => {
    run("ip link set lo up");
    for (const [port, address, gateway] of [
      ["port0", "10.0.1.2/24", "10.0.1.1"],
      ["port1", `${NODE}/24`, "10.0.11.1"],
    ]) {
      hosts.push(await Host.create(port, address, gateway));
      run(`ip addr add ${gateway}/24 dev ${port}`);
    }
  });

  afterEach(async () => {
    router?.child.kill("SIGTERM");
    await router?.ended;
  });

  afterAll(() => {
    for (const { child } of programs) child.kill("SIGKILL");
    for (const host of hosts) host.end();
    rmSync(folder, { recursive: true });
  });

  test.each([
    { workers: 1, flows: 1, payloadBytes: 20 },
    { workers: 1, flows: 1, payloadBytes: 1400 },
    { workers: 1, flows: 8, payloadBytes: 20 },
    { workers: 2, flows: 8, payloadBytes: 1400 },
  ])(
    "$flows flows of $payloadBytes bytes keep their order, nothing twice, with $workers workers",
    {
      timeout: 60_000,
    },
    async ({ workers, flows, payloadBytes }) => {
      const configure = (more: string): void =>
        writeFileSync(file, `ports: [{interface: port0}, {interface: port1}]\nworkers: ${workers}\nflowOffload: true\n${more}\n`);
      configure("");
      router = start([process.execPath, ECMP, "run", file, "--control", control]);
      programs.push(router);
      expect(await router.line()).toBe("ready");
      expect(hosts[0].run(`ping -c 1 -W 5 ${NODE}`)).toContain("1 received");
      const lostBefore = lostByName();
      const receiver = await begin(hosts[1], [], "receive", `${flows}`);
      const sender = await begin(hosts[0], ONE_PROCESSOR, "send", frame(payloadBytes), `${flows}`, AS_FAST_AS_IT_CAN);
      for (let i = 0; i < CHANGES; i++) {
        // Of other packets; but with every change all is forgotten.
        configure(i % 2 === 0 ? `routes: [{prefix: 203.0.113.0/24, nextHops: [{address: ${NODE}}]}]` : "");
        await askOnce(control, { reload: true });
        await delay(systemClock, CHANGE_MS);
      }
      sender.child.kill("SIGTERM");
      const { sent } = JSON.parse(await sender.line());
      const { received, twice, late, receiveDrops } = JSON.parse(await receiver.line());
      const lostUnnamed = Math.max(0, sent - received - receiveDrops - (lostByName() - lostBefore));
      const { flowOffload } = show("counters");
      expect({ twice, late, lostUnnamed }).toEqual({ twice: 0, late: 0, lostUnnamed: 0 });
      expect(flowOffload.packets).toBeGreaterThan(0);
    },
  );
});
