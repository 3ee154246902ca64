/**
 * Taps and faults around the ports of a router that runs: real packets, from a client to two nodes.
 *
 *   client 10.0.1.2 -- port0 [router] port1 -- 10.0.11.2 node 1
 *                                     port2 -- 10.0.12.2 node 2
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accountedFor } from "../common/counters.ts";
import { ECMP, Host, type Program, start } from "../common/host.ts";
import { inNamespace, run } from "../common/namespace.ts";

interface Port {
  readonly interface: string;
  readonly rules: readonly Record<string, unknown>[];
  readonly counts: Record<string, number>;
}

await inNamespace(import.meta.url, () => {
  const folder = mkdtempSync(join(tmpdir(), "ecmp-around-"));
  const [control, file, capture] = ["control.sock", "router.yaml", "port0.pcapng"].map((name) => join(folder, name));
  const hosts: Host[] = [];
  let client: Host;
  let router: Program;

  const configure = (port0: string): void =>
    writeFileSync(file, `ports: [{interface: port0${port0}}, {interface: port1}, {interface: port2}]\n`);
  const ecmp = (...words: string[]) => spawnSync(process.execPath, [ECMP, ...words, "--control", control], { encoding: "utf8" });
  const fault = (...words: string[]): Port[] => JSON.parse(ecmp("fault", ...words, "--json").stdout);
  const counters = () => JSON.parse(ecmp("show", "counters", "--json").stdout);
  const reload = async (port0: string): Promise<void> => {
    configure(port0);
    const done = router.said(/configured/);
    router.child.kill("SIGHUP");
    await done;
  };
  /** How many of five were answered, and the shortest time that took. */
  const ping = (node: number): { answered: number; fastestMs: number } => {
    const command = ["-c", "5", "-i", "0.1", "-W", "1", `10.0.1${node}.2`];
    let said = "";
    try {
      said = client.run(`ping ${command.join(" ")}`);
    } catch {
      return { answered: 0, fastestMs: 0 };
    }
    return { answered: Number(/(\d+) received/.exec(said)?.[1]), fastestMs: Number(/= ([\d.]+)\//.exec(said)?.[1]) };
  };

  beforeAll(async () => {
    run("ip link set lo up");
    for (const [port, subnet] of [
      ["port0", "10.0.1"],
      ["port1", "10.0.11"],
      ["port2", "10.0.12"],
    ]) {
      hosts.push(await Host.create(port, `${subnet}.2/24`, `${subnet}.1`));
      run(`ip addr add ${subnet}.1/24 dev ${port}`);
    }
    client = hosts[0];
    configure("");
    router = start([process.execPath, ECMP, "run", file, "--control", control]);
    expect(await router.line()).toBe("ready");
    // Neighbors are known from here on.
    expect([ping(1).answered, ping(2).answered]).toEqual([5, 5]);
  });

  afterAll(() => {
    router?.child.kill("SIGKILL");
    for (const host of hosts) host.end();
    rmSync(folder, { recursive: true });
  });

  test("a fault for one next hop is about that one alone, is a named drop, and ends when it is taken away", {
    timeout: 60_000,
  }, () => {
    const [, port1] = fault("set", "port1", "--next-hop", "10.0.11.2", "--lose-pct", "100");
    expect(port1).toMatchObject({
      interface: "port1",
      rules: [{ direction: "out", nextHop: "10.0.11.2", losePct: 100, seed: 1 }],
    });
    expect([ping(1).answered, ping(2).answered]).toEqual([0, 5]);
    const after = counters();
    expect(after.dropped.fault).toBe(5);
    expect(accountedFor(after)).toBe(after.received);
    expect(fault("list")[1].counts.lost).toBe(5);
    expect(fault("clear", "port1")[1].rules).toEqual([]);
    expect(ping(1).answered).toBe(5);
  });

  test("a delay is that long, and what comes in may be delayed too", { timeout: 60_000 }, () => {
    fault("set", "port1", "--delay-ms", "15");
    fault("set", "port1", "--delay-ms", "20", "--direction", "in");
    const { answered, fastestMs } = ping(1);
    expect(answered).toBe(5);
    expect(fastestMs).toBeGreaterThan(35);
    expect(fastestMs).toBeLessThan(100);
    fault("clear");
    expect(ping(1).fastestMs).toBeLessThan(15);
  });

  test("one wrong bit is one too many for who receives it", { timeout: 60_000 }, () => {
    fault("set", "port2", "--corrupt-pct", "100");
    expect([ping(2).answered, ping(1).answered]).toEqual([0, 5]);
    expect(fault("clear")[2].counts).toMatchObject({ corrupted: 5 });
  });

  test("a mistake is said in words", () => {
    for (const [words, wanted] of [
      [["set", "port9", "--lose-pct", "1"], 'port: "port9", wanted one of port0, port1, port2'],
      [["set", "port1"], "rule: wanted at least one of losePct, duplicatePct"],
      [["set", "port1", "--lose-pct", "101"], "rule.losePct: wanted 0 to 100"],
      [
        ["set", "port1", "--lose-pct", "1", "--direction", "in", "--next-hop", "10.0.11.2"],
        "rule.nextHop: wanted none with direction in",
      ],
    ] as [string[], string][]) {
      const { status, stderr } = ecmp("fault", ...words);
      expect([status, stderr]).toEqual([2, expect.stringContaining(wanted)]);
    }
  });

  test("a tap shows what passed and what became of it, from a reload to the next, without a new data plane", {
    timeout: 60_000,
  }, async () => {
    const before = counters().received;
    await reload(`, tap: {file: ${capture}, filter: {protocol: icmp}}, fault: {delayMs: 1}`);
    expect(counters().received).toBeGreaterThanOrEqual(before);
    expect(ping(1).answered).toBe(5);
    expect(() => client.run("ping -c 1 -W 1 203.0.113.1")).toThrow();
    const { tap } = JSON.parse(ecmp("show", "ports", "--json").stdout)[0];
    expect(tap).toMatchObject({ file: capture, lost: 0, problem: null });
    await reload("");
    expect(existsSync(capture)).toBe(true);
    const comments = readFileSync(capture)
      .toString("latin1")
      .match(/forward to 10\.0\.\d+\.2|drop: no-route/g);
    expect(comments?.filter((comment) => comment === "forward to 10.0.11.2")).toHaveLength(5);
    // Five answers, and the router's own that there is no route.
    expect(comments?.filter((comment) => comment === "forward to 10.0.1.2")).toHaveLength(6);
    expect(comments?.filter((comment) => comment === "drop: no-route")).toHaveLength(1);
    const { stdout } = spawnSync("tcpdump", ["-n", "-r", capture], { encoding: "utf8" });
    expect(stdout.match(/10\.0\.1\.2 > 10\.0\.11\.2: ICMP echo request/g)).toHaveLength(5);
    expect(stdout.match(/10\.0\.11\.2 > 10\.0\.1\.2: ICMP echo reply/g)).toHaveLength(5);
    const size = readFileSync(capture).length;
    expect(ping(1).answered).toBe(5);
    expect(readFileSync(capture).length).toBe(size);
  });

  test("a reload whose tap cannot be opened says so, and ends as not done", { timeout: 60_000 }, () => {
    configure(", tap: {file: /proc/capture}");
    expect(ecmp("reload")).toMatchObject({
      status: 1,
      stdout: `reloaded ${file}\n`,
      stderr: expect.stringMatching(/: ports\[0\]\.tap: E.*wanted a file that can be written/),
    });
    configure("");
    expect(ecmp("reload")).toMatchObject({ status: 0, stderr: "" });
  });

  test("ends as it should with held frames and an open tap", { timeout: 60_000 }, async () => {
    await reload(`, tap: {file: ${capture}.last}`);
    fault("set", "port1", "--delay-ms", "500");
    ping(1);
    router.child.kill("SIGTERM");
    expect(await router.ended).toMatchObject({ code: 0 });
    expect(readFileSync(`${capture}.last`).toString("latin1")).toContain("forward to 10.0.11.2");
  });
});
