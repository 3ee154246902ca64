/**
 * Flows that the kernel carries for a router as a user runs it: they go where the router says, the counters know of each, and whatever
 * changes is in force for them as it is for the workers.
 *
 *   client 10.0.1.2, 2001:db8:1::2 -- port0 [router] port1 -- node 11 \
 *                                                    port2 -- node 12 - both have the service's addresses
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { askOnce } from "#src/commands/control-client.ts";
import { accountedFor } from "../common/counters.ts";
import { missingForFlowOffload } from "../common/flow-offload.ts";
import { ECMP, Host, type Program, showOf, start } from "../common/host.ts";
import { deleteInterface, inNamespace, run } from "../common/namespace.ts";
import { until } from "../common/until.ts";
import { makePacket } from "../dataplane/packets.ts";

const SERVICE = "198.51.100.10";
const SERVICE_6 = "2001:db8:51::10";
const SERVERS_AND_CLIENT = fileURLToPath(new URL("say-your-name.mjs", import.meta.url));
const SEQUENCE = fileURLToPath(new URL("sequence.mjs", import.meta.url));
const NODES = [11, 12];
const CONNECTIONS = 40;
const FIRST_PORT = 20_000;
const FLOWS = 64;
const PACKETS_PER_SECOND = 20_000;
/** What is on its way is there long before so many more are. */
const MANY = 4000;

interface Counters {
  readonly received: number;
  readonly forwarded: number;
  readonly punted: Record<string, number>;
  readonly slow: Record<string, number>;
  readonly dropped: Record<string, number>;
  readonly flowOffload?: { readonly state: string; readonly because: string | null; readonly packets: number };
  readonly nextHops: readonly { readonly address: string; readonly packets: number }[];
}

