/**
 * An exported topology played to its end on what containerlab would make of it: a namespace a node, with its links, settings and
 * commands, and a process tree of its own. The lab `behind-nat`, because there the most machines have to find each other: its
 * clients ask the router and the NAT through the folder that they share.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { loadLab } from "#src/lab/catalog.ts";
import { renderContainerlab } from "#src/lab/containerlab.ts";
import { canRunLabs, LAB_DEADLINE_MS } from "./run-lab.ts";
import { MAIN } from "./users.ts";

interface Topology {
  readonly nodes: Record<string, { readonly exec: readonly string[]; readonly sysctls?: Record<string, number> }>;
  readonly links: readonly { readonly endpoints: readonly [string, string]; readonly mtu: number }[];
}

const TREE = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"];
const AS_ROOT = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];

/**
 * What a shell does of it: the last line of its input is the word to begin the event. Each line that a node says has its name
 * before it.
 */
function toScript({ nodes, links }: Topology, eventNode: string): string {
  const create = links.map(({ endpoints, mtu }) => {
    const [a, b] = endpoints.map((end) => end.split(":"));
    return `ip link add ${a[1]} netns ${a[0]} mtu ${mtu} type veth peer name ${b[1]} netns ${b[0]} mtu ${mtu}`;
  });
  const start = Object.entries(nodes).map(([name, { exec, sysctls = {} }]) => {
    const settings = Object.entries(sysctls).map(([key, value]) => `sysctl -qw ${key}=${value}`);
    const first = [...settings, ...exec, "exec sleep infinity"].join("\n");
    const container = ["nsenter", `--net=/run/netns/${name}`, "unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
    return `${container.join(" ")} sh -ec ${quote(first)} 2>&1 | sed -u 's/^/${name}: /' &`;
  });
  return `set -e
mount -t tmpfs lab /run
mkdir /run/netns /run/ecmp
ip link set lo up
${Object.keys(nodes)
  .map((name) => `ip netns add ${name}`)
  .join("\n")}
${create.join("\n")}
${start.join("\n")}
read word
for pid in $(pgrep -f "lab play \\S+ ${eventNode}$"); do
  kill -USR1 $pid
done
wait
`;
}

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

describe.skipIf(!canRunLabs)("an exported containerlab topology", () => {
  it("ends as forecast, with every machine playing its own part", { timeout: LAB_DEADLINE_MS }, async () => {
    const lab = loadLab("behind-nat");
    const { topology } = parse(renderContainerlab(lab)) as { topology: Topology };
    const folder = mkdtempSync(`${tmpdir()}/ecmp-clab-`);
    writeFileSync(`${folder}/ecmp`, `#!/bin/sh\nexec ${process.execPath} ${MAIN} "$@"\n`, { mode: 0o755 });
    const env = { ...process.env, PATH: `${folder}:${process.env.PATH}:/usr/sbin:/sbin` };
    const script = toScript(topology, lab.experiment.event.node);
    const tree = spawn("unshare", [...AS_ROOT, ...TREE, "sh", "-c", script], { env, stdio: ["pipe", "pipe", "pipe"] });
    const said: string[] = [];
    tree.stderr.setEncoding("utf8").on("data", (text: string) => said.push(text));
    try {
      const broken = await new Promise<string>((resolve, reject) => {
        createInterface({ input: tree.stdout }).on("line", (line) => {
          said.push(line);
          if (/^client: .*waiting/.test(line)) tree.stdin.write("event\n");
          if (/^client: broken/.test(line)) resolve(line);
        });
        tree.on("exit", () => reject(new Error("the tree ended")));
        tree.on("error", reject);
      });
      const [, observed, opened, forecast] = /broken +(\d+) of (\d+) \(forecast (\d+)/.exec(broken) ?? [];
      expect({ opened, observed }).toEqual({ opened: "60", observed: forecast });
      expect(Number(observed)).toBeGreaterThan(0);
      expect(said.find((line) => line.startsWith("client: connections"))).toContain("(explained once nat had said");
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${said.join("\n")}`);
    } finally {
      tree.kill("SIGKILL");
      rmSync(folder, { recursive: true });
    }
  });
});
