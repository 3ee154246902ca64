/**
 * VLANs whose addresses are in the file, on an interface of the kernel's: what `ecmp explain --config` says of static routes, next hops
 * behind each other among them, is what the router that runs by the file says of itself.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { ECMP, type Program, start } from "../common/host.ts";
import { createCable, inNamespace } from "../common/namespace.ts";

const CONFIG = `
ports:
  - {interface: trunk0, vlan: 10, addresses: [10.0.10.1/24, 10.0.10.254/24, "2001:db8:10::1/64"]}
  - {interface: trunk0, vlan: [20, 7], addresses: [10.0.27.1/24, "2001:db8:27::1/64"]}
routes:
  - {prefix: 198.51.100.0/24, nextHops: [{address: 192.0.2.1, weight: 2}, {address: 10.0.27.9}]}
  - {prefix: 192.0.2.0/24, nextHops: [{address: 10.0.10.2}, {address: 203.0.113.1, weight: 3}]}
  - {prefix: 203.0.113.0/24, nextHops: [{address: 10.0.10.3}]}
  - {prefix: 198.51.101.0/24, nextHops: [{address: 198.51.102.1}]}
  - {prefix: 198.51.102.0/24, nextHops: [{address: 198.51.101.1}]}
  - {prefix: 198.51.103.0/24, nextHops: [{address: 198.51.105.1}]}
  - {prefix: 198.51.104.0/24, action: unreachable}
  - {prefix: 198.51.105.0/24, nextHops: [{address: 198.51.104.1}]}
  - {prefix: 10.0.10.0/24, nextHops: [{address: 10.0.27.9}]}
  - {prefix: 10.0.10.128/25, nextHops: [{address: 10.0.27.8}]}
  - {prefix: "2001:db8:51::/48", nextHops: [{address: "fe80::1%trunk0.10"}, {address: "fe80::1%trunk0.20.7"}, {address: "fe80::1%trunk0"}]}
  - {prefix: "2001:db8:52::/48", nextHops: [{address: "2001:db8:51::1"}]}
  - {prefix: "::/0", nextHops: [{address: "2001:db8:10::2"}]}
  - {prefix: "2001:db8:53::/48", nextHops: [{address: "2001:db8:99::1"}]}
ecmp: {selector: {name: hrw}, memberOrder: configured}
`;
const DESTINATIONS = [
  ...["198.51.100.1", "192.0.2.9", "203.0.113.9", "198.51.101.1", "198.51.103.1", "198.51.104.1", "198.51.105.1"],
  ...["10.0.10.1", "10.0.10.254", "10.0.10.9", "10.0.10.200", "10.0.27.9", "172.16.0.1"],
];
const DESTINATIONS6 = [
  ...["2001:db8:51::9", "2001:db8:52::9", "2001:db8:53::9", "2001:db8:99::9"],
  ...["2001:db8:10::1", "2001:db8:10::9", "2001:db8:27::77"],
];

await inNamespace(import.meta.url, () => {
  const folder = mkdtempSync(join(tmpdir(), "ecmp-configured-"));
  const file = (name: string): string => join(folder, name);
  let router: Program;
  afterAll(() => {
    router?.child.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  });

  test("a file that has its VLANs' addresses says of every flow what the router says", { timeout: 60_000 }, async () => {
    createCable("h-trunk0", "trunk0");
    writeFileSync(file("router.yaml"), CONFIG);
    const ports = Array.from({ length: 20 }, (_, i) => 1024 + i);
    const rows = (source: string, destinations: readonly string[]) =>
      destinations.flatMap((destination) => ports.map((port) => `tcp,${source},${port},${destination},80`));
    const flows = [...rows("10.0.10.9", DESTINATIONS), ...rows("2001:db8:10::9", DESTINATIONS6)];
    writeFileSync(file("flows.csv"), `protocol,src,srcPort,dst,dstPort\n${flows.join("\n")}\n`);
    router = start([process.execPath, ECMP, "run", file("router.yaml"), "--control", file("control")]);
    expect(await router.line()).toBe("ready");
    const explain = (...by: string[]) => {
      const words = ["explain", ...by, "--flows", file("flows.csv"), "--json"];
      const { stdout, stderr } = spawnSync(process.execPath, [ECMP, ...words], { encoding: "utf8" });
      const lines = stdout.trim().split("\n");
      return { lines, fates: [...new Set(lines.map((line) => JSON.parse(line).fate))].sort(), stderr };
    };
    const live = explain("--live", "--control", file("control"));
    expect(live).toMatchObject({
      fates: ["attached", "forwarded", "local", "no-route", "unreachable"],
      stderr: "",
    });
    expect(live.lines).toHaveLength(flows.length);
    const configured = explain("--config", file("router.yaml"));
    expect(configured.lines).toEqual(live.lines);
    const unused = ["198.51.102.1", "198.51.101.1", "198.51.105.1", "198.51.104.1", "fe80::1%trunk0"];
    const named = configured.stderr.trim().split("\n");
    expect(named).toEqual([
      ...unused.map((address) => expect.stringContaining(`next hop ${address} is not used: next hop `)),
      expect.stringMatching(/and so with more next hops$/),
    ]);
  });
});
