/**
 * Everything a lab writes for others to read, golden (`vitest -u` writes it anew; a reviewer reads the difference), and read
 * by those others: the real BIRD, GoBGP, FRR and nft, and our own `ecmp check`.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterAll, describe, expect, it } from "vitest";
import { readConfig } from "#src/config/read.ts";
import { loadLab } from "#src/lab/catalog.ts";
import { renderKubeProxy } from "#src/lab/kube-proxy.ts";
import { renderRouterConfig } from "#src/lab/router-config.ts";
import { renderBirdConf } from "#src/lab/speaker/bird.ts";
import { exabgp } from "#src/lab/speaker/exabgp.ts";
import { renderFrrConf } from "#src/lab/speaker/frr.ts";
import { renderMetallbConf } from "#src/lab/speaker/frr-metallb.ts";
import { renderGobgpToml } from "#src/lab/speaker/gobgp.ts";
import { renderOpenbgpdConf } from "#src/lab/speaker/openbgpd.ts";
import { planSpeaker } from "#src/lab/speakers.ts";
import { describeTopology, planTopology } from "#src/lab/topology.ts";

const lab = loadLab("metallb-bgp");
const [n1, n2, n3, n4] = lab.nodes;
const plan = (node: typeof n1) => planSpeaker(lab, node, `/run/lab/${node.name}`);
const expected = (name: string) => `${import.meta.dirname}/expected/${name}`;

const directory = mkdtempSync(`${tmpdir()}/ecmp-lab-render-`);
afterAll(() => rmSync(directory, { recursive: true }));

/** Writes `text` and hands its path to a program that says what it thinks of it: an error throws with its words. */
function judgedBy(text: string, ...command: string[]): string {
  const path = `${directory}/file`;
  // OpenBGPD takes no file that others may read.
  writeFileSync(path, text, { mode: 0o600 });
  return execFileSync(command[0], [...command.slice(1), path], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

const asRoot = (...command: string[]) =>
  process.getuid?.() === 0 ? ["unshare", "--net", ...command] : ["unshare", "--user", "--map-root-user", "--net", ...command];

describe("a speaker's configuration", () => {
  it("of FRR is what MetalLB renders", async () => {
    await expect(renderMetallbConf(plan(n1))).toMatchFileSnapshot(expected("n1-frr.conf"));
  });

  it("of FRR by hand has no word of policy", async () => {
    const text = renderFrrConf(plan(n1));
    await expect(text).toMatchFileSnapshot(expected("n1-frr-by-hand.conf"));
    expect(text).not.toMatch(/route-map \S+ (permit|in|out)|prefix-list/);
  });

  it.each([
    ["MetalLB's", renderMetallbConf],
    ["one by hand", renderFrrConf],
  ])("of FRR is taken whole by vtysh: %s", (_, render) => {
    const asked = { ...lab, router: { ...lab.router, bfd: { intervalMs: 100, multiplier: 3 }, gracefulRestart: true } };
    const text = render(planSpeaker(asked, n1, "/run/lab/n1"));
    expect(text).toContain("neighbor 10.0.0.1 bfd profile lab\n");
    expect(text).toContain("neighbor 10.0.0.1 graceful-restart\n");
    for (const each of [render(plan(n1)), text]) {
      expect(judgedBy(each, "vtysh", "--dryrun", "--inputfile")).not.toMatch(/%|rror/);
    }
  });

  it("of BIRD announces both services, and BIRD takes it", async () => {
    const text = renderBirdConf(plan(n3));
    await expect(text).toMatchFileSnapshot(expected("n3-bird.conf"));
    judgedBy(text, "/usr/sbin/bird", "-p", "-c");
  });

  it("of GoBGP waits for the router, and GoBGP takes it", async () => {
    const text = renderGobgpToml(plan(n4));
    await expect(text).toMatchFileSnapshot(expected("n4-gobgp.toml"));
    judgedBy(text, "gobgpd", "--dry-run", "--config-file");
  });

  it("of OpenBGPD waits for the router, and OpenBGPD takes it", async () => {
    const other: typeof n4 = { ...n4, kind: "openbgpd" };
    const text = renderOpenbgpdConf(planSpeaker({ ...lab, nodes: [n1, n2, n3, other] }, other, "/run/lab/n4"));
    expect(text).toContain("neighbor 10.0.0.1");
    await expect(text).toMatchFileSnapshot(expected("n4-openbgpd.conf"));
    judgedBy(text, "/usr/sbin/bgpd", "-n", "-f");
  });
});

describe("a speaker's configuration with link bandwidths", () => {
  const weights = loadLab("weights");
  const planOf = (kind: string) => {
    const node = weights.nodes.find((each) => each.kind === kind);
    if (!node) throw new Error(`the lab weights has no ${kind}`);
    return planSpeaker(weights, node, directory);
  };

  it.each([
    ["MetalLB's", renderMetallbConf, "weights-frr.conf"],
    ["one by hand", renderFrrConf, "weights-frr-by-hand.conf"],
  ])("of FRR is taken whole by vtysh: %s", async (_, render, golden) => {
    const text = render(planOf("frr-metallb"));
    await expect(text).toMatchFileSnapshot(expected(golden));
    expect(judgedBy(text, "vtysh", "--dryrun", "--inputfile")).not.toMatch(/%|rror/);
  });

  it("of BIRD is taken by BIRD", async () => {
    const text = renderBirdConf(planOf("bird"));
    await expect(text).toMatchFileSnapshot(expected("weights-bird.conf"));
    judgedBy(text, "/usr/sbin/bird", "-p", "-c");
  });

  it("of ExaBGP is a file and the commands that announce", async () => {
    const files = exabgp.files({ ...planOf("exabgp"), directory: "/run/lab/n4" });
    await expect(files["exabgp.conf"]).toMatchFileSnapshot(expected("weights-exabgp.conf"));
    expect(files.commands).toBe(
      "announce route 198.51.100.10/32 next-hop self extended-community [ 0x0004fc004c3ebc20 ]\n" +
        "announce route 198.51.100.20/32 next-hop self\n",
    );
  });
});

describe("a speaker's configuration for both families", () => {
  const dual = loadLab("dual-stack");
  const planOf = (index: number) => planSpeaker(dual, dual.nodes[index], `/run/lab/${dual.nodes[index].name}`);

  it.each([
    ["MetalLB's", renderMetallbConf, "dual-frr.conf"],
    ["one by hand", renderFrrConf, "dual-frr-by-hand.conf"],
  ])("of FRR has an address family each, and vtysh takes it: %s", async (_, render, golden) => {
    const text = render(planOf(0));
    await expect(text).toMatchFileSnapshot(expected(golden));
    expect(judgedBy(text, "vtysh", "--dryrun", "--inputfile")).not.toMatch(/%|rror/);
  });

  it("of BIRD has a channel each, and BIRD takes it", async () => {
    const text = renderBirdConf(planOf(1));
    await expect(text).toMatchFileSnapshot(expected("dual-bird.conf"));
    judgedBy(text, "/usr/sbin/bird", "-p", "-c");
  });

  it("of GoBGP names both, and GoBGP takes it", () => {
    const text = renderGobgpToml(planOf(2));
    expect(text).toContain('afi-safi-name = "ipv6-unicast"');
    judgedBy(text, "gobgpd", "--dry-run", "--config-file");
  });

  it("of ExaBGP says the next hop where `self` would be none", () => {
    const { "exabgp.conf": text, commands } = exabgp.files(planOf(3));
    expect(text).toContain("ipv6 unicast;");
    expect(commands).toContain("announce route 2001:db8:5::10/128 next-hop 2001:db8::14\n");
  });

  it("goes with kube-proxy's rules of both, which nft takes", async () => {
    const text = renderKubeProxy(dual, dual.nodes[0]);
    await expect(text).toMatchFileSnapshot(expected("dual-kube-proxy.nft"));
    judgedBy(text, ...asRoot("/usr/sbin/nft", "--check", "--file"));
  });
});

describe("kube-proxy's rules", () => {
  it.each([
    ["a node with pods of both services", n1],
    ["a node without a pod of the Local service", n2],
  ])("of %s are as kube-proxy writes them, and nft takes them", async (_, node) => {
    const text = renderKubeProxy(lab, node);
    await expect(text).toMatchFileSnapshot(expected(`${node.name}-kube-proxy.nft`));
    judgedBy(text, ...asRoot("/usr/sbin/nft", "--check", "--file"));
  });
});

describe("the router's configuration", () => {
  it.each(lab.experiment.selectors.map((selector) => [selector.name, selector] as const))(
    "with selector %s is golden, and the router's own schema takes it",
    async (name, selector) => {
      const text = renderRouterConfig(lab, lab.router, { hash: lab.experiment.hash, selector }, "by interface");
      await expect(text).toMatchFileSnapshot(expected(`router-${name}.yaml`));
      expect(readConfig(text)).toHaveProperty("config");
    },
  );
});

describe("the topology", () => {
  it("is golden, as what `ip -batch` reads", async () => {
    await expect(describeTopology(planTopology(lab))).toMatchFileSnapshot(expected("topology.txt"));
  });
});
