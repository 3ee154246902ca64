/**
 * A Linux router in our place, as people build it today: FRR learns the routes, the kernel spreads flows over them by its own
 * ECMP (legacy routes, no next-hop objects; or the resilient groups of an agent beside it). Its view answers as that of our
 * router does, so a lab is played and forecast in the same way: the kernel's table, in the kernel's order, decided upon by the
 * profiles `linux-*` with the kernel's own seed.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { readConfig } from "../config/read.ts";
import { stateOfConfig } from "../experiment/configured.ts";
import type { FibState, GroupState } from "../fib/state.ts";
import { formatAddress } from "../net/address.ts";
import type { Clock } from "../net/clock.ts";
import { formatFlow } from "../net/flow.ts";
import { EventLog } from "./event-log.ts";
import { LabFailure } from "./failure.ts";
import type { Lab, RouterNode } from "./lab.ts";
import type { LabRouter, LabView } from "./lab-router.ts";
import { executeUntilDone } from "./namespace.ts";
import { flowSets, noteFlow, readFlowSets } from "./packet-record.ts";
import { type Place, placeOf } from "./place.ts";
import { Daemon, execute } from "./process.ts";
import { ResilientAgent } from "./resilient-agent.ts";
import type { LinuxRouterSettings } from "./router-settings.ts";
import type { PeerSummary, RouteSummary } from "./router-view.ts";
import { frrDaemon, frrReady, vtyshFile } from "./speaker/frr.ts";
import { SPEAKERS } from "./speaker/kinds.ts";

const READY_DEADLINE_MS = 60_000;

/** Our table of nftables in the router's namespace. */
const RECORD = "lab-record";

export class LinuxRouter implements LabRouter {
  readonly node: RouterNode;
  readonly view: LabView;
  readonly #daemons: readonly Daemon[];
  readonly #place: Place;
  readonly #agent: ResilientAgent | undefined;

  private constructor(
    node: RouterNode,
    view: LabView,
    daemons: readonly Daemon[],
    place: Place,
    agent: ResilientAgent | undefined,
  ) {
    this.node = node;
    this.view = view;
    this.#daemons = daemons;
    this.#place = place;
    this.#agent = agent;
  }

  static async start(clock: Clock, lab: Lab, settings: LinuxRouterSettings, directory: string): Promise<LinuxRouter> {
    const place = placeOf(lab.router.name);
    const folder = `${directory}/${lab.router.name}`;
    await mkdir(folder, { recursive: true });
    await writeFile(`${folder}/frr.conf`, renderRouterFrrConf(lab));
    await writeFile(`${folder}/vtysh.conf`, "service integrated-vtysh-config\n");
    await setSysctls(place, settings);
    await execute(place(["nft", "-f", "-"]), recordDepartures(lab));
    const monitor = await Daemon.start("ip monitor", place(["ip", "-oneline", "monitor", "route"]));
    const zebra = await Daemon.start("zebra", place(frrDaemon(folder, "zebra")));
    const bgpd = await Daemon.start("bgpd", place(frrDaemon(folder, "bgpd")));
    for (const command of [...frrReady(folder), vtyshFile(folder)]) {
      await executeUntilDone(clock, place(command), READY_DEADLINE_MS);
    }
    const agent = settings.resilientBuckets === undefined ? undefined : new ResilientAgent(place, settings.resilientBuckets);
    await agent?.start();
    const view = followKernel(clock, lab, place, folder, settings, monitor, agent);
    return new LinuxRouter(lab.router, view, [bgpd, zebra, monitor], place, agent);
  }

  lastLines = (count: number): string[] => this.#daemons[0].lastLines(count);

