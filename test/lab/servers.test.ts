/** A name server and an ingress in a lab: dnsmasq and HAProxy themselves, their clients told and their pods gone. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { loadLab } from "#src/lab/catalog.ts";
import { renderHaproxy } from "#src/lab/ingress.ts";
import { podsOf, serviceNamed } from "#src/lab/lab.ts";
import type { Step } from "#src/lab/scenario.ts";
import { serviceAt, targetName } from "#src/lab/traffic.ts";
import { entryNode } from "#src/lab/witness.ts";
import { canRunLabs, LAB_DEADLINE_MS, runScenario } from "./run-lab.ts";

const FOLDER = fileURLToPath(new URL("./fixtures/servers", import.meta.url));
const lab = loadLab(`${FOLDER}/lab.yaml`);
const has = (program: string): boolean => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;

describe("a name", () => {
  const timeline: Step[] = [{ atSeconds: 0.5, name: "www.example.test", to: "second" }];

  it("leads to its service, and after a move to the other", () => {
    const at = (atMs: number) => serviceAt(lab, timeline, "www.example.test", atMs).name;
    expect([Number.NEGATIVE_INFINITY, 499, 500, 9000].map(at)).toEqual(["first", "first", "second", "second"]);
    expect(serviceAt(lab, timeline, "all", 9000).name).toBe("all");
  });

  it("is asked for at its server; a service is not asked for", () => {
    expect(targetName(lab, "www.example.test")).toEqual({ name: "www.example.test", server: "10.0.2.1", family: "ipv4" });
    expect(targetName(lab, "all")).toBeUndefined();
  });
});

describe("an ingress", () => {
  const ingress = serviceNamed(lab, "ingress");

  it("is one to a node, whatever pods there are, and is known to them by its own address", () => {
    expect(podsOf(lab, ingress).map(({ name }) => name)).toEqual(["n1-a"]);
    expect(entryNode(lab, ingress, "10.0.1.2", { pod: "n2-a", sourceSeen: "10.244.1.2" })).toBe("n1");
    expect(entryNode(lab, ingress, "10.0.1.2", { pod: "n2-a", sourceSeen: "10.0.0.11" })).toBeUndefined();
  });

  it.skipIf(!has("haproxy")).each([
    ["ingress", "all", 8080],
    ["web-ingress", "web", 8083],
  ])("has a configuration that HAProxy takes without a warning: %s", (name, behind, port) => {
    const folder = mkdtempSync(`${tmpdir()}/ecmp-ingress-`);
    try {
      const text = renderHaproxy(lab, serviceNamed(lab, name), serviceNamed(lab, behind), podsOf(lab, ingress)[0]);
      writeFileSync(`${folder}/haproxy.cfg`, text);
      expect(text.match(/^ {2}server \S+ \S+$/gm)).toEqual([
        `  server n1-a 10.244.1.2:${port}`,
        `  server n1-b 10.244.1.3:${port}`,
        `  server n2-a 10.244.2.2:${port}`,
      ]);
      expect(spawnSync("haproxy", ["-c", "-q", "-f", `${folder}/haproxy.cfg`], { encoding: "utf8" })).toMatchObject({
        status: 0,
        stdout: "",
        stderr: "",
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe.skipIf(!canRunLabs || !has("haproxy") || !has("dnsmasq"))("a lab with dnsmasq and HAProxy", () => {
  it("moves whom it tells another address, and keeps who is connected to the ingress", { timeout: LAB_DEADLINE_MS }, async () => {
    const { strategies, stderr } = await runScenario(`${FOLDER}/scenario.yaml`);
    expect(
      strategies.map(({ strategy }) => strategy),
      stderr,
    ).toEqual(["moved", "ingress"]);
    for (const { unexplained, verdicts } of strategies) {
      expect(unexplained).toEqual([]);
      expect(verdicts.filter(({ holds }) => !holds)).toEqual([]);
    }
    const [moved, ingress] = strategies;
    // Who is connected asks nobody, and comes back by the name.
    expect(moved.connections).toMatchObject({ opened: 20, broken: 20, forecast: 20, perNode: { n1: 20, n2: 0 } });
    expect(moved.recoverMs).not.toBeNull();
    expect(moved.requests.count).toBeGreaterThan(50);
    expect(moved.requests).toMatchObject({ forecast: 0, failed: 0 });

    // HAProxy deals to its servers in turn: a third of them is on n2.
    expect(ingress.connections).toMatchObject({ opened: 30, broken: 10, forecast: 10, forecastByPod: 10, perNode: { n1: 30 } });
    // By HTTP whoever asked a pod that went is answered by another.
    expect(ingress.requests.count).toBeGreaterThan(30);
    expect(ingress.requests).toMatchObject({ forecast: 0, failed: 0 });
  });
});
