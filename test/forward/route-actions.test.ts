/**
 * Static routes that lead nowhere on purpose, asked by pings of a client: `unreachable` is answered, `blackhole` is not, and
 * more exact routes below either go their own way. In IPv4 and IPv6; the node's kernel has such routes too, and is the witness of
 * what is answered.
 *
 *   client 10.0.1.2 -- port0 [router] port1 -- 10.0.11.2, which has 198.51.100.10 too, and routes 198.18.0.0/23
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseAddress } from "#src/net/address.ts";
import { accountedFor } from "../common/counters.ts";
import { ECMP, Host, type Program, start } from "../common/host.ts";
import { inNamespace, run } from "../common/namespace.ts";
import { makePacket, makePacket6 } from "../dataplane/packets.ts";
import { makePcap } from "../pcap/captures.ts";

await inNamespace(import.meta.url, () => {
  const folder = mkdtempSync(join(tmpdir(), "ecmp-actions-"));
  const [control, file] = ["control.sock", "router.yaml"].map((name) => join(folder, name));
  const hosts: Host[] = [];
  let router: Program;

  const ecmp = (...words: string[]) => spawnSync(process.execPath, [ECMP, ...words], { encoding: "utf8" }).stdout;
  const counters = () => JSON.parse(ecmp("show", "counters", "--json", "--control", control));
  const ping = (address: string): string => hosts[0].ask(`ping -n -c 1 -W 1 ${address}`);
  /** What a router tells the sender: who, and the words for type and code. */
  const told = (address: string) => /From (\S+?):? icmp_seq=1 (.*)/.exec(ping(address))?.slice(1);

  beforeAll(async () => {
    run("ip link set lo up");
    for (const [port, subnet] of [
      ["port0", "10.0.1"],
      ["port1", "10.0.11"],
    ]) {
      hosts.push(await Host.create(port, `${subnet}.2/24`, `${subnet}.1`));
      run(`ip addr add ${subnet}.1/24 dev ${port}`);
      hosts[hosts.length - 1].enableIpv6(port, `2001:db8:${subnet.slice(5)}::2`, `2001:db8:${subnet.slice(5)}::1`);
    }
    const node = hosts[1];
    for (const service of ["198.51.100.10/32", "2001:db8:51::10/128"]) node.run(`ip addr add ${service} dev lo`);
    node.run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
    // Forwarding, a host does not keep the default route that it had as a host of IPv6.
    node.run("ip -6 route replace default via 2001:db8:11::1");
    for (const [action, i] of [
      ["unreachable", 0],
      ["blackhole", 1],
    ]) {
      node.run(`ip route add ${action} 198.18.${i}.0/24`);
      node.run(`ip -6 route add ${action} 2001:db8:9${i}::/48`);
    }
    writeFileSync(
      file,
      `
ports: [{interface: port0}, {interface: port1}]
routes:
  - {prefix: 198.51.100.0/24, action: unreachable}
  - {prefix: 198.51.100.10/32, nextHops: [{address: 10.0.11.2}]}
  - {prefix: 198.51.100.128/25, action: blackhole}
  - {prefix: 203.0.113.0/24, action: blackhole}
  - {prefix: 198.18.0.0/23, nextHops: [{address: 10.0.11.2}]}
  - {prefix: "2001:db8:51::/48", action: unreachable}
  - {prefix: "2001:db8:51::10/128", nextHops: [{address: "2001:db8:11::2"}]}
  - {prefix: "2001:db8:51:8000::/49", action: blackhole}
  - {prefix: "2001:db8:90::/44", nextHops: [{address: "2001:db8:11::2"}]}
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

  test("what IPv6 senders are told, and those of IPv4, is what Linux tells of such a route", { timeout: 60_000 }, () => {
    expect(ping("2001:db8:51::10")).toContain("1 received");
    const before = counters();
    expect(told("2001:db8:51::11")).toEqual(["2001:db8:1::1", "Destination unreachable: No route"]);
    expect(told("2001:db8:90::1")).toEqual(["2001:db8:11::2", "Destination unreachable: No route"]);
    expect(told("198.51.100.11")).toEqual(["10.0.1.1", "Destination Host Unreachable"]);
    expect(told("198.18.0.1")).toEqual(["10.0.11.2", "Destination Host Unreachable"]);
    for (const silent of ["2001:db8:51:8000::1", "2001:db8:91::1", "198.18.1.1"]) {
      expect(ping(silent)).toContain("100% packet loss");
      expect(told(silent)).toBeUndefined();
    }
    const { dropped, ...now } = counters();
    expect(dropped["next-hop-unreachable"] - before.dropped["next-hop-unreachable"]).toBe(2);
    expect(dropped.blackhole - before.dropped.blackhole).toBe(2);
    expect(accountedFor({ dropped, ...now })).toBe(now.received);
  });

  test("explain, a replay and the router itself agree on what becomes of the same flows", { timeout: 60_000 }, () => {
    const v4 = ["198.51.100.10", "198.51.100.11", "198.51.100.200", "203.0.113.1", "192.0.2.1", "10.0.1.1"];
    const v6 = ["2001:db8:51::10", "2001:db8:51::11", "2001:db8:51:8000::1", "2001:db8:ffff::1"];
    const before = counters().dropped;
    for (const destination of [...v4, ...v6]) ping(destination);
    const after = counters().dropped;
    const live = Object.fromEntries(
      ["blackhole", "next-hop-unreachable", "no-route"].map((name) => [name, after[name] - before[name]]),
    );

    const [state, capture] = ["live.json", "flows.pcap"].map((name) => join(folder, name));
    writeFileSync(state, ecmp("show", "groups", "--json", "--control", control));
    const frames = [
      ...v4.map((destination) => makePacket({ source: "10.0.1.2", destination, protocol: 17 })),
      ...v6.map((text) => makePacket6({ destination: parseAddress(text) as string, protocol: 17 })),
    ];
    writeFileSync(capture, makePcap(frames.map((bytes) => ({ bytes }))));
    const { dropped, forwarded, punted } = JSON.parse(ecmp("replay", "--state", state, "--in", capture, "--json"));
    expect(dropped).toEqual(live);

    const flows = [
      ...v4.map((destination) => `udp 10.0.1.2:1024 ${destination}:80`),
      ...v6.map((destination) => `udp [2001:db8:1::c1]:1024 [${destination}]:80`),
    ];
    const words = flows.flatMap((flow) => ["--flow", flow]);
    const fates = ecmp("explain", "--live", "--control", control, "--json", ...words)
      .trim()
      .split("\n");
    const told = (fate: string): number => fates.filter((line) => JSON.parse(line).fate === fate).length;
    expect(live).toEqual({
      blackhole: told("blackhole"),
      "next-hop-unreachable": told("unreachable"),
      "no-route": told("no-route"),
    });
    expect([live.blackhole, forwarded, punted]).toEqual([3, told("forwarded"), told("local")]);
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
