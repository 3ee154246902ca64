/**
 * The router as a user runs it, between a client and two nodes that all own the service address: real processes, real TCP,
 * all offloads on.
 *
 *   client 10.0.1.2 -- port0 [router] port1 -- 10.0.11.2 node 1 (198.51.100.10)
 *                                     port2 -- 10.0.12.2 node 2 (198.51.100.10)
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "#src/net/clock.ts";
import { seededRandom } from "#src/net/random.ts";
import type { SpeakerEvent } from "#src/speaker/neighbor.ts";
import { Speaker } from "#src/speaker/speaker.ts";
import { accountedFor, sumOf } from "../common/counters.ts";
import { flowOffloadChoices } from "../common/flow-offload.ts";
import { ECMP, Host, type Program, start } from "../common/host.ts";
import { inNamespace, run } from "../common/namespace.ts";

const SERVICE = "198.51.100.10";
const TRANSFER = fileURLToPath(new URL("../native/transfer.mjs", import.meta.url));
const BYTES = 1_000_000_000;
const METRICS = "127.0.0.1:9179";

/** Says its name to whoever connects, and at which port it sees him. */
const NAMING_SERVER = `
  const name = process.argv[1];
  require("node:net").createServer((socket) => { socket.on("error", () => {}); socket.end(name + " " + socket.remotePort); })
    .listen(80, "${SERVICE}", () => console.log("listening"));`;
/** Connects from each port of a range in turn and prints what the server says. */
const CLIENT = `
  const [from, count] = process.argv.slice(1).map(Number);
  const net = require("node:net");
  const next = (port) => {
    if (port === from + count) return;
    const socket = net.connect({ host: "${SERVICE}", port: 80, localPort: port });
    let text = "";
    socket.on("data", (chunk) => (text += chunk)).on("error", (error) => { console.log("error " + error.code); next(port + 1); });
    socket.on("end", () => { console.log(text); socket.end(); next(port + 1); });
  };
  next(from);`;

interface Counters {
  readonly received: number;
  readonly forwarded: number;
  readonly punted: Record<string, number>;
  readonly slow: Record<string, number>;
  readonly dropped: Record<string, number>;
  readonly flowOffload?: { readonly packets: number };
  readonly slowPath: { readonly originated: number; readonly abandoned: number; readonly held: number };
}

