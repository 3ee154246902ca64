/**
 * Services whose next hops lie behind other routes. Two BIRDs say where: one announces the services and what covers their next
 * hops, the other one, now and then, something more exact. Both nodes have the services, so whoever hears a packet got it.
 *
 *   client 10.0.1.2 -- port0 [router, AS 64513] port1 -- 10.0.11.2 BIRD, AS 64601
 *                                               port2 -- 10.0.12.2 BIRD, AS 64602
 *
 *   198.51.100.10/32 by 192.0.2.1               BIRD 11
 *   198.51.100.20/32 by 203.0.113.7             BIRD 11
 *   203.0.113.0/24   by 192.0.2.1               BIRD 11
 *   192.0.2.0/24     by 10.0.11.2               BIRD 11, "covering"
 *   192.0.2.1/32     by 10.0.12.2               BIRD 12, "exact"
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { askOnce } from "#src/commands/control-client.ts";
import { accountedFor, type Verdicts } from "../common/counters.ts";
import { ECMP, Host, type Program, start } from "../common/host.ts";
import { inNamespace, run } from "../common/namespace.ts";
import { eventually } from "../speaker/recorder.ts";

const DEADLINE_MS = 60_000;
const HEAR = fileURLToPath(new URL("./hear.mjs", import.meta.url));
const PROGRAMS = ["/usr/sbin/bird", "/usr/sbin/birdc"];
const SERVICES = ["198.51.100.10", "198.51.100.20"];
const NODES = [11, 12];
const PINGS = 3;

await inNamespace(import.meta.url, () => {
  const missing = PROGRAMS.find((program) => !existsSync(program));
  if (missing) return void test.skip(`recursive next hops: ${missing} is not installed`);
  const folder = mkdtempSync(join(tmpdir(), "ecmp-recursive-"));
  const place = (name: string): string => join(folder, name);
  const control = place("control.sock");
  const hosts: Host[] = [];
  const programs: Program[] = [];
  let client: Host;
  let nodes: Host[];
  let router: Program;
  /** The destinations of the echo requests that each node heard. */
  let heard: string[][] = NODES.map(() => []);

  const listen = async (ear: Program, i: number): Promise<void> => {
    for (;;) {
      const frame = Buffer.from(await ear.line(), "hex");
      const isEchoRequest = frame.readUInt16BE(12) === 0x0800 && frame[23] === 1 && frame[34] === 8;
      if (isEchoRequest) heard[i].push(frame.subarray(30, 34).join("."));
    }
  };

  const show = <Value>(...words: string[]) => askOnce(control, { show: words }) as Promise<Value>;
  /** By which gateways the service goes; none where no route leads to it. */
  const waysTo = async (service: string): Promise<string> => {
    const { groups } = await show<{ groups: { prefixes: string[]; members: { address: string }[] }[] }>("groups");
    const group = groups.find(({ prefixes }) => prefixes.includes(`${service}/32`));
    return (group?.members ?? []).map(({ address }) => address).join();
  };

  const configure = (routes: string): void =>
    writeFileSync(
      place("router.yaml"),
      `
ports: [{interface: port0}, {interface: port1}, {interface: port2}]
routes: [${routes}]
bgp:
  asn: 64513
  routerId: 10.0.1.1
  accept: [0.0.0.0/0 le 32]
  neighbors: [{address: 10.0.11.2, remoteAsn: 64601, passive: true}, {address: 10.0.12.2, remoteAsn: 64602, passive: true}]
`,
    );
  const reload = (routes: string): Promise<unknown> => {
    configure(routes);
    return askOnce(control, { reload: true });
  };

  /** `statics`: what it announces, by protocols that can be disabled; `nextHops`: where that is another than its own address. */
  const startBird = (i: number, statics: Record<string, string[]>, nextHops: Record<string, string>): void => {
    const subnet = NODES[i];
    const protocols = Object.entries(statics).map(
      ([name, prefixes]) =>
        `protocol static ${name} { ipv4; ${prefixes.map((prefix) => `route ${prefix} blackhole;`).join(" ")} }`,
    );
    const cases = Object.entries(nextHops).map(([prefix, nextHop]) => `if net = ${prefix} then bgp_next_hop = ${nextHop};`);
    writeFileSync(
      place(`bird${subnet}.conf`),
      `
router id 10.0.${subnet}.2;
protocol device {}
${protocols.join("\n")}
protocol bgp upstream {
  local 10.0.${subnet}.2 as ${64590 + subnet}; neighbor 10.0.${subnet}.1 as 64513;
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  ipv4 { import none; export filter { if source != RTS_STATIC then reject; ${cases.join(" ")} accept; }; };
}
`,
    );
    const files = ["-c", place(`bird${subnet}.conf`), "-s", place(`bird${subnet}.ctl`), "-P", place(`bird${subnet}.pid`)];
    programs.push(nodes[i].start(["/usr/sbin/bird", "-f", ...files]));
  };
  const tellBird = (subnet: number, ...words: string[]): string =>
    run(`/usr/sbin/birdc -s ${place(`bird${subnet}.ctl`)} ${words.join(" ")}`);

  beforeAll(async () => {
    run("ip link set lo up");
    for (const [i, subnet] of [1, ...NODES].entries()) {
      hosts.push(await Host.create(`port${i}`, `10.0.${subnet}.2/24`, `10.0.${subnet}.1`));
      run(`ip addr add 10.0.${subnet}.1/24 dev port${i}`);
    }
    [client, ...nodes] = hosts;
    for (const [i, node] of nodes.entries()) {
      for (const service of SERVICES) node.run(`ip addr add ${service}/32 dev lo`);
      const ear = node.start([process.execPath, HEAR]);
      programs.push(ear);
      expect(await ear.line()).toBe("ready");
      void listen(ear, i).catch(() => {});
    }
    configure("");
    router = start([process.execPath, ECMP, "run", place("router.yaml"), "--control", control]);
    programs.push(router);
    expect(await router.line()).toBe("ready");
    startBird(
      0,
      { covering: ["192.0.2.0/24"], services: [...SERVICES.map((service) => `${service}/32`), "203.0.113.0/24"] },
      { "198.51.100.10/32": "192.0.2.1", "198.51.100.20/32": "203.0.113.7", "203.0.113.0/24": "192.0.2.1" },
    );
    startBird(1, { exact: ["192.0.2.1/32"] }, {});
  }, 2 * DEADLINE_MS);

  afterAll(() => {
    for (const { child } of programs) child.kill("SIGKILL");
    for (const host of hosts) host.end();
    rmSync(folder, { recursive: true, force: true });
  });

  /** As soon as the router knows that both services go there, all packets to them do, and the other node hears of none. */
  async function expectAt(subnet: number | undefined): Promise<void> {
    const wanted = subnet === undefined ? "" : `10.0.${subnet}.2`;
    for (const service of SERVICES)
      await eventually(`${service} by "${wanted}"`, async () => (await waysTo(service)) === wanted, DEADLINE_MS);
    heard = NODES.map(() => []);
    for (const service of SERVICES) {
      const said = client.ask(`ping -c ${PINGS} -i 0.1 -W 5 ${service}`);
      expect(said).toMatch(subnet === undefined ? /Destination Net Unreachable[\s\S]* 0 received/ : / 3 received/);
    }
    // Behind all of these, so that nothing is still on its way.
    const calls = NODES.map((node) => `10.0.${node}.2`);
    for (const call of calls) client.run(`ping -c 1 -W 5 ${call}`);
    await eventually("both nodes are called", () => calls.every((call, i) => heard[i].includes(call)), DEADLINE_MS);
    const arrived = heard.map((all) => all.filter((destination) => SERVICES.includes(destination)).sort());
    const all = SERVICES.flatMap((service) => Array.from({ length: PINGS }, () => service));
    expect(arrived).toEqual(NODES.map((node) => (node === subnet ? all : [])));
  }

  test("what is exact goes before what covers it, and services follow as that comes and goes", {
    timeout: 4 * DEADLINE_MS,
  }, async () => {
    await expectAt(12);
    tellBird(12, "disable", "exact");
    await expectAt(11);
    tellBird(12, "enable", "exact");
    await expectAt(12);
  });

  test("a static route to their next hop goes before BGP's", { timeout: 2 * DEADLINE_MS }, async () => {
    await reload("{prefix: 192.0.2.1/32, nextHops: [{address: 10.0.11.2}]}");
    await expectAt(11);
    await reload("");
    await expectAt(12);
  });

  test("without a way to their next hop there is none to them, until there is one again", {
    timeout: 4 * DEADLINE_MS,
  }, async () => {
    tellBird(11, "disable", "covering");
    await expectAt(12);
    tellBird(12, "disable", "exact");
    await expectAt(undefined);
    tellBird(11, "enable", "covering");
    await expectAt(11);
  });

  test("what leads to a next hop by a session is gone with it", { timeout: 2 * DEADLINE_MS }, async () => {
    tellBird(12, "enable", "exact");
    await expectAt(12);
    tellBird(12, "disable", "upstream");
    await expectAt(11);
    const counters = await show<Verdicts & { received: number }>("counters");
    expect(accountedFor(counters)).toBe(counters.received);
  });
});
