/**
 * The scenario `many-connections` on real parts, with fewer of them; what is told of each connection; and how the load client deals
 * them to several processes, which only many more would make it do.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterAll, describe, expect, it } from "vitest";
import { Load } from "#src/lab/load.ts";
import { here } from "#src/lab/place.ts";
import { PodServer } from "#src/lab/pod.ts";
import { parseDisorder } from "#src/lab/socket-disorder.ts";
import { systemClock } from "#src/net/clock.ts";
import { canRunLabs, LAB_DEADLINE_MS, runScenario } from "./run-lab.ts";

const SHIPPED = new URL("../../lab/many-connections/scenario.yaml", import.meta.url);
const COUNT = 600;

const folder = mkdtempSync(`${tmpdir()}/ecmp-many-`);
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(!canRunLabs)("the scenario many-connections", () => {
  it("breaks a node's connections and no others, and tells of each", { timeout: LAB_DEADLINE_MS }, async () => {
    const text = readFileSync(SHIPPED, "utf8")
      .replace("count: 20000, everyMs: 10000", `count: ${COUNT}, everyMs: 500`)
      .replace("watchSeconds: 20", "watchSeconds: 1.5")
      .replace("at: 2,", "at: 0.5,");
    expect(text).toContain(`count: ${COUNT}, everyMs: 500`);
    const file = `${folder}/scenario.yaml`;
    writeFileSync(file, text);
    const { strategies, rows, stderr } = await runScenario(file);
    expect(strategies, stderr).toHaveLength(1);
    const [{ connections, unexplained, verdicts }] = strategies;
    expect(unexplained).toEqual([]);
    expect(verdicts.filter(({ holds }) => !holds)).toEqual([]);
    expect(connections).toMatchObject({ opened: COUNT, broken: connections.forecast, brokenOnSurvivors: 0 });
    expect(connections.forecast).toBeGreaterThan(COUNT / 8);

    expect(rows).toHaveLength(COUNT);
    for (const {
      strategy,
      kind,
      node,
      pod,
      resets,
      timeouts,
      retries,
      bytes,
      openedMs,
      firstByteMs,
      lastByteMs,
      forecast,
      outcome,
    } of rows) {
      expect({ strategy, kind }).toEqual({ strategy: "resilient", kind: "connection" });
      expect(pod).toMatch(/^n[1-4]-[ab]$/);
      expect(Number(resets) + Number(timeouts)).toBe(node === "n2" ? 1 : 0);
      expect(forecast).toBe(node === "n2" ? "breaks" : "lives");
      expect(outcome === "lives").toBe(node !== "n2");
      expect(Number(retries) > 0).toBe(node === "n2");
      expect(Number(bytes)).toBeGreaterThan(20);
      expect(Number(openedMs)).toBeLessThanOrEqual(Number(firstByteMs));
      expect(Number(firstByteMs)).toBeLessThan(Number(lastByteMs));
      expect(Number(firstByteMs)).toBeLessThan(0);
    }
  });
});

it("sockets beyond a process's share are dealt to several, and all are told of", { timeout: 60_000 }, async () => {
  const pod = new PodServer("p1");
  const load = await Load.start(here, 16_001);
  try {
    const destinationPort = await pod.listen(0, "127.0.0.1");
    const targets = Array.from({ length: 30 }, (_, i) => ({
      flow: `connection ${i}`,
      sourceAddress: "127.0.0.1",
      sourcePort: 0,
      destinationAddress: "127.0.0.1",
      destinationPort,
    }));
    const records = await load.open(targets);
    expect(load.processCount).toBe(3);
    expect(records.map(({ flow }) => flow).toSorted()).toEqual(targets.map(({ flow }) => flow).toSorted());
    for (const record of records) expect(record).toMatchObject({ opened: true, pod: "p1", redials: 0 });
  } finally {
    await load.close();
    await load.stop(systemClock);
    pod.close();
  }
});

it("disorder is read from a socket's words, of both directions together", () => {
  const line = (own: string, words: string) => `0      0      ${own} 198.51.100.10:80 ts sack cubic ${words}`;
  const listing = [line("10.0.1.2:20000", "rto:204 rcv_ooopack:3 delivered:2 reord_seen:2"), line("10.0.1.2:20001", "rto:204")];
  expect(parseDisorder(`${listing.join("\n")}\n`)).toEqual(new Map([["tcp 10.0.1.2:20000 198.51.100.10:80", 5]]));
});