await inNamespace(import.meta.url, () => {
  const missing = missingForFlowOffload();
  if (missing) return void test.skip(`carried flows: ${missing}`);
  const folder = mkdtempSync(join(tmpdir(), "ecmp-offload-"));
  const [control, file, capture] = ["control.sock", "router.yaml", "tap.pcapng"].map((name) => join(folder, name));
  const show = showOf(control);
  const programs: Program[] = [];
  let client: Host;
  const nodes: Host[] = [];
  let router: Program;

  const configure = ({ flowOffload = true, nodes = NODES, port0 = "" } = {}): void =>
    writeFileSync(
      file,
      `
ports: [{interface: port0${port0}}, {interface: port1}, {interface: port2}]
routes:
  - {prefix: ${SERVICE}/32, nextHops: [${nodes.map((node) => `{address: 10.0.${node}.2}`)}]}
  - {prefix: ${SERVICE_6}/128, nextHops: [${nodes.map((node) => `{address: "2001:db8:${node}::2"}`)}]}
ecmp: {hash: {seed: 7}}
workers: 2
flowOffload: ${flowOffload}
`,
    );
  const ecmp = (...words: string[]) => spawnSync(process.execPath, [ECMP, ...words, "--control", control], { encoding: "utf8" });
  const reload = (changes: Parameters<typeof configure>[0] = {}): void => {
    configure(changes);
    expect(ecmp("reload")).toMatchObject({ status: 0, stderr: "" });
  };
  const counters = (): Counters => show("counters");
  const carried = (): number => counters().flowOffload?.packets ?? 0;
  const events = (kind: string): Record<string, unknown>[] =>
    ecmp("show", "events", "--json")
      .stdout.trim()
      .split("\n")
      .map((line) => JSON.parse(line))
      .filter((event) => event.kind === kind);

  const plug = async (node: number): Promise<void> => {
    const port = `port${node - 10}`;
    const host = await Host.create(port, `10.0.${node}.2/24`, `10.0.${node}.1`);
    run(`ip addr add 10.0.${node}.1/24 dev ${port}`);
    host.enableIpv6(port, `2001:db8:${node}::2`, `2001:db8:${node}::1`);
    host.run(`ip addr add ${SERVICE}/32 dev lo`);
    host.run(`ip addr add ${SERVICE_6}/128 dev lo nodad`);
    // The witness: what is for the service, whether anybody listens or not.
    for (const words of [
      "table inet witness",
      "chain inet witness input { type filter hook input priority 0 ; }",
      `rule inet witness input ip daddr ${SERVICE} counter`,
      `rule inet witness input ip6 daddr ${SERVICE_6} counter`,
    ])
      host.run(`nft add ${words}`);
    nodes[NODES.indexOf(node)] = host;
  };
  /** Packets to the service that each node has seen. */
  const heard = (): number[] =>
    nodes.map((node) =>
      [...node.run("nft list table inet witness").matchAll(/packets (\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0),
    );
  /** Of both families, that the router has sent to each node. */
  const sent = (): number[] =>
    NODES.map((node) =>
      counters()
        .nextHops.filter(({ address }) => [`10.0.${node}.2`, `2001:db8:${node}::2`].includes(address))
        .reduce((sum, { packets }) => sum + packets, 0),
    );
  const reachable = (): void => {
    for (const node of NODES)
      for (const address of [`10.0.${node}.2`, `2001:db8:${node}::2`])
        until(`${address} answers`, () => client.ask(`ping -c 1 -W 1 ${address}`).includes("1 received"));
  };

  /** Packets of many flows to the service, whose checksum is none, so that nobody answers, until that is called. */
  const beginTraffic = async (): Promise<() => Promise<void>> => {
    const macOf = (text: string): string => JSON.parse(text)[0].address.replaceAll(":", "");
    const [to, from] = [run("ip -j link show dev port0"), client.run("ip -j link show dev eth0")].map(macOf);
    const bytes = makePacket({ to, from, source: "10.0.1.2", destination: SERVICE, protocol: 17 });
    bytes.writeUInt16BE(bytes.length - 34, 38);
    bytes.writeUInt16BE(0xbad1, 40);
    const words = [SEQUENCE, "send", bytes.toString("hex"), `${FLOWS}`, `${PACKETS_PER_SECOND}`];
    const sender = client.start([process.execPath, ...words]);
    programs.push(sender);
    expect(await sender.line()).toBe("begins");
    return async () => {
      sender.child.kill("SIGTERM");
      await sender.ended;
    };
  };
  /** What each node hears from now on, until one has heard `MANY`. */
  const heardFromNow = (): number[] => {
    const before = heard();
    const more = (): number[] => heard().map((count, i) => count - before[i]);
    until("packets arrive", () => Math.max(...more()) > MANY);
    return more();
  };
  const underTraffic = async (meanwhile: () => void | Promise<void>): Promise<void> => {
    const end = await beginTraffic();
    try {
      await meanwhile();
    } finally {
      await end();
    }
  };

  beforeAll(async () => {
    run("ip link set lo up");
    client = await Host.create("port0", "10.0.1.2/24", "10.0.1.1");
    run("ip addr add 10.0.1.1/24 dev port0");
    client.enableIpv6("port0", "2001:db8:1::2", "2001:db8:1::1");
    for (const node of NODES) await plug(node);
    configure({ flowOffload: false });
    router = start([process.execPath, ECMP, "run", file, "--control", control]);
    programs.push(router);
    expect(await router.line()).toBe("ready");
    reachable();
  });

  afterAll(() => {
    for (const { child } of programs) child.kill("SIGKILL");
    for (const host of [client, ...nodes]) host.end();
    rmSync(folder, { recursive: true });
  });

  describe("flows that the kernel carries", () => {
    test("go where the router says, as without, and are counted wherever they belong", { timeout: 90_000 }, async () => {
      for (const [i, node] of nodes.entries()) {
        const server = node.start([process.execPath, SERVERS_AND_CLIENT, "serve", `${NODES[i]}`, SERVICE, SERVICE_6]);
        programs.push(server);
        expect(await server.line()).toBe("listening");
      }
      const rows = ["tcp", "udp"].flatMap((protocol) =>
        [`10.0.1.2 ${SERVICE}`, `2001:db8:1::2 ${SERVICE_6}`].flatMap((pair) =>
          Array.from({ length: CONNECTIONS }, (_, i) => {
            const [from, to] = pair.split(" ");
            return `${protocol},${from},${FIRST_PORT + i},${to},80`;
          }),
        ),
      );
      const csv = join(folder, "flows.csv");
      writeFileSync(csv, `protocol,src,srcPort,dst,dstPort\n${rows.join("\n")}\n`);

      const asExplained = (): string[] =>
        ecmp("explain", "--live", "--flows", csv, "--json")
          .stdout.trim()
          .split("\n")
          .map((line, i) => {
            const [protocol, , port, to] = rows[i].split(",");
            const node = /^10\.0\.(\d+)\.2$|^2001:db8:(\d+)::2$/.exec(JSON.parse(line).nextHop);
            return `${protocol} ${to} ${port} ${node?.[1] ?? node?.[2]}`;
          })
          .sort();
      const before: string[][] = [];
      for (const flowOffload of [false, true]) {
        reload({ flowOffload });
        reachable();
        const [heardBefore, sentBefore] = [heard(), sent()];
        const asking = client.start([
          process.execPath,
          SERVERS_AND_CLIENT,
          "ask",
          `${FIRST_PORT}`,
          `${CONNECTIONS}`,
          SERVICE,
          SERVICE_6,
        ]);
        programs.push(asking);
        let isOver = false;
        void asking.ended.then(() => {
          isOver = true;
        });
        const said: string[] = [];
        const listening = (async () => {
          while (said.length < rows.length) said.push(await asking.line());
        })();
        while (!isOver) {
          const read = (await askOnce(control, { show: ["counters"] })) as Counters;
          expect(accountedFor(read)).toBe(read.received);
        }
        await listening;
        const explained = asExplained();
        expect(said.sort()).toEqual(explained);
        before.push(explained);
        expect(new Set(explained.map((line) => line.split(" ")[3])).size).toBe(2);
        until("nothing is on its way", () => {
          const [atNodes, byRouter] = [heard(), sent()];
          return atNodes.every((count, i) => count - heardBefore[i] === byRouter[i] - sentBefore[i]);
        });
        // Of the packets of each flow all but the first few.
        if (flowOffload) expect(carried()).toBeGreaterThan(rows.length * 5);
        else expect(counters().flowOffload).toBeUndefined();
      }
      expect(before[0]).toEqual(before[1]);
    });

    test("go another way from the moment when a reload has other next hops", { timeout: 60_000 }, () =>
      underTraffic(() => {
        expect(Math.min(...heardFromNow())).toBeGreaterThan(0);
        for (const node of [...NODES, ...NODES]) {
          reload({ nodes: [node] });
          const from = carried();
          expect(heardFromNow()[1 - NODES.indexOf(node)]).toBe(0);
          expect(carried()).toBeGreaterThan(from);
        }
        reload();
        expect(Math.min(...heardFromNow())).toBeGreaterThan(0);
      }),
    );

    test("leave a next hop behind a link that is down, and come back to it", { timeout: 60_000 }, () =>
      underTraffic(async () => {
        const gone = router.said(/routes count=/);
        nodes[0].run("ip link set eth0 down");
        await gone;
        expect(heardFromNow()).toEqual([0, expect.any(Number)]);
        nodes[0].run("ip link set eth0 up");
        nodes[0].run("ip addr replace 2001:db8:11::2/64 dev eth0 nodad");
        for (const family of ["10.0.11.1", "2001:db8:11::1"]) nodes[0].run(`ip route replace default via ${family}`);
        reachable();
        until("both hear it", () => Math.min(...heardFromNow()) > 0);
      }),
    );

    test("leave an interface that is deleted, and come back to one that is made again", { timeout: 60_000 }, () =>
      underTraffic(async () => {
        const gone = router.said(/routes count=/);
        const before = sent();
        deleteInterface("port1");
        await gone;
        const [, atOther] = heard();
        until("the other has all", () => heard()[1] > atOther + MANY);
        nodes[0].end();
        await plug(11);
        reachable();
        until("both hear it", () => Math.min(...heardFromNow()) > 0);
        for (const [i, packets] of sent().entries()) expect(packets).toBeGreaterThan(before[i]);
      }),
    );

    test("go on when a worker dies, and nothing that was counted is lost", { timeout: 60_000 }, () =>
      underTraffic(() => {
        for (const worker of ["0", "1", "0"]) {
          const before = counters();
          const from = events("worker-died").length;
          expect(ecmp("fault", "kill-worker", worker).status).toBe(0);
          until("it is told", () => events("worker-died").length > from);
          expect(Math.min(...heardFromNow())).toBeGreaterThan(0);
          const after = counters();
          expect(accountedFor(after)).toBe(after.received);
          expect(after.received).toBeGreaterThan(before.received);
          expect(after.flowOffload?.packets).toBeGreaterThan(before.flowOffload?.packets ?? 0);
        }
      }),
    );

    test("are none while a fault is in force, which sees every packet", { timeout: 60_000 }, () =>
      underTraffic(() => {
        expect(ecmp("fault", "set", "port1", "--lose-pct", "50").status).toBe(0);
        const [from, { lost: lostFrom }, [sentFrom]] = [carried(), faultCounts(), sent()];
        const all = (): number => faultCounts().lost - lostFrom;
        until("it has lost many", () => all() > MANY);
        const passed = sent()[0] - sentFrom;
        expect(carried()).toBe(from);
        expect(all() / (all() + passed)).toBeGreaterThan(0.4);
        expect(counters().flowOffload).toMatchObject({ state: "off", because: "a fault is in force" });
        ecmp("fault", "clear");
        until("they are carried again", () => carried() > from + MANY);
        expect(events("flow-offload").slice(-2)).toMatchObject([
          { state: "off", because: "a fault is in force" },
          { state: "on" },
        ]);
      }),
    );

    test("are none while a tap is open, which sees every packet", { timeout: 60_000 }, () => {
      const pings = 200;
      const ping = (): string => client.run(`ping -c ${pings} -i 0.002 10.0.11.2`);
      const before = carried();
      ping();
      expect(carried()).toBeGreaterThan(before + pings);
      reload({ port0: `, tap: {file: ${capture}, filter: {protocol: icmp}}` });
      const from = carried();
      expect(counters().flowOffload).toMatchObject({ state: "off", because: "a tap is open" });
      ping();
      until("it has all", () => show("ports")[0].tap.packets === 2 * pings);
      expect(carried()).toBe(from);
      reload();
      expect(events("flow-offload").at(-1)).toMatchObject({ state: "on" });
    });

    test("leave nothing behind when the router ends", { timeout: 60_000 }, async () => {
      expect(accountedFor(counters())).toBe(counters().received);
      router.child.kill("SIGTERM");
      expect(await router.ended).toMatchObject({ code: 0 });
      const before = heard();
      await underTraffic(() => {});
      expect(heard()).toEqual(before);
    });
  });

  const faultCounts = (): { lost: number } => JSON.parse(ecmp("fault", "list", "--json").stdout)[1].counts;
});