  async stop(clock: Clock): Promise<void> {
    await Promise.all(this.#daemons.map((daemon) => daemon.stop(clock)));
    // Packets are the next router's, which may be ours.
    await execute(this.#place(["sysctl", "--quiet", "--write", "net.ipv4.ip_forward=0"]));
    await execute(this.#place(["ip", "route", "flush", "proto", "bgp"]));
    await this.#agent?.stop();
    await execute(this.#place(["nft", "delete", "table", "netdev", RECORD]));
  }
}

async function setSysctls(place: Place, { policy, fields, seed }: LinuxRouterSettings): Promise<void> {
  const values = {
    ip_forward: 1,
    fib_multipath_hash_policy: policy,
    ...(fields === undefined ? {} : { fib_multipath_hash_fields: fields }),
    fib_multipath_hash_seed: seed,
  };
  const words = Object.entries(values).map(([name, value]) => `net.ipv4.${name}=${value}`);
  try {
    await execute(place(["sysctl", "--quiet", "--write", ...words]));
  } catch (error) {
    throw new LabFailure("Linux router", (error as Error).message, "Linux 6.11 or later, whose multipath hash has a seed to set");
  }
}

/** The kernel notes every flow with the neighbor it sent it to, behind all of its choices. */
function recordDepartures({ router }: Lab): string {
  const devices = router.ports.map((port) => port.interface).join(", ");
  return `table netdev ${RECORD} {
  ${flowSets("departures", "ether_addr")}
  chain egress {
    type filter hook egress devices = { ${devices} } priority 0;
    ${noteFlow("departures", "ether daddr")}
  }
}
`;
}

interface KernelNeighbor {
  readonly dst: string;
  readonly lladdr?: string;
}

async function readDepartures(lab: Lab, place: Place): Promise<Map<string, Set<string>>> {
  const neighbors = JSON.parse(await execute(place(["ip", "-json", "neighbor", "show"]))) as readonly KernelNeighbor[];
  const nodes = new Set(lab.nodes.map(({ address }) => formatAddress(address.address)));
  const nodeOf = new Map(neighbors.flatMap(({ dst, lladdr }) => (lladdr && nodes.has(dst) ? [[lladdr, dst]] : [])));
  const departures = new Map<string, Set<string>>();
  for (const { flow, columns } of await readFlowSets(place, RECORD, "departures")) {
    const [name, node] = [formatFlow(flow), nodeOf.get(columns[0])];
    if (node) departures.set(name, (departures.get(name) ?? new Set()).add(node));
  }
  return departures;
}

function followKernel(
  clock: Clock,
  lab: Lab,
  place: Place,
  folder: string,
  settings: LinuxRouterSettings,
  monitor: Daemon,
  agent: ResilientAgent | undefined,
): LabView {
  const events = new EventLog(clock);
  const routes = async () => readKernelRoutes(await execute(place(["ip", "-json", "route", "show", "proto", "bgp"])));
  let following: Promise<unknown> = Promise.resolve();
  const follow = async () => {
    await agent?.install(await routes());
    events.add({ atMs: clock.nowMs(), kind: "converged" });
  };
  monitor.onLine((line) => {
    if (!line.includes("proto bgp")) return;
    following = following.then(follow).catch((error: Error) => events.end(error));
  });
  return {
    events,
    routes: async (prefix) => (await routes()).filter((route) => route.prefix === prefix),
    summary: async () => {
      const words = ["vtysh", "--vty_socket", folder, "-d", "bgpd", "-c", "show bgp ipv4 unicast summary json"];
      const said = JSON.parse(await execute(place(words))) as { peers?: Record<string, PeerSummary> };
      return said.peers ?? {};
    },
    departures: () => readDepartures(lab, place),
    groups: async () => {
      const state = linuxState(settings, await routes());
      await following;
      return agent ? await withBuckets(agent, state) : state;
    },
  };
}

/** The same with the kernel's own buckets: whose they are depends on who came when. */
async function withBuckets(agent: ResilientAgent, state: FibState): Promise<FibState> {
  const selector = { name: "linux-resilient", buckets: agent.buckets, idleTimerSeconds: 0 };
  const groups = state.groups.map(async ({ id, prefixes, members }): Promise<GroupState> => {
    const addresses = await agent.owners(prefixes[0]);
    const owners = addresses.map((owner) => members.findIndex(({ address }) => address === owner));
    const shared = members.map((member, index) => ({ ...member, share: owners.filter((owner) => owner === index).length }));
    return { id, prefixes, members: shared, reduction: "buckets", owners };
  });
  return { ...state, selector, groups: await Promise.all(groups) };
}

interface KernelRoute {
  readonly dst: string;
  readonly gateway?: string;
  readonly nexthops?: readonly { readonly gateway: string; readonly weight: number }[];
}

/** In the kernel's order, which is what it deals by. */
export function readKernelRoutes(json: string): RouteSummary[] {
  return (JSON.parse(json || "[]") as KernelRoute[]).map(({ dst, gateway, nexthops }) => ({
    prefix: dst.includes("/") ? dst : `${dst}/32`,
    nextHops: nexthops?.map(({ gateway: address, weight }) => ({ address, weight })) ?? [{ address: gateway ?? "", weight: 1 }],
  }));
}

/** Of a kernel with these settings, as our own configuration says it. */
export function linuxState({ policy, fields, seed }: LinuxRouterSettings, routes: readonly RouteSummary[]): FibState {
  const profile = { 0: "linux-l3", 1: "linux-l4", 3: "linux-custom" }[policy];
  const ecmp = {
    profile,
    seed,
    memberOrder: "configured",
    ...(policy === 3 && fields !== undefined ? { fields } : {}),
  };
  const config = readConfig(JSON.stringify({ ports: [{ interface: "none" }], ecmp, routes }));
  if ("config" in config) return stateOfConfig(config.config);
  throw new Error(`a kernel's routes are no configuration: ${JSON.stringify(config.mistakes)}`);
}

/** Listens and dials like any leaf switch; takes the services' addresses only, as our router is told to. */
export function renderRouterFrrConf(lab: Lab): string {
  const { asn, holdTimeSeconds, maximumPaths, ports } = lab.router;
  const id = formatAddress(ports[ports.length - 1].address.address);
  const neighbors = lab.nodes.flatMap((node) => {
    const address = formatAddress(node.address.address);
    const lines = [`  neighbor ${address} remote-as ${node.asn}`];
    // MetalLB dials; a speaker that listens is dialed.
    if (!SPEAKERS[node.kind].listens) lines.push(`  neighbor ${address} passive`);
    return [
      ...lines,
      `  neighbor ${address} timers ${Math.floor(holdTimeSeconds / 3)} ${holdTimeSeconds}`,
      `  neighbor ${address} timers connect 1`,
    ];
  });
  return `log stdout informational
hostname ${lab.router.name}
bgp route-map delay-timer 0
no zebra nexthop kernel enable

router bgp ${asn}
  bgp router-id ${id}
  no bgp ebgp-requires-policy
${neighbors.join("\n")}
  address-family ipv4 unicast
    maximum-paths ${maximumPaths}
  exit-address-family
`;
}
