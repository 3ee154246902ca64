/**
 * Another data plane takes the place of the one in force while packets pass. They have numbers, so that the node knows of each
 * whether it came, and whether twice; between the moment when the rings of the one go deaf and that when those of the other hear,
 * nobody has them, and nothing else may be missing. (Of their order nothing is said: a thread that sends from another processor
 * overtakes itself on a veth, reload or not.)
 *
 *   client 10.0.1.2 -- port0 [router] port1 -- 10.0.11.2 node
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { flowOffloadChoices } from "../common/flow-offload.ts";
import { ECMP, Host, type Program, showOf, start } from "../common/host.ts";
import { deleteInterface, inNamespace, lostBehind, run } from "../common/namespace.ts";
import { makePacket } from "../dataplane/packets.ts";

const NODE = "10.0.11.2";
const FLOWS = 8;
const PACKETS_PER_SECOND = 20_000;
/** A data plane that is stopped before the next is started leaves ten thousand and more of these to nobody, each time. */
const MOST_MISSING = PACKETS_PER_SECOND / 10;
const SEQUENCE = fileURLToPath(new URL("sequence.mjs", import.meta.url));

interface Totals {
  readonly kind: string;
  readonly received: number;
  readonly forwarded: number;
  readonly punted: number;
  readonly slow: number;
  readonly dropped: number;
  readonly missed: number;
}

interface Heard {
  readonly received: number;
  readonly twice: number;
  readonly receiveDrops: number;
}

