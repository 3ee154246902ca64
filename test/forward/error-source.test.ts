/**
 * From which of its addresses a router says what went wrong: asked of this machine's kernel, as a router in the same place with
 * the same addresses and routes, and then of ours. Both ports are on one segment, so that a packet may come in by one and its
 * error go out by the other, and one port has two subnets.
 *
 *                                 ┌ port0 10.0.1.1, 10.0.3.1, 2001:db8:1::1, 2001:db8:3::1
 *   client 10.0.1.2 ... -- bridge ┤                                                          [router]
 *                                 └ port1 10.0.2.1, 2001:db8:2::1
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ECMP, Host, type Program, start } from "../common/host.ts";
import { createCable, inNamespace, run } from "../common/namespace.ts";

/** The sender's address, and the neighbor that leads back to it where that is another. The first hop is asked for its name. */
const CASES = [
  { family: "-4", source: "10.0.1.2", to: "10.0.2.77" },
  { family: "-4", source: "10.0.2.2", to: "10.0.2.77" },
  { family: "-4", source: "10.0.3.2", to: "10.0.2.77" },
  { family: "-4", source: "10.9.9.9", to: "10.0.2.77", via: "10.0.2.2" },
  { family: "-4", source: "10.8.8.8", to: "10.0.2.77", via: "10.0.3.2" },
  { family: "-6", source: "2001:db8:1::2", to: "2001:db8:2::77" },
  { family: "-6", source: "2001:db8:2::2", to: "2001:db8:2::77" },
  { family: "-6", source: "2001:db8:3::2", to: "2001:db8:2::77" },
  { family: "-6", source: "2001:db8:9::9", to: "2001:db8:2::77", via: "2001:db8:2::2" },
  { family: "-6", source: "2001:db8:3:8::8", to: "2001:db8:2::77", via: "2001:db8:1::2" },
];
const ROUTED = CASES.flatMap(({ family, source, via }) => (via === undefined ? [] : [{ family, source, via }]));
const hasNoTraceroute = spawnSync("traceroute", ["--version"]).error !== undefined;

await inNamespace(import.meta.url, () => {
  const folder = mkdtempSync(join(tmpdir(), "ecmp-source-"));
  let client: Host;
  let router: Program | undefined;

  const set = (name: string, value: number): void => writeFileSync(`/proc/sys/net/${name.replaceAll(".", "/")}`, `${value}`);
  const length = (family: string): number => (family === "-4" ? 32 : 128);

  /** Who is told by an error to each sender. */
  const ask = (): string[] =>
    CASES.map(({ family, source, to }) => {
      const said = client.ask(`traceroute ${family} -n -q 1 -w 5 -m 1 -s ${source} ${to}`);
      return `${source}: ${said.trim().split("\n").at(-1)?.trim().split(/\s+/)[1]}`;
    });

  beforeAll(async () => {
    run("ip link set lo up");
    run("ip link add br0 type bridge");
    run("ip link set br0 up");
    client = await Host.create("to-client", "10.0.1.2/24", "10.0.1.1");
    for (const port of ["port0", "port1"]) createCable(`b-${port}`, port);
    for (const end of ["to-client", "b-port0", "b-port1"]) run(`ip link set ${end} master br0`);
    for (const port of ["port0", "port1"]) {
      set(`ipv6.conf.${port}.disable_ipv6`, 0);
      // Each port answers for its own addresses only: they are on one segment.
      set(`ipv4.conf.${port}.arp_ignore`, 1);
      set(`ipv4.conf.${port}.rp_filter`, 0);
    }
    set("ipv4.conf.all.rp_filter", 0);
    set("ipv4.icmp_ratelimit", 0);
    set("ipv6.icmp.ratelimit", 0);
    for (const [port, subnet] of [
      ["port0", 1],
      ["port0", 3],
      ["port1", 2],
    ]) {
      run(`ip addr add 10.0.${subnet}.1/24 dev ${port}`);
      run(`ip addr add 2001:db8:${subnet}::1/64 dev ${port} nodad`);
    }
    client.run("sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0");
    client.run("ip addr add 2001:db8:1::2/64 dev eth0 nodad");
    client.run("ip -6 route add default via 2001:db8:1::1");
    for (const { family, source } of CASES.filter(({ source }) => source !== "10.0.1.2" && source !== "2001:db8:1::2"))
      client.run(`ip addr add ${source}/${length(family)} dev eth0${family === "-6" ? " nodad" : ""}`);
  }, 30_000);

  afterAll(() => {
    router?.child.kill("SIGKILL");
    client?.end();
    rmSync(folder, { recursive: true });
  });

  test.skipIf(hasNoTraceroute)(
    "an error comes from the address that the kernel's would come from",
    { timeout: 90_000 },
    async () => {
      for (const { family, source, via } of ROUTED) run(`ip ${family} route add ${source} via ${via}`);
      set("ipv4.ip_forward", 1);
      set("ipv6.conf.all.forwarding", 1);
      const kernel = ask();
      // Not that of the port where it came in, which is port0 for all.
      expect(kernel).toContain("10.0.2.2: 10.0.2.1");

      const file = join(folder, "router.yaml");
      const routes = ROUTED.map(
        ({ family, source, via }) => `{prefix: "${source}/${length(family)}", nextHops: [{address: "${via}"}]}`,
      );
      writeFileSync(file, `ports: [{interface: port0}, {interface: port1}]\nroutes: [${routes.join(", ")}]\n`);
      router = start([process.execPath, ECMP, "run", file, "--control", join(folder, "control.sock")]);
      expect(await router.line()).toBe("ready");
      expect(ask()).toEqual(kernel);
    },
  );
});
