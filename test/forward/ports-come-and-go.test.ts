/**
 * Interfaces of a running router that go down, are deleted, come back and change, without a restart.
 *
 *   client 10.0.1.2 -- port0 [router] port1 -- 10.0.11.2 node 1 (198.51.100.10)
 *                                     port2 -- 10.0.12.2 node 2 (198.51.100.10)
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { askOnce } from "#src/commands/control-client.ts";
import { accountedFor } from "../common/counters.ts";
import { flowOffloadChoices } from "../common/flow-offload.ts";
import { ECMP, Host, type Program, showOf, start } from "../common/host.ts";
import { deleteInterface, inNamespace, run } from "../common/namespace.ts";
import { until } from "../common/until.ts";

const SERVICE = "198.51.100.10";

await inNamespace(import.meta.url, () => {
  describe.each(flowOffloadChoices())("ports that come and go (flowOffload: %s)", (flowOffload) => {
    const folder = mkdtempSync(join(tmpdir(), "ecmp-ports-"));
    const [control, file] = ["control.sock", "router.yaml"].map((name) => join(folder, name));
    const hosts: Host[] = [];
    let client: Host;
    let router: Program;

    const show = showOf(control);
    const answers = (address: string): boolean => {
      try {
        client.run(`ping -c 1 -W 1 ${address}`);
        return true;
      } catch {
        return false;
      }
    };
    const membersOf = (): string[] =>
      show("groups").groups.flatMap((group: { members: { address: string }[] }) => group.members.map(({ address }) => address));
    /** The prefix that decides where a packet of the client's to that address goes, and why, for what goes by no group. */
    const explain = (address: string): [string | null, string] => {
      const words = ["explain", "--live", "--control", control, "--flow", `icmp 10.0.1.2 ${address}`, "--json"];
      const { prefix, nextHop, reason } = JSON.parse(execFileSync(process.execPath, [ECMP, ...words], { encoding: "utf8" }));
      expect(nextHop).toBeNull();
      return [prefix, reason];
    };
    const plug = async (node: number): Promise<Host> => {
      const host = await Host.create(`port${node}`, `10.0.1${node}.2/24`, `10.0.1${node}.1`);
      run(`ip addr add 10.0.1${node}.1/24 dev port${node}`);
      host.run(`ip addr add ${SERVICE}/32 dev lo`);
      return host;
    };

    beforeAll(async () => {
      run("ip link set lo up");
      client = await Host.create("port0", "10.0.1.2/24", "10.0.1.1");
      run("ip addr add 10.0.1.1/24 dev port0");
      hosts.push(client, await plug(1), await plug(2));
      writeFileSync(
        file,
        `
ports: [{interface: port0}, {interface: port1}, {interface: port2}]
routes: [{prefix: ${SERVICE}/32, nextHops: [{address: 10.0.11.2}, {address: 10.0.12.2}]}]
workers: 2
flowOffload: ${flowOffload}
`,
      );
      router = start([process.execPath, ECMP, "run", file, "--control", control]);
      expect(await router.line()).toBe("ready");
      expect([answers("10.0.11.2"), answers("10.0.12.2"), answers(SERVICE)]).toEqual([true, true, true]);
    });

    afterAll(() => {
      router?.child.kill("SIGKILL");
      for (const name of ["port0", "port1", "port2"]) deleteInterface(name);
      for (const host of hosts) host.end();
      rmSync(folder, { recursive: true });
    });

    test("a port that goes down takes its next hops out of the groups, and brings them back", { timeout: 60_000 }, () => {
      run("ip link set port1 down");
      until("node 2 has all", () => membersOf().join() === "10.0.12.2");
      expect(show("ports")[1]).toMatchObject({ state: "down" });
      expect(answers("10.0.12.2")).toBe(true);
      run("ip link set port1 up");
      until("both have it again", () => membersOf().join() === "10.0.11.2,10.0.12.2");
      until("node 1 answers", () => answers("10.0.11.2"));
    });

    test("an interface that is deleted and made again is used again, and its counters go on", { timeout: 60_000 }, async () => {
      const before = show("ports")[2].counters.transmittedFrames;
      expect(before).toBeGreaterThan(0);
      const sentToNode2 = (): number =>
        show("counters").nextHops.find(({ address }: { address: string }) => address === "10.0.12.2").packets;
      client.run("ping -c 50 -i 0.002 10.0.12.2");
      const sentBefore = sentToNode2();
      expect(sentBefore).toBeGreaterThanOrEqual(50);
      run("ip link delete dev port2");
      until("node 1 has all", () => membersOf().join() === "10.0.11.2");
      expect(show("ports")[2]).toMatchObject({ state: "gone" });
      expect([answers("10.0.11.2"), answers(SERVICE), answers("10.0.12.2")]).toEqual([true, true, false]);
      hosts.push(await plug(2));
      until("both have it again", () => membersOf().join() === "10.0.11.2,10.0.12.2");
      until("node 2 answers", () => answers("10.0.12.2"));
      expect(show("ports")[2].state).toBe("up");
      // The first packet may have waited for the node's MAC, and then the slow path sent it; those that follow are the worker's.
      until("its counters go on", () => answers("10.0.12.2") && show("ports")[2].counters.transmittedFrames > before);
      expect(sentToNode2()).toBeGreaterThanOrEqual(sentBefore);
      // The kernel keeps its hands off what comes in by the new one.
      expect(run("nft list ruleset")).toMatch(/port0.*port1.*port2/);
    });

    test("a node whose namespace is gone takes the port along, and one of the same name brings it back", {
      timeout: 60_000,
    }, async () => {
      const before = show("ports")[2];
      const counted = show("counters");
      hosts.pop()?.end();
      until("node 1 has all", () => membersOf().join() === "10.0.11.2");
      expect(show("ports")[2]).toMatchObject({ state: "gone", changes: before.changes + 1 });
      expect([answers(SERVICE), answers("10.0.12.2")]).toEqual([true, false]);
      until("what was for it is dropped by name", () => {
        const dropped = (counters: typeof counted): number => counters.dropped["no-route"] ?? 0;
        return !answers("10.0.12.2") && dropped(show("counters")) > dropped(counted);
      });
      hosts.push(await plug(2));
      until("both have it again", () => membersOf().join() === "10.0.11.2,10.0.12.2");
      until("node 2 answers", () => answers("10.0.12.2"));
      const after = show("ports")[2];
      const events = (await askOnce(control, { show: ["events"] })) as { kind: string; interface?: string; state?: string }[];
      const states = events.flatMap((event) => (event.kind === "port" && event.interface === "port2" ? [event.state] : []));
      expect(after).toMatchObject({ state: "up", changes: states.length });
      expect(states.slice(before.changes)).toEqual(expect.arrayContaining(["gone", "up"]));
      until("its counters go on", () => {
        const { transmittedFrames, receivedFrames } = show("ports")[2].counters;
        const hasMore = transmittedFrames > before.counters.transmittedFrames && receivedFrames > before.counters.receivedFrames;
        return answers("10.0.12.2") && hasMore;
      });
    });

    test("an MTU that changes is followed", { timeout: 60_000 }, () => {
      // More than one, so that the kernel carries those behind the first where it may.
      const ping = (): string => client.ask("ping -c 5 -i 0.05 -W 1 -M do -s 1400 10.0.11.2");
      expect(ping()).toContain("5 received");
      for (const [mtu, said] of [
        [1300, /From 10\.0\.1\.1 .*mtu = 1300/],
        [1500, /5 received/],
      ] as const) {
        run(`ip link set port1 mtu ${mtu}`);
        until("the MTU is known", () => show("ports")[1].mtu === mtu);
        until("node 1 answers", () => answers("10.0.11.2"));
        client.run("ip -4 route flush cache");
        expect(ping()).toMatch(said);
      }
    });

    test("a MAC and an address that change are followed", { timeout: 60_000 }, () => {
      run("ip link set dev port1 address 02:00:00:00:aa:01");
      until("the MAC is known", () => show("ports")[1].mac === "02:00:00:00:aa:01");
      until("node 1 answers there", () => answers("10.0.11.2"));
      run("ip addr add 10.0.99.1/24 dev port1");
      hosts[1].run("ip addr add 10.0.99.2/24 dev eth0");
      until("a new subnet is routed", () => answers("10.0.99.2"));
      expect(explain("10.0.99.1")).toEqual(["10.0.99.1/32", "10.0.99.1 is the router's own address"]);
      expect(explain("10.0.99.2")).toEqual([
        "10.0.99.0/24",
        "10.0.99.0/24 is directly connected, no group: it goes to 10.0.99.2 itself",
      ]);
      // The kernel's own answer has not crossed a router; the host's has.
      expect(client.run("ping -c 1 -W 5 10.0.99.1")).toContain("ttl=64");
      expect(client.run("ping -c 1 -W 5 10.0.99.2")).toContain("ttl=63");
      run("ip addr add 10.0.98.1/32 dev port1");
      until("an address without a subnet is the kernel's", () => show("ports")[1].addresses.includes("10.0.98.1/32"));
      expect(client.run("ping -c 1 -W 5 10.0.98.1")).toContain("ttl=64");
      run("ip addr del 10.0.98.1/32 dev port1");
      run("ip addr del 10.0.99.1/24 dev port1");
      until("and no more", () => !answers("10.0.99.2"));
      for (const gone of ["10.0.99.1", "10.0.99.2"]) expect(explain(gone)).toEqual([null, `no group's prefix contains ${gone}`]);
      expect(client.ask("ping -c 1 -W 5 10.0.99.1")).toMatch(/From 10\.0\.1\.1 .*Unreachable/);
    });

    test("a look for which there is no descriptor is said, and the next one sees what has changed", {
      timeout: 60_000,
    }, async () => {
      const { pid } = router.child;
      const limit = readFileSync(`/proc/${pid}/limits`, "utf8").match(/Max open files +(\d+)/)?.[1];
      const said = router.said(/port-failed .*Too many open files/);
      run(`prlimit --pid ${pid} --nofile=3:`);
      await said;
      run("ip link set dev port1 address 02:00:00:00:aa:02");
      run(`prlimit --pid ${pid} --nofile=${limit}:`);
      until("the MAC is known", () => show("ports")[1].mac === "02:00:00:00:aa:02");
      until("node 1 answers there", () => answers("10.0.11.2"));
    });

    test("nobody died of it, and it ends as it should", { timeout: 60_000 }, async () => {
      const counters = show("counters");
      expect(accountedFor(counters)).toBe(counters.received);
      router.child.kill("SIGTERM");
      const { code, stderr } = await router.ended;
      expect([code, stderr]).toEqual([0, expect.not.stringContaining("worker-died")]);
    });
  });
});