await inNamespace(import.meta.url, () => {
  describe.each(flowOffloadChoices())("reloads (flowOffload: %s)", (flowOffload) => {
    const folder = mkdtempSync(join(tmpdir(), "ecmp-reload-"));
    const control = join(folder, "control.sock");
    const file = join(folder, "router.yaml");
    const show = showOf(control);
    const programs: Program[] = [];
    const hosts: Host[] = [];
    let router: Program;

    const configure = (changes = `flowOffload: ${flowOffload}`): void =>
      writeFileSync(file, `ports: [{interface: port0}, {interface: port1}]\n${changes}\n`);
    const reload = () => spawnSync(process.execPath, [ECMP, "reload", "--control", control], { encoding: "utf8" });
    const events = (): Totals[] =>
      spawnSync(process.execPath, [ECMP, "show", "events", "--json", "--control", control], { encoding: "utf8" })
        .stdout.trim()
        .split("\n")
        .map((line) => JSON.parse(line));
    const begin = async (host: Host, ...words: string[]): Promise<Program> => {
      const program = host.start([process.execPath, SEQUENCE, ...words]);
      programs.push(program);
      expect(await program.line()).toBe("begins");
      return program;
    };

    /** With a checksum that is none, so that the kernel of the node answers nothing. */
    const frame = (): string => {
      const macOf = (text: string): string => JSON.parse(text)[0].address.replaceAll(":", "");
      const [to, from] = [run("ip -j link show dev port0"), hosts[0].run("ip -j link show dev eth0")].map(macOf);
      const bytes = makePacket({ to, from, source: "10.0.1.2", destination: NODE, protocol: 17 });
      bytes.writeUInt16BE(bytes.length - 34, 38);
      bytes.writeUInt16BE(0xbad1, 40);
      return bytes.toString("hex");
    };

    /** Frames that the queues of the cables had no room for. */
    const lostOnCables = (): number => {
      const { tx } = JSON.parse(hosts[0].run("ip -j -s link show dev eth0"))[0].stats64;
      return tx.dropped + lostBehind("port1");
    };

    /** Numbered packets from client to node until `meanwhile` is over, and how many of them nobody has lost by name. */
    async function underTraffic(meanwhile: () => void): Promise<{ sent: number; heard: Heard; unheard: number }> {
      const [client, node] = hosts;
      const lostBefore = lostOnCables();
      const receiver = await begin(node, "receive", `${FLOWS}`);
      const sender = await begin(client, "send", frame(), `${FLOWS}`, `${PACKETS_PER_SECOND}`);
      meanwhile();
      sender.child.kill("SIGTERM");
      const { sent } = JSON.parse(await sender.line());
      const heard: Heard = JSON.parse(await receiver.line());
      return { sent, heard, unheard: sent - heard.received - heard.receiveDrops - (lostOnCables() - lostBefore) };
    }

    beforeAll(async () => {
      run("ip link set lo up");
      for (const [port, address, gateway] of [
        ["port0", "10.0.1.2/24", "10.0.1.1"],
        ["port1", `${NODE}/24`, "10.0.11.1"],
      ]) {
        hosts.push(await Host.create(port, address, gateway));
        run(`ip addr add ${gateway}/24 dev ${port}`);
      }
      configure();
      router = start([process.execPath, ECMP, "run", file, "--control", control]);
      programs.push(router);
      expect(await router.line()).toBe("ready");
      expect(hosts[0].run(`ping -c 1 -W 5 ${NODE}`)).toContain("1 received");
    }, 60_000);

    afterAll(() => {
      for (const { child } of programs) child.kill("SIGKILL");
      for (const name of ["port0", "port1"]) deleteInterface(name);
      for (const host of hosts) host.end();
      rmSync(folder, { recursive: true });
    });

    test("a reload to another data plane forwards nothing twice and loses next to none", {
      timeout: 120_000,
    }, async () => {
      const offload = `flowOffload: ${flowOffload}`;
      // A large ring takes long to be drained, in which a worker that still heard would forward what its successor does.
      const changes = ["workers: 2", "ringSlots: 65536\nringSlotBytes: 256", ""].map((change) => `${change}\n${offload}`);
      // From the kernel to the workers and back.
      if (flowOffload) changes.push("flowOffload: false", offload);
      const { heard, unheard } = await underTraffic(() => {
        for (const change of changes) {
          configure(change);
          expect(reload()).toMatchObject({ status: 0, stderr: "" });
        }
      });
      expect(heard.twice).toBe(0);
      expect((show("counters").flowOffload?.packets ?? 0) > 0).toBe(flowOffload);
      const ended = events().filter(({ kind }) => kind === "dataplane-replaced");
      expect(ended).toHaveLength(changes.length);
      // What a worker had heard was forwarded, or has a name, before it ended.
      for (const { received, forwarded, punted, slow, dropped } of ended)
        expect(forwarded + punted + slow + dropped).toBe(received);
      const missed = ended.reduce((sum, one) => sum + one.missed, 0);
      const lost = unheard - missed;
      expect(lost).toBeGreaterThanOrEqual(0);
      expect(lost).toBeLessThan(changes.length * MOST_MISSING);
    });

    test("a data plane that cannot be had leaves the one in force undisturbed, and the reload says why", {
      timeout: 60_000,
    }, async () => {
      const before = show("counters");
      const missed = (): number =>
        (show("ports") as { counters: { receiveDrops: number } }[]).reduce((sum, { counters }) => sum + counters.receiveDrops, 0);
      const { sent, heard, unheard } = await underTraffic(() => {
        run("ip tuntap add dev tun7 mode tun");
        run("ip link set tun7 up");
        writeFileSync(file, `ports: [{interface: port0}, {interface: port1}, {interface: tun7}]\nflowOffload: ${flowOffload}\n`);
        expect(reload()).toMatchObject({ status: 2, stderr: expect.stringContaining("tun7: hardware type") });
        run("ip link delete tun7");
      });
      expect([heard.twice, unheard - missed()]).toEqual([0, 0]);
      // The same one: its counters go on.
      expect(show("counters").forwarded).toBeGreaterThanOrEqual(before.forwarded + sent);
      expect(events().filter(({ kind }) => kind === "worker-died")).toEqual([]);
      expect(run("nft list tables")).toContain("netdev");
    });
  });
});
