/**
 * Who may route between the two cables of the wire bench, one after the other: `start` makes it so, `stop` undoes it. All but
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
import { macOf, setOffloads } from "./wire-network.ts";

const ECMP = new URL("../src/main.js", import.meta.url).pathname;
const FLOOR = new URL("./wire-floor", import.meta.url).pathname;
const NATIVE = fileURLToPath(new URL("../../native-bindings", import.meta.url));
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
      const ports = ["in0", "out0"].map((link) => `{interface: ${link}, kind: ${kind}}`).join(", ");
      writeFileSync(ROUTER_FILE, `{ports: [${ports}], ${settings}}\n`);
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
      const addresses = ["10.0.1.1", "10.0.2.1"].map((text) => parseAddress(text) ?? 0);
      const rule = renderIngressRule({ table, interfaces: ["in0", "out0"], addresses });
      await execute(inNamespace("router", ["nft", "-f", "-"]), rule);
      const words = ["in0", await macOf("router", "in0"), await macOf("source", "out")];
      words.push("out0", await macOf("router", "out0"), await macOf("sink", "in"));
      daemon = await Daemon.start("floor", inNamespace("router", [FLOOR, ...words]));
      await daemon.untilLine("ready", systemClock, START_DEADLINE_MS);
    },
    async stop() {
      await daemon?.stop(systemClock);
      await sh("router", `nft delete table netdev ${table}`);
    },
  };
}

/** Open vSwitch with its datapath in user space: two flows that do what a router does with these packets. */
export function createOpenVswitch(): Contender {
  const folder = "/run/ovs";
  const database = `unix:${folder}/db.sock`;
  const daemons: Daemon[] = [];
  const inside = (...command: string[]): string[] => inNamespace("router", ["env", `OVS_RUNDIR=${folder}`, ...command]);
  const serve = async (name: string, ...command: string[]): Promise<void> =>
    void daemons.push(await Daemon.start(name, inside(...command)));
  const route = async (to: string, by: string, host: string, far: string): Promise<string> =>
    `ip,nw_dst=${to},actions=dec_ttl,mod_dl_src:${await macOf("router", by)},mod_dl_dst:${await macOf(host, far)},output:${by}`;
  return {
    name: "Open vSwitch, user space",
    optional: true,
    async start() {
      await setOffloads("off");
      await execute(["mkdir", "-p", folder]);
      await execute(["ovsdb-tool", "create", `${folder}/conf.db`, "/usr/share/openvswitch/vswitch.ovsschema"]);
      await serve("ovsdb-server", "ovsdb-server", `--remote=p${database}`, `${folder}/conf.db`);
      await serve("ovs-vswitchd", "ovs-vswitchd", database);
      const bridge =
        "add-br br0 -- set bridge br0 datapath_type=netdev fail-mode=secure -- add-port br0 in0 -- add-port br0 out0";
      await execute(inside("ovs-vsctl", `--db=${database}`, "--retry", "--timeout=30", ...bridge.split(" ")));
      // What is for the router itself (ARP, ping) stays the kernel's, who sees these frames too.
      await execute(inside("ovs-ofctl", "add-flow", "br0", await route("10.0.2.2", "out0", "sink", "in")));
      await execute(inside("ovs-ofctl", "add-flow", "br0", await route("10.0.1.2", "in0", "source", "out")));
    },
    async stop() {
      if (daemons.length > 1) await execute(inside("ovs-vsctl", `--db=${database}`, "--timeout=30", "del-br", "br0"));
      for (const daemon of daemons.splice(0).reverse()) await daemon.stop(systemClock);
      await execute(["rm", "-rf", folder]);
      await setOffloads("on");
    },
  };
}
