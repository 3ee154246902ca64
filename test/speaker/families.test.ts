/**
 * Two families on one session with real speakers, over TCP of either family: their IPv6 routes arrive with the next hop that
 * the configuration prefers, and IPv4 routes over an IPv6 session with a next hop of IPv6 where the speaker can.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { IPV4_UNICAST, IPV6_UNICAST } from "#src/bgp/nlri.ts";
import { type Address, formatAddress, parseAddress } from "#src/net/address.ts";
import { formatPrefix } from "#src/net/prefix.ts";
import type { RouteUpdate } from "#src/rib/route.ts";
import { inNamespace, run } from "../common/namespace.ts";
import { Daemon, missingProgram } from "./daemon.ts";
import {
  birdConfiguration,
  exabgpConfiguration,
  frrConfiguration,
  gobgpConfiguration,
  gobgpFamilies,
  openbgpdConfiguration,
} from "./daemon-configuration.ts";
import { type DaemonKind, daemonNamed, exabgpCommand } from "./daemons.ts";
import { type Recorder, recordedSpeaker } from "./recorder.ts";

const IPV4 = { ours: "10.9.0.1", prefix: "203.0.113.10/32" };
const IPV6 = { ours: "fd09::1", prefix: "2001:db8:10::1/128" };
const address = (text: string): Address => parseAddress(text) as Address;

interface DualStackPlan {
  readonly ipv4: string;
  readonly ipv6: string;
}

/** The same daemon with both families, on the address of the plan. */
const DUAL_STACK: Record<string, (plan: DualStackPlan) => DaemonKind> = {
  FRR: () => ({
    ...daemonNamed("FRR"),
    configuration: (plan) => {
      const [{ address: peer }] = plan.peers;
      return frrConfiguration(plan, {
        routerId: "10.9.9.9",
        global: ["no bgp default ipv4-unicast"],
        neighbor: ["ebgp-multihop 2", ...(plan.address.includes(":") ? ["capability extended-nexthop"] : [])],
        ipv4: [`network ${IPV4.prefix}`, `neighbor ${peer} activate`],
        rest: `
 address-family ipv6 unicast
  network ${IPV6.prefix}
  neighbor ${peer} activate
  neighbor ${peer} route-map six out
 exit-address-family
route-map six permit 10
 set ipv6 next-hop global fd09::99`,
      });
    },
  }),
  BIRD: ({ ipv4, ipv6 }) => ({
    ...daemonNamed("BIRD"),
    configuration: (plan) =>
      birdConfiguration(plan, {
        routerId: ipv4,
        protocols: `protocol static six { ipv6; route ${IPV6.prefix} blackhole; }`,
        channels: `
  ipv4 { import none; export all; ${plan.address.includes(":") ? "extended next hop yes; " : ""}next hop self; };
  ipv6 { import none; export all; next hop address ${ipv6}; };`,
      }),
  }),
  GoBGP: ({ ipv4 }) => ({
    ...daemonNamed("GoBGP"),
    configuration: (plan) =>
      gobgpConfiguration(plan, { routerId: "10.9.9.9", neighbor: gobgpFamilies(["ipv4-unicast", "ipv6-unicast"]) }),
    command: (_, path) => ["/usr/bin/gobgpd", "-f", path, "--api-hosts", `${ipv4}:50051`],
    announce: () => ["gobgp", "-u", ipv4, "global", "rib", "-a", "ipv6", "add", IPV6.prefix],
  }),
  ExaBGP: ({ ipv4, ipv6 }) => ({
    ...daemonNamed("ExaBGP"),
    configuration: (plan) => exabgpConfiguration(plan, { routerId: ipv4 }),
    announce: (plan) =>
      exabgpCommand(plan, `announce route ${IPV4.prefix} next-hop ${ipv4}\nannounce route ${IPV6.prefix} next-hop ${ipv6}`),
  }),
  // Of the other family's addresses it takes the first that its interface has, which on loopback is nobody's.
  OpenBGPD: ({ ipv4 }) => ({
    ...daemonNamed("OpenBGPD"),
    configuration: (plan) =>
      openbgpdConfiguration(plan, {
        routerId: ipv4,
        neighbor: ["multihop 2", "announce IPv4 unicast", "announce IPv6 unicast"],
        rest: `network ${IPV6.prefix}\n${plan.address.includes(":") ? `deny to any prefix ${IPV4.prefix}` : ""}`,
      }),
  }),
};

/** Where a neighbor's route to a prefix leads, as the speaker was told. */
function nextHopOf({ updates }: Recorder, from: Address, prefix: string): string | undefined {
  const announces = (update: RouteUpdate) =>
    update.kind === "update" && update.peer.address === from && update.announced.some((each) => formatPrefix(each) === prefix);
  const update = updates.findLast(announces);
  return update?.kind === "update" && update.attributes ? formatAddress(update.attributes.nextHop) : undefined;
}

