/**
 * Static routes that lead nowhere on purpose, asked by pings of a client: `unreachable` is answered, `blackhole` is not, and
 * more exact routes below either go their own way.
 *
 *   client 10.0.1.2 -- port0 [router] port1 -- 10.0.11.2, which has 198.51.100.10 too
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accountedFor } from "../common/counters.ts";
import { ECMP, Host, type Program, start } from "../common/host.ts";
import { inNamespace, run } from "../common/namespace.ts";

await inNamespace(import.meta.url, () => {
  const folder = mkdtempSync(join(tmpdir(), "ecmp-actions-"));
  const [control, file] = ["control.sock", "router.yaml"].map((name) => join(folder, name));
  const hosts: Host[] = [];
  let router: Program;

  const ecmp = (...words: string[]) => spawnSync(process.execPath, [ECMP, ...words], { encoding: "utf8" }).stdout;
  const counters = () => JSON.parse(ecmp("show", "counters", "--json", "--control", control));
  const ping = (address: string): string => hosts[0].ask(`ping -n -c 1 -W 1 ${address}`);

  beforeAll(async () => {
    run("ip link set lo up");
    for (const [port, subnet] of [
      ["port0", "10.0.1"],
      ["port1", "10.0.11"],
    ]) {
      hosts.push(await Host.create(port, `${subnet}.2/24`, `${subnet}.1`));
      run(`ip addr add ${subnet}.1/24 dev ${port}`);
    }
    hosts[1].run("ip addr add 198.51.100.10/32 dev lo");
    writeFileSync(
      file,
      `
ports: [{interface: port0}, {interface: port1}]
routes:
  - {prefix: 198.51.100.0/24, action: unreachable}
  - {prefix: 198.51.100.10/32, nextHops: [{address: 10.0.11.2}]}
  - {prefix: 198.51.100.128/25, action: blackhole}
  - {prefix: 203.0.113.0/24, action: blackhole}
`,
    );
    router = start([process.execPath, ECMP, "run", file, "--control", control]);
    expect(await router.line()).toBe("ready");
  }, 60_000);

  afterAll(() => {
    router?.child.kill("SIGKILL");
    for (const host of hosts) host.end();
    rmSync(folder, { recursive: true });
  });

  test("unreachable is answered, blackhole is not, and what is more exact is forwarded", { timeout: 60_000 }, () => {
    expect(ping("198.51.100.10")).toContain("1 received");
    expect(ping("198.51.100.11")).toMatch(/From 10\.0\.1\.1 .*Destination Host Unreachable/);
    for (const silent of ["198.51.100.200", "203.0.113.1"]) {
      const said = ping(silent);
      expect(said).toContain("100% packet loss");
      expect(said).not.toContain("From ");
    }
    const now = counters();
    expect(now.dropped).toMatchObject({ blackhole: 2, "next-hop-unreachable": 1 });
    expect(accountedFor(now)).toBe(now.received);
  });

  test("show and explain say what is done, of the running router and of its file alone", { timeout: 60_000 }, () => {
    const shown = ecmp("show", "routes", "--control", control);
    expect(shown).toMatch(/198\.51\.100\.0\/24 .*unreachable/);
    expect(shown).toMatch(/203\.0\.113\.0\/24 .*blackhole/);
    const state = join(folder, "state.json");
    writeFileSync(state, ecmp("show", "groups", "--json", "--control", control));
    for (const source of [
      ["--state", state],
      ["--config", file],
    ]) {
      const reasonOf = (address: string) => ecmp("explain", "--flow", `udp 10.0.1.2:1000 ${address}:80`, ...source);
      expect(reasonOf("198.51.100.11")).toContain("198.51.100.0/24 is unreachable: its packets are thrown away, and their");
      expect(reasonOf("198.51.100.200")).toContain("198.51.100.128/25 is blackhole: its packets are thrown away");
      expect(reasonOf("198.51.100.10")).toContain("owned by 10.0.11.2");
    }
  });
});
