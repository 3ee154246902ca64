/**
 * Who may route between the cables of the wire bench, one after the other: `start` makes it so, `stop` undoes it. All but
 * the kernel read frames from packet sockets, and so need it to leave these frames alone.
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { inNamespace } from "../src/lab/namespace.ts";
import { Daemon, execute } from "../src/lab/process.ts";
import { parseAddress } from "../src/net/address.ts";
import { systemClock } from "../src/net/clock.ts";
import { renderIngressRule } from "../src/port/ingress-rule.ts";
import { sh } from "./namespaces.ts";
import { macOf, NODES, SERVICE, setOffloads } from "./wire-network.ts";

const ECMP = new URL("../src/main.js", import.meta.url).pathname;
const FLOOR = new URL("./wire-floor", import.meta.url).pathname;
const NATIVE = fileURLToPath(new URL("../../native-bindings", import.meta.url));
const PORTS = ["in0", ...NODES.map(({ port }) => port)];
const ROUTER_FILE = "/run/router.yaml";
const START_DEADLINE_MS = 60_000;

export interface Contender {
  readonly name: string;
  /** What it needs may be absent; then it is left out, by name. */
  readonly optional?: boolean;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export const kernel: Contender = {
  name: "kernel",
  start: async () => void (await sh("router", "echo 1 > /proc/sys/net/ipv4/ip_forward")),
  stop: async () => void (await sh("router", "echo 0 > /proc/sys/net/ipv4/ip_forward")),
};

/** `settings`: of the configuration, beside the ports, which are of that kind. */
export function createOurs(name: string, settings: string, kind = "packet-ring") {
  let daemon: Daemon | undefined;
  return {
    name,
    pid: () => daemon?.pid ?? 0,
    async start() {
      const ports = PORTS.map((link) => `{interface: ${link}, kind: ${kind}}`).join(", ");
      const nextHops = NODES.map(({ address }) => `{address: ${address}}`).join(", ");
      const routes = `{prefix: ${SERVICE}/32, nextHops: [${nextHops}]}`;
      writeFileSync(ROUTER_FILE, `{ports: [${ports}], routes: [${routes}], ${settings}}\n`);
      daemon = await Daemon.start("router", inNamespace("router", [process.execPath, ECMP, "run", ROUTER_FILE]));
      await daemon.untilLine("ready", systemClock, START_DEADLINE_MS);
    },
    async stop() {
      await daemon?.stop(systemClock);
    },
  };
}

/** The same router over libpcap. */
export function createPcapLive(): Contender {
  const router = createOurs("pcap-live", "workers: 1", "pcap-live");
  return {
    name: router.name,
    optional: true,
    async start() {
      await setOffloads("off");
      await router.start();
    },
    async stop() {
      await router.stop();
      await setOffloads("on");
    },
  };
}

/** The router's own rings without the router (bench/wire-floor.cc). */
export function createFloor(): Contender {
  const table = "wire_floor";
  let daemon: Daemon | undefined;
  return {
    name: "floor",
    async start() {
      await execute(["make", "--silent", "-C", NATIVE, "floor"]);
      const addresses = ["10.0.1.1", ...NODES.map(({ gateway }) => gateway)].map((text) => parseAddress(text) ?? 0);
      const rule = renderIngressRule({
        table,
        interfaces: PORTS.map((name) => ({ name, isTagged: false })),
        addresses,
        linkLocals: [],
      });
      await execute(inNamespace("router", ["nft", "-f", "-"]), rule);
      const words = ["in0", await macOf("router", "in0"), await macOf("source", "out")];
      for (const { name, port } of NODES) words.push(port, await macOf("router", port), await macOf(name, "in"));
      daemon = await Daemon.start("floor", inNamespace("router", [FLOOR, ...words]));
      await daemon.untilLine("ready", systemClock, START_DEADLINE_MS);
    },
    async stop() {
      await daemon?.stop(systemClock);
      await sh("router", `nft delete table netdev ${table}`);
    },
  };
}

/**
 * Open vSwitch with its datapath in user space: flows, and a group of three buckets, that do what a router does with these
 * packets.
 */
export function createOpenVswitch(): Contender {
  const folder = "/run/ovs";
  const database = `unix:${folder}/db.sock`;
  const daemons: Daemon[] = [];
  const inside = (...command: string[]): string[] => inNamespace("router", ["env", `OVS_RUNDIR=${folder}`, ...command]);
  const serve = async (name: string, ...command: string[]): Promise<void> =>
    void daemons.push(await Daemon.start(name, inside(...command)));
  const control = (command: string, words: string): Promise<string> =>
    execute(inside("ovs-ofctl", "-O", "OpenFlow15", command, "br0", words));
  const hop = async (by: string, host: string, far: string): Promise<string> =>
    `dec_ttl,set_field:${await macOf("router", by)}->eth_src,set_field:${await macOf(host, far)}->eth_dst,output:${by}`;
  return {
    name: "Open vSwitch, user space",
    optional: true,
    async start() {
      await setOffloads("off");
      await execute(["mkdir", "-p", folder]);
      await execute(["ovsdb-tool", "create", `${folder}/conf.db`, "/usr/share/openvswitch/vswitch.ovsschema"]);
      await serve("ovsdb-server", "ovsdb-server", `--remote=p${database}`, `${folder}/conf.db`);
      await serve("ovs-vswitchd", "ovs-vswitchd", database);
      const bridge = "add-br br0 -- set bridge br0 datapath_type=netdev fail-mode=secure protocols=OpenFlow15";
      const ports = PORTS.flatMap((port) => ["--", "add-port", "br0", port]);
      await execute(inside("ovs-vsctl", `--db=${database}`, "--retry", "--timeout=30", ...bridge.split(" "), ...ports));
      // What is for the router itself (ARP, ping) stays the kernel's, who sees these frames too.
      await control("add-flow", `ip,nw_dst=10.0.1.2,actions=${await hop("in0", "source", "out")}`);
      const hops = await Promise.all(NODES.map(({ port, name }) => hop(port, name, "in")));
      for (const [i, { address }] of NODES.entries()) await control("add-flow", `ip,nw_dst=${address},actions=${hops[i]}`);
      await control("add-group", `group_id=1,type=select,${hops.map((actions) => `bucket=actions=${actions}`).join(",")}`);
      await control("add-flow", `ip,nw_dst=${SERVICE},actions=group:1`);
    },
    async stop() {
      if (daemons.length > 1) await execute(inside("ovs-vsctl", `--db=${database}`, "--timeout=30", "del-br", "br0"));
      for (const daemon of daemons.splice(0).reverse()) await daemon.stop(systemClock);
      await execute(["rm", "-rf", folder]);
      await setOffloads("on");
    },
  };
}
