/**
 * TCP in a VXLAN whose outer packets pass through the router. A Linux sender on veth leaves the segmentation of what is inside to
 * the device, which no frame of a packet socket can express: the router drops, counts, and says what to switch off; what it says is
 * then done to the letter.
 *
 *   client 10.0.1.2 -- port0 [router] port1 -- 10.0.11.2 node
 *          172.16.0.1 ============ VXLAN ============ 172.16.0.2
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accountedFor } from "../common/counters.ts";
import { ECMP, Host, type Program, start } from "../common/host.ts";
import { inNamespace, run } from "../common/namespace.ts";

const TRANSFER = fileURLToPath(new URL("../native/transfer.mjs", import.meta.url));
const BYTES = 2_000_000;
const VXLAN = "type vxlan id 5 dstport 4789";

/** Whether this kernel has the device, asked where it does not matter. */
const hasVxlan = (): boolean => {
  const { status } = spawnSync("unshare", ["--net", "ip", ...`link add vx0 ${VXLAN} remote 10.0.0.2`.split(" ")]);
  return status === 0;
};

await inNamespace(import.meta.url, () => {
  const folder = mkdtempSync(join(tmpdir(), "ecmp-tunnel-"));
  const control = join(folder, "control.sock");
  const hosts: Host[] = [];
  const programs: Program[] = [];

  const addHost = async (port: string, outer: string, far: string, gateway: string, inner: string): Promise<Host> => {
    const host = await Host.create(port, `${outer}/24`, gateway);
    hosts.push(host);
    run(`ip addr add ${gateway}/24 dev ${port}`);
    host.run(`ip link add vx0 ${VXLAN} remote ${far} local ${outer} dev eth0`);
    host.run(`ip addr add ${inner}/24 dev vx0`);
    host.run("ip link set vx0 up");
    return host;
  };

  beforeAll(() => run("ip link set lo up"));

  afterAll(() => {
    for (const { child } of programs) child.kill("SIGKILL");
    for (const host of hosts) host.end();
    rmSync(folder, { recursive: true });
  });

  test.skipIf(!hasVxlan())("TCP in a VXLAN: what must be switched off is said, and is enough", { timeout: 60_000 }, async () => {
    const client = await addHost("port0", "10.0.1.2", "10.0.11.2", "10.0.1.1", "172.16.0.1");
    const node = await addHost("port1", "10.0.11.2", "10.0.1.2", "10.0.11.1", "172.16.0.2");
    writeFileSync(join(folder, "router.yaml"), "ports: [{interface: port0}, {interface: port1}]\n");
    const router = start([process.execPath, ECMP, "run", join(folder, "router.yaml"), "--control", control]);
    programs.push(router);
    expect(await router.line()).toBe("ready");
    expect(client.run("ping -c 1 -W 5 172.16.0.2")).toContain("1 received");

    const said = router.said(/tunneled-gso interface=port0 source=10\.0\.1\.2/);
    const receiver = node.start([process.execPath, TRANSFER, "receive", "5001"]);
    programs.push(receiver);
    await new Promise((resolve) => receiver.child.stderr?.once("data", resolve));
    const sender = client.start([process.execPath, TRANSFER, "send", "172.16.0.2", "5001", `${BYTES}`]);
    programs.push(sender);
    await said;
    const show = (what: string): string =>
      spawnSync(process.execPath, [ECMP, "show", what, "--json", "--control", control], { encoding: "utf8" }).stdout;
    const events = show("events")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const { remedy } = events.find(({ kind }) => kind === "tunneled-gso");
    expect(remedy).toBe("ethtool -K DEVICE tx-udp_tnl-segmentation off tx-udp_tnl-csum-segmentation off");
    client.run(remedy.replace("DEVICE", "eth0"));
    // What was lost is sent again, in packets that pass.
    const [sent, received] = [JSON.parse(await sender.line()), JSON.parse(await receiver.line())];
    expect(received).toEqual(sent);
    expect(received.bytes).toBe(BYTES);
    const counters = JSON.parse(show("counters"));
    expect(counters.dropped["tunneled-gso"]).toBeGreaterThan(0);
    expect(counters.dropped["egress-refused"]).toBe(0);
    expect(accountedFor(counters)).toBe(counters.received);
  });
});