await inNamespace(import.meta.url, () => {
  const folder = mkdtempSync(join(tmpdir(), "ecmp-router-"));
  const control = join(folder, "control.sock");
  const hosts: Host[] = [];
  const programs: Program[] = [];
  let client: Host;
  let nodes: Host[];

  const configure = (name: string, text: string): string => {
    const file = join(folder, name);
    writeFileSync(file, text);
    return file;
  };
  const withWorkers = (workers: number): string => `
ports: [{interface: port0}, {interface: port1}, {interface: port2}]
routes: [{prefix: ${SERVICE}/32, nextHops: [{address: 10.0.11.2}, {address: 10.0.12.2}]}]
ecmp: {hash: {seed: 7}}
workers: ${workers}
`;
  const startRouter = async (file: string): Promise<Program> => {
    const router = start([process.execPath, ECMP, "run", file, "--control", control, "--metrics", METRICS]);
    programs.push(router);
    expect(await router.line()).toBe("ready");
    return router;
  };
  const ecmp = (...words: string[]): string => {
    const { stdout, stderr, status } = spawnSync(process.execPath, [ECMP, ...words], { encoding: "utf8" });
    if (status !== 0) throw new Error(`ecmp ${words.join(" ")}: exit code ${status}: ${stderr}`);
    return stdout;
  };
  const show = <Value>(what: string): Value => JSON.parse(ecmp("show", what, "--json", "--control", control));
  const stop = async (router: Program): Promise<void> => {
    router.child.kill("SIGTERM");
    expect(await router.ended).toMatchObject({ code: 0 });
  };

  beforeAll(async () => {
    run("ip link set lo up");
    for (const [port, address, gateway] of [
      ["port0", "10.0.1.2/24", "10.0.1.1"],
      ["port1", "10.0.11.2/24", "10.0.11.1"],
      ["port2", "10.0.12.2/24", "10.0.12.1"],
    ]) {
      hosts.push(await Host.create(port, address, gateway));
      run(`ip addr add ${gateway}/24 dev ${port}`);
    }
    [client, ...nodes] = hosts;
    for (const node of nodes) node.run(`ip addr add ${SERVICE}/32 dev lo`);
  });

  afterAll(async () => {
    for (const { child } of programs) child.kill("SIGKILL");
    for (const host of hosts) host.end();
    rmSync(folder, { recursive: true });
  });

  describe("the running router", () => {
    test("sends each connection where it says that it will, counts every frame once, and stops cleanly", {
      timeout: 60_000,
    }, async () => {
      const router = await startRouter(configure("one.yaml", withWorkers(1)));
      for (const [i, node] of nodes.entries()) {
        const server = node.start([process.execPath, "-e", NAMING_SERVER, `10.0.${11 + i}.2`]);
        programs.push(server);
        expect(await server.line()).toBe("listening");
      }
      const flows = Array.from({ length: 60 }, (_, i) => `tcp,10.0.1.2,${20_000 + i},${SERVICE},80`);
      const csv = configure("flows.csv", `protocol,src,srcPort,dst,dstPort\n${flows.join("\n")}\n`);
      const explained = ecmp("explain", "--live", "--control", control, "--flows", csv, "--json");
      const nextHops = explained
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).nextHop as string);

      const connections = client.start([process.execPath, "-e", CLIENT, "20000", "60"]);
      const said: string[] = [];
      for (let i = 0; i < 60; i++) said.push(await connections.line());
      expect(said).toEqual(nextHops.map((nextHop, i) => `${nextHop} ${20_000 + i}`));
      expect(new Set(nextHops).size).toBe(2);

      // TTL 64 from the node, one router on the way: 63.
      expect(client.run("ping -c 3 -i 0.2 10.0.12.2")).toMatch(/ttl=63[\s\S]*3 received/);
      const counters = show<Counters>("counters");
      expect(accountedFor(counters)).toBe(counters.received);
      expect([sumOf(counters.dropped), counters.slowPath.abandoned, counters.slowPath.held]).toEqual([0, 0, 0]);
      expect(counters.forwarded).toBeGreaterThan(60 * 8);
      expect(run("nft list tables")).toContain("netdev");

      const scrape = async (page: string): Promise<{ status: number; text: string }> => {
        const answer = await fetch(`http://${METRICS}${page}`);
        return { status: answer.status, text: await answer.text() };
      };
      const { text } = await scrape("/metrics");
      const sampleOf = (sample: string): number =>
        Number(
          text
            .split("\n")
            .find((line) => line.startsWith(`${sample} `))
            ?.split(" ")[1],
        );
      const hops = show<{ nextHops: { address: string; packets: number }[] }>("counters").nextHops;
      for (const { address, packets } of hops)
        expect(sampleOf(`ecmp_next_hop_packets_total{next_hop="${address}"}`)).toBe(packets);
      expect(sampleOf('ecmp_frames_slow_total{reason="neighbor"}')).toBe(counters.slow.neighbor);
      expect(text).toContain("# TYPE ecmp_frames_received_total counter");
      expect(text).toContain('ecmp_group_member_share_ratio{group="');
      expect([await scrape("/livez"), await scrape("/readyz")].map(({ status }) => status)).toEqual([200, 200]);
      expect((await scrape("/")).status).toBe(404);
      await stop(router);
      expect(run("nft list tables")).not.toContain("netdev");
    });

    test.each(flowOffloadChoices())(
      "carries 1 GB of TCP intact over two workers (flowOffload: %s)",
      {
        timeout: 120_000,
      },
      async (flowOffload) => {
        const router = await startRouter(configure("two.yaml", `${withWorkers(2)}flowOffload: ${flowOffload}\n`));
        const receiver = nodes[1].start([process.execPath, TRANSFER, "receive", "5001"]);
        const listening = new Promise((resolve) => receiver.child.stderr?.once("data", resolve));
        await listening;
        const sender = client.start([process.execPath, TRANSFER, "send", "10.0.12.2", "5001", `${BYTES}`]);
        const [sent, received] = [JSON.parse(await sender.line()), JSON.parse(await receiver.line())];
        expect(received).toEqual(sent);
        expect(received.bytes).toBe(BYTES);
        const { forwarded, flowOffload: carried } = show<Counters>("counters");
        // All but what a worker had before the flow was entered.
        if (flowOffload) expect(carried?.packets).toBeGreaterThan(forwarded * 0.9);
        // Super-frames went through whole: in packets of 1500 bytes it would have been more than 660,000.
        expect(forwarded).toBeLessThan(400_000);
        await stop(router);
      },
    );

    test("leaves nothing behind that prevents a restart when it is killed", { timeout: 60_000 }, async () => {
      const file = configure("one.yaml", withWorkers(1));
      const router = await startRouter(file);
      router.child.kill("SIGKILL");
      await router.ended;
      const again = await startRouter(file);
      expect(client.run("ping -c 1 -W 2 10.0.11.2")).toContain("1 received");
      await stop(again);
    });

    test("reloads on SIGHUP: routes stay through a new data plane, and what cannot be put in force is refused", {
      timeout: 60_000,
    }, async () => {
      const file = configure("reload.yaml", withWorkers(1));
      const router = await startRouter(file);
      const nextHops = () =>
        show<{ groups: { members: { address: string }[] }[] }>("groups").groups.map(({ members }) => members.length);
      const reload = async (text: string, wanted: RegExp): Promise<void> => {
        configure("reload.yaml", text);
        const said = router.said(wanted);
        router.child.kill("SIGHUP");
        await said;
      };
      await reload(withWorkers(1).replace("seed: 7", "seed: 8"), /configured actions=.*start-dataplane/);
      expect(nextHops()).toEqual([2]);
      expect(client.run("ping -c 1 -W 2 10.0.11.2")).toContain("1 received");
      await reload("ports: [{interface: nosuch0}]", /interface "nosuch0"/);
      await reload("ports: []", /wanted at least one port/);
      await reload("ports: [", /wanted valid YAML/);
      expect(nextHops()).toEqual([2]);
      // The command asks for the same, and hears the answer.
      const reloadByCommand = () => spawnSync(process.execPath, [ECMP, "reload", "--control", control], { encoding: "utf8" });
      expect(reloadByCommand()).toMatchObject({ status: 2, stdout: "", stderr: expect.stringContaining("wanted valid YAML") });
      configure("reload.yaml", withWorkers(1));
      const configured = router.said(/configured actions=/);
      expect(reloadByCommand()).toMatchObject({ status: 0, stdout: `reloaded ${file}\n`, stderr: "" });
      await configured;
      expect(nextHops()).toEqual([2]);
      // Two at once, the second while the first is under way: one after the other, and the last one counts.
      const reloaded = router.said(/configured actions=[\s\S]*configured actions=/);
      configure("reload.yaml", withWorkers(2));
      router.child.kill("SIGHUP");
      await router.said(/stopped|worker|neighbor|routes|configured/);
      configure("reload.yaml", withWorkers(1).replace("{address: 10.0.12.2}", "").replace(", ]", "]"));
      router.child.kill("SIGHUP");
      await reloaded;
      expect(nextHops()).toEqual([1]);
      await stop(router);
    });

    test("gives nothing to the kernel and knows every route while another data plane takes the place of its own", {
      timeout: 60_000,
    }, async () => {
      run("sysctl -qw net.ipv4.ip_forward=1 net.ipv4.icmp_ratemask=0");
      const router = await startRouter(configure("another.yaml", withWorkers(1)));
      const kernel = (): number[] => {
        const lines = readFileSync("/proc/net/snmp", "utf8").split("\n");
        return [
          ["Ip", "ForwDatagrams"],
          ["Icmp", "OutMsgs"],
        ].map(([group, field]) => {
          const [names, values] = lines.filter((line) => line.startsWith(`${group}: `)).map((line) => line.split(" "));
          return Number(values[names.indexOf(field)]);
        });
      };
      const before = kernel();
      const pings = client.start(["ping", "-i", "0.005", "-c", "600", "-W", "1", SERVICE]);
      programs.push(pings);
      for (const seed of [8, 9]) {
        configure("another.yaml", withWorkers(1).replace("seed: 7", `seed: ${seed}`));
        const said = router.said(/configured actions=.*start-dataplane/);
        router.child.kill("SIGHUP");
        await said;
      }
      const said: string[] = [];
      while (!said.at(-1)?.includes(" received")) said.push(await pings.line());
      expect(said.at(-1)).toMatch(/ [1-9][0-9]* received/);
      expect(said.filter((line) => line.includes("Unreachable"))).toEqual([]);
      expect(kernel()).toEqual(before);
      expect(show<Counters>("counters").dropped["no-route"]).toBe(0);
      await stop(router);
    });

    test("does not take a next hop without a port back because of another data plane", { timeout: 60_000 }, async () => {
      const router = await startRouter(configure("cut-off.yaml", withWorkers(1)));
      const members = () =>
        show<{ groups: { members: { address: string }[] }[] }>("groups").groups.flatMap((group) =>
          group.members.map(({ address }) => address),
        );
      const gone = router.said(/routes count=1/);
      run("ip link set port2 down");
      await gone;
      expect(members()).toEqual(["10.0.11.2"]);
      // A port that is down for a while is no reason to refuse what else is new.
      configure("cut-off.yaml", withWorkers(1).replace("seed: 7", "seed: 8"));
      const another = router.said(/configured actions=.*start-dataplane/);
      router.child.kill("SIGHUP");
      await another;
      expect(members()).toEqual(["10.0.11.2"]);
      const back = router.said(/routes count=1/);
      run("ip link set port2 up");
      await back;
      expect(members()).toEqual(["10.0.11.2", "10.0.12.2"]);
      await stop(router);
    });

    test("waits with a SIGTERM until its start is over, and then leaves nothing behind", { timeout: 60_000 }, async () => {
      const router = start([process.execPath, ECMP, "run", configure("one.yaml", withWorkers(1)), "--control", control]);
      programs.push(router);
      await router.said(/./);
      router.child.kill("SIGTERM");
      router.child.kill("SIGTERM");
      expect(await router.ended).toMatchObject({ code: 0 });
      expect(run("nft list tables")).not.toContain("netdev");
    });

    test("refuses a second router in its namespace, and keeps its own rule", { timeout: 60_000 }, async () => {
      const file = configure("one.yaml", withWorkers(1));
      const router = await startRouter(file);
      const second = start([process.execPath, ECMP, "run", file, "--control", join(folder, "second.sock")]);
      expect(await second.ended).toMatchObject({ code: 2, stderr: expect.stringContaining("another ecmp-router runs") });
      expect(run("nft list tables")).toContain("netdev");
      await stop(router);
    });

    test("leaves no rule behind when a later port cannot be had", async () => {
      run("ip tuntap add dev tun7 mode tun");
      run("ip link set tun7 up");
      const router = start([
        process.execPath,
        ECMP,
        "run",
        configure("tun.yaml", "ports: [{interface: port0}, {interface: tun7}]"),
        "--control",
        control,
      ]);
      const { code } = await router.ended;
      run("ip link delete tun7");
      expect([code, run("nft list tables").includes("netdev")]).toEqual([2, false]);
    });

    test("says Cease to its peers when it is stopped, and what its peers said when asked", { timeout: 60_000 }, async () => {
      const bgp =
        "bgp: {asn: 64513, routerId: 10.0.0.1, neighbors: [{address: 127.0.0.1, remoteAsn: 64512, description: test, passive: true}]}";
      const router = await startRouter(configure("bgp.yaml", `${withWorkers(1)}\n${bgp}`));
      const events: SpeakerEvent[] = [];
      let heard = (): void => {};
      const until = (kind: string): Promise<void> =>
        new Promise((resolve) => {
          heard = () => events.some((event) => event.kind === kind) && resolve();
          heard();
        });
      const peer = new Speaker({
        asn: 64512,
        routerId: 0x0a000002,
        holdTimeSeconds: 90,
        connectRetrySeconds: 1,
        clock: systemClock,
        random: seededRandom(1),
        onUpdate: () => {},
        onEvent: (event) => {
          events.push(event);
          heard();
        },
      });
      peer.addNeighbor({ address: 0x7f000001, remoteAsn: 64513 });
      await peer.start();
      await until("session-up");
      const neighbors = JSON.parse(ecmp("show", "bgp", "neighbors", "127.0.0.1", "--json", "--control", control));
      expect(neighbors["127.0.0.1"]).toMatchObject({
        bgpState: "Established",
        remoteAs: 64512,
        nbrDesc: "test",
        remoteRouterId: "10.0.0.2",
      });
      expect(ecmp("show", "bgp", "neighbors", "--control", control)).toContain("127.0.0.1");
      expect(() => ecmp("show", "bgp", "neighbors", "10.9.9.9", "--control", control)).toThrow(
        /exit code 2: neighbor: "10.9.9.9"/,
      );
      await stop(router);
      await until("session-down");
      const cease = events.find((event) => event.kind === "notification");
      expect(cease).toMatchObject({ notification: { direction: "received", code: 6, subcode: 2 } });
      await peer.stop();
    });

    test("says when a port's interface goes down and comes back", { timeout: 60_000 }, async () => {
      const router = await startRouter(configure("one.yaml", withWorkers(1)));
      const down = router.said(/port interface=port2 state=down/);
      run("ip link set port2 down");
      await down;
      expect(show<{ interface: string; state: string }[]>("ports").map(({ state }) => state)).toEqual(["up", "up", "down"]);
      const up = router.said(/port interface=port2 state=up/);
      run("ip link set port2 up");
      await up;
      await stop(router);
    });

    test("says what is wrong and exits 2 when it cannot run", async () => {
      const cases = [
        ["ports: [{interface: nosuch0}]", /"nosuch0"/],
        ["{}", /wanted at least one port/],
        ["ports: [{interface: port0}]\nbgp: {asn: 0, routerId: x}", /bgp.asn: 0, wanted[\s\S]*bgp.routerId: "x", wanted/],
      ] as const;
      for (const [text, message] of cases) {
        const failing = start([process.execPath, ECMP, "run", configure("bad.yaml", text), "--control", control]);
        const { code, stderr } = await failing.ended;
        expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
      }
    });
  });
});