/** Everything comes up at the same time: most of it is waiting. */
await inNamespace(import.meta.url, () => {
  const cleanUps: (() => unknown)[] = [];
  afterAll(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  });

  run("ip link set lo up");
  run(`ip address add ${IPV4.ours}/32 dev lo`);
  run(`ip address add ${IPV6.ours}/128 dev lo nodad`);
  const speakers = [IPV4, IPV6].map(async ({ ours }) => {
    const recorded = recordedSpeaker({
      asn: 65000,
      routerId: address(IPV4.ours) as number,
      listen: { address: address(ours), port: 179 },
      connectRetrySeconds: 1,
    });
    cleanUps.push(() => recorded.speaker.stop());
    await recorded.speaker.start();
    return recorded;
  });

  async function comeUp(name: string, overIpv6: boolean) {
    const index = Object.keys(DUAL_STACK).indexOf(name) + (overIpv6 ? 12 : 2);
    const plan: DualStackPlan = { ipv4: `10.9.1.${index}`, ipv6: `fd09::1:${index}` };
    run(`ip address add ${plan.ipv4}/32 dev lo`);
    run(`ip address add ${plan.ipv6}/128 dev lo nodad`);
    const [ours, theirs] = overIpv6 ? [IPV6.ours, plan.ipv6] : [IPV4.ours, plan.ipv4];
    const folder = mkdtempSync(join(tmpdir(), "ecmp-families-"));
    cleanUps.push(() => rmSync(folder, { recursive: true, force: true }));
    const { speaker, told, neighbor } = await speakers[overIpv6 ? 1 : 0];
    speaker.addNeighbor({ address: address(theirs), remoteAsn: 65001, localAddress: address(ours), passive: true });
    const kind = (DUAL_STACK[name] as (plan: DualStackPlan) => DaemonKind)(plan);
    const daemonPlan = { address: theirs, asn: 65001, peers: [{ address: ours, asn: 65000 }], prefix: IPV4.prefix, folder };
    const daemon = new Daemon(kind, daemonPlan);
    cleanUps.push(() => daemon.end());
    await daemon.announce();
    const from = address(theirs);
    const hasRoute = () => nextHopOf(told, from, IPV6.prefix) !== undefined;
    await Promise.race([daemon.failed, told.until(`the IPv6 route of ${name}`, hasRoute, 30_000)]);
    return { told, neighbor: () => neighbor(from), theirs, plan };
  }

  const sessions = Object.keys(DUAL_STACK).flatMap((name) => {
    const missing = missingProgram(daemonNamed(name));
    if (missing) test.skip(`${name}: ${missing} is not installed`, () => undefined);
    return missing ? [] : [false, true].map((overIpv6) => ({ name, overIpv6, session: comeUp(name, overIpv6) }));
  });
  for (const { session } of sessions) session.catch(() => undefined);

  test("a speaker without an address of its own listens on both families", async () => {
    const everywhere = recordedSpeaker({ asn: 65000, routerId: 1, listen: { port: 1790 } });
    cleanUps.push(() => everywhere.speaker.stop());
    await everywhere.speaker.start();
    for (const [index, { ours }] of [IPV4, IPV6].entries()) {
      const { speaker, told } = recordedSpeaker({ asn: 65001, routerId: 2 + index });
      cleanUps.push(() => speaker.stop());
      await speaker.start();
      everywhere.speaker.addNeighbor({ address: address(ours), remoteAsn: 65001, passive: true });
      speaker.addNeighbor({ address: address(ours), remoteAsn: 65000, port: 1790 });
      await told.until(`up over ${ours}`, () => told.hasEvent("session-up", address(ours)));
    }
  });

  test.each(sessions)("$name: both families, over IPv6: $overIpv6", { timeout: 60_000 }, async ({ name, overIpv6, session }) => {
    const { told, neighbor, theirs, plan } = await session;
    expect(neighbor()).toMatchObject({
      state: "Established",
      families: [IPV4_UNICAST, IPV6_UNICAST],
      updateFaults: { "treat-as-withdraw": 0, reset: 0 },
    });
    const chosen = overIpv6 ? theirs : expect.any(String);
    const wanted = { FRR: "fd09::99", BIRD: plan.ipv6, GoBGP: chosen, ExaBGP: plan.ipv6, OpenBGPD: chosen }[name];
    expect(nextHopOf(told, address(theirs), IPV6.prefix)).toEqual(wanted);
    if (name === "GoBGP" || (name === "OpenBGPD" && overIpv6)) return;
    await told.until("the IPv4 route", () => nextHopOf(told, address(theirs), IPV4.prefix) !== undefined);
    expect(nextHopOf(told, address(theirs), IPV4.prefix)).toBe(name === "ExaBGP" ? plan.ipv4 : theirs);
  });
});
