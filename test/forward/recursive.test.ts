/**
 * Services whose next hops lie behind other routes. Two BIRDs say where: one announces services and what covers their next
 * hops, the other one, now and then, something more exact; one service's route is static. Both nodes have the services, so
 * whoever hears a packet got it. All of it in both families, with a session for each.
 *
 *   client 10.0.1.2 -- port0 [router, AS 64513] port1 -- 10.0.11.2 BIRD, AS 64601
 *                                               port2 -- 10.0.12.2 BIRD, AS 64602
 *
 *   198.51.100.10/32 by 192.0.2.1               BIRD 11
 *   198.51.100.20/32 by 203.0.113.7             BIRD 11
 *   198.51.100.30/32 by 203.0.113.7             static
 *   203.0.113.0/24   by 192.0.2.1               BIRD 11
 *   192.0.2.0/24     by 10.0.11.2               BIRD 11, "covering"
 *   192.0.2.1/32     by 10.0.12.2               BIRD 12, "exact"
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { askOnce } from "#src/commands/control-client.ts";
import { type Address, formatAddress, parseAddress, readIpv4, readIpv6 } from "#src/net/address.ts";
import { formatPrefix, hostPrefix } from "#src/net/prefix.ts";
import { accountedFor, type Verdicts } from "../common/counters.ts";
import { ECMP, Host, type Program, start } from "../common/host.ts";
import { inNamespace, run } from "../common/namespace.ts";
import { eventually } from "../speaker/recorder.ts";

const DEADLINE_MS = 60_000;
const HEAR = fileURLToPath(new URL("./hear.mjs", import.meta.url));
const PROGRAMS = ["/usr/sbin/bird", "/usr/sbin/birdc"];
/** The same of each family: the services by their routes' authors, the next hops of these, and what covers the next hops. */
const FAMILIES = [
  {
    family: "ipv4",
    bits: 32,
    announced: ["198.51.100.10", "198.51.100.20"],
    configured: "198.51.100.30",
    near: "192.0.2.1",
    covering: "192.0.2.0/24",
    far: "203.0.113.7",
    coveringFar: "203.0.113.0/24",
    nodeAt: (subnet: number): string => `10.0.${subnet}.2`,
    routerAt: (subnet: number): string => `10.0.${subnet}.1`,
    noRoute: /Destination Net Unreachable[\s\S]* 0 received/,
  },
  {
    family: "ipv6",
    bits: 128,
    announced: ["2001:db8:51::10", "2001:db8:51::20"],
    configured: "2001:db8:51::30",
    near: "2001:db8:a::1",
    covering: "2001:db8:a::/64",
    far: "2001:db8:b::7",
    coveringFar: "2001:db8:b::/64",
    nodeAt: (subnet: number): string => `2001:db8:${subnet}::2`,
    routerAt: (subnet: number): string => `2001:db8:${subnet}::1`,
    noRoute: /Destination unreachable: No route[\s\S]* 0 received/,
  },
] as const;
type Family = (typeof FAMILIES)[number];
const servicesOf = ({ announced, configured }: Family): string[] => [...announced, configured];
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
      const destination = echoedTo(frame);
      if (destination !== undefined) heard[i].push(destination);
    }
  };

  const show = <Value>(...words: string[]) => askOnce(control, { show: words }) as Promise<Value>;
  /** By which gateways the service goes; none where no route leads to it. */
  const waysTo = async (service: string): Promise<string> => {
    const { groups } = await show<{ groups: { prefixes: string[]; members: { address: string }[] }[] }>("groups");
    const group = groups.find(({ prefixes }) => prefixes.includes(formatPrefix(hostPrefix(parseAddress(service) as Address))));
    return (group?.members ?? []).map(({ address }) => address).join();
  };

  const route = (prefix: string, nextHop: string): string => `{prefix: "${prefix}", nextHops: [{address: "${nextHop}"}]}`;
  const configure = (...routes: string[]): void =>
    writeFileSync(
      place("router.yaml"),
      `
ports: [{interface: port0}, {interface: port1}, {interface: port2}]
routes: [${[...FAMILIES.map(({ configured, bits, far }) => route(`${configured}/${bits}`, far)), ...routes].join(", ")}]
bgp:
  asn: 64513
  routerId: 10.0.1.1
  accept: [0.0.0.0/0 le 32, "::/0 le 128"]
  neighbors: [${FAMILIES.flatMap(({ nodeAt }) => NODES.map((subnet) => `{address: "${nodeAt(subnet)}", remoteAsn: ${64590 + subnet}, passive: true}`))}]
`,
    );
  const reload = (...routes: string[]): Promise<unknown> => {
    configure(...routes);
    return askOnce(control, { reload: true });
  };

  /**
   * `statics`: what it announces of each family, by protocols that can be disabled; `nextHops`: where that is another than its
   * own address.
   */
  const startBird = (
    i: number,
    statics: (family: Family) => Record<string, string[]>,
    nextHops: (family: Family) => Record<string, string>,
  ): void => {
    const subnet = NODES[i];
    const speak = (one: Family): string => {
      const { family, nodeAt, routerAt } = one;
      const protocols = Object.entries(statics(one)).map(
        ([name, prefixes]) =>
          `protocol static ${name}_${family} { ${family}; ${prefixes.map((prefix) => `route ${prefix} blackhole;`).join(" ")} }`,
      );
      const cases = Object.entries(nextHops(one)).map(([net, nextHop]) => `if net = ${net} then bgp_next_hop = ${nextHop};`);
      return `
${protocols.join("\n")}
protocol bgp upstream_${family} {
  local ${nodeAt(subnet)} as ${64590 + subnet}; neighbor ${routerAt(subnet)} as 64513;
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  ${family} { import none; export filter { if source != RTS_STATIC then reject; ${cases.join(" ")} accept; }; };
}`;
    };
    writeFileSync(
      place(`bird${subnet}.conf`),
      `router id 10.0.${subnet}.2;\nprotocol device {}\n${FAMILIES.map(speak).join("\n")}\n`,
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
      hosts[i].enableIpv6(`port${i}`, `2001:db8:${subnet}::2`, `2001:db8:${subnet}::1`);
    }
    [client, ...nodes] = hosts;
    for (const [i, node] of nodes.entries()) {
      for (const one of FAMILIES) for (const service of servicesOf(one)) node.run(`ip addr add ${service}/${one.bits} dev lo`);
      const ear = node.start([process.execPath, HEAR]);
      programs.push(ear);
      expect(await ear.line()).toBe("ready");
      void listen(ear, i).catch(() => {});
    }
    configure();
    router = start([process.execPath, ECMP, "run", place("router.yaml"), "--control", control]);
    programs.push(router);
    expect(await router.line()).toBe("ready");
    startBird(
      0,
      ({ announced, bits, covering, coveringFar }) => ({
        covering: [covering],
        services: [...announced.map((service) => `${service}/${bits}`), coveringFar],
      }),
      ({ announced: [first, second], bits, near, far, coveringFar }) => ({
        [`${first}/${bits}`]: near,
        [`${second}/${bits}`]: far,
        [coveringFar]: near,
      }),
    );
    startBird(
      1,
      ({ near, bits }) => ({ exact: [`${near}/${bits}`] }),
      () => ({}),
    );
  }, 2 * DEADLINE_MS);

  afterAll(() => {
    for (const { child } of programs) child.kill("SIGKILL");
    for (const host of hosts) host.end();
    rmSync(folder, { recursive: true, force: true });
  });

  /** As soon as the router knows that all services go there, all packets to them do, and the other node hears of none. */
  async function expectAt(one: Family, subnet: number | undefined, reachable = NODES): Promise<void> {
    const services = servicesOf(one);
    const wanted = subnet === undefined ? "" : one.nodeAt(subnet);
    for (const service of services)
      await eventually(`${service} by "${wanted}"`, async () => (await waysTo(service)) === wanted, DEADLINE_MS);
    heard = NODES.map(() => []);
    for (const service of services) {
      const said = client.ask(`ping -c ${PINGS} -i 0.1 -W 5 ${service}`);
      expect(said).toMatch(subnet === undefined ? one.noRoute : / 3 received/);
    }
    // Behind all of these, so that nothing is still on its way.
    const calls = NODES.map((node) => (reachable.includes(node) ? one.nodeAt(node) : undefined));
    for (const call of calls) if (call !== undefined) client.run(`ping -c 1 -W 5 ${call}`);
    const isCalled = (call: string | undefined, i: number): boolean => call === undefined || heard[i].includes(call);
    await eventually("the nodes are called", () => calls.every(isCalled), DEADLINE_MS);
    const arrived = heard.map((all) => all.filter((destination) => services.includes(destination)).sort());
    const all = services.flatMap((service) => Array.from({ length: PINGS }, () => service));
    expect(arrived).toEqual(NODES.map((node) => (node === subnet ? all : [])));
  }

  describe.each(FAMILIES)("services of $family whose next hops lie behind routes", (one) => {
    const { family, bits, near, configured, far, coveringFar, nodeAt } = one;

    test("what is exact goes before what covers it, and services follow as that comes and goes", {
      timeout: 4 * DEADLINE_MS,
    }, async () => {
      await expectAt(one, 12);
      tellBird(12, "disable", `exact_${family}`);
      await expectAt(one, 11);
      tellBird(12, "enable", `exact_${family}`);
      await expectAt(one, 12);
    });

    test("a static route to their next hop goes before BGP's", { timeout: 2 * DEADLINE_MS }, async () => {
      await reload(route(`${near}/${bits}`, nodeAt(11)));
      await expectAt(one, 11);
      await reload();
      await expectAt(one, 12);
    });

    test("show says through which route each next hop was resolved", { timeout: DEADLINE_MS }, async () => {
      const [shown] = await show<{ recursive: unknown }[]>("routes", `${configured}/${bits}`);
      expect(shown).toMatchObject({
        protocol: "static",
        nextHops: [{ address: nodeAt(12), weight: 1 }],
        recursive: [{ nextHop: far, through: coveringFar, gateways: [nodeAt(12)] }],
      });
    });

    test("without a way to their next hop there is none to them, until there is one again", {
      timeout: 4 * DEADLINE_MS,
    }, async () => {
      tellBird(11, "disable", `covering_${family}`);
      await expectAt(one, 12);
      tellBird(12, "disable", `exact_${family}`);
      await expectAt(one, undefined);
      tellBird(11, "enable", `covering_${family}`);
      await expectAt(one, 11);
    });

    test("what leads to a next hop over a port is gone with the port", { timeout: 4 * DEADLINE_MS }, async () => {
      tellBird(12, "enable", `exact_${family}`);
      await expectAt(one, 12);
      run("ip link set port2 down");
      await expectAt(one, 11, [11]);
      run("ip link set port2 up");
      // The kernel takes IPv6 addresses from an interface that goes down.
      run("ip addr add 2001:db8:12::1/64 dev port2 nodad");
      await expectAt(one, 12);
    });

    test("what leads to a next hop by a session is gone with it", { timeout: 2 * DEADLINE_MS }, async () => {
      tellBird(12, "disable", `upstream_${family}`);
      await expectAt(one, 11);
      const counters = await show<Verdicts & { received: number }>("counters");
      expect(accountedFor(counters)).toBe(counters.received);
    });
  });
});

/** The destination of an echo request. */
function echoedTo(frame: Buffer): string | undefined {
  const ethertype = frame.readUInt16BE(12);
  if (ethertype === 0x0800 && frame[23] === 1 && frame[34] === 8) return formatAddress(readIpv4(frame, 30));
  if (ethertype === 0x86dd && frame[20] === 58 && frame[54] === 128) return formatAddress(readIpv6(frame, 38));
  return undefined;
}
