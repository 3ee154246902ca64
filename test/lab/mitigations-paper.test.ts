/**
 * Every strategy of the scenario mitigations on paper: the routes that its lab's nodes announce, the router that it asks for, its
 * traffic, its timeline. The forecast of that is the one that was made on the real lab: its digest, and the table of its README.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readConfig } from "#src/config/read.ts";
import { stateOfConfig } from "#src/experiment/configured.ts";
import { digestPaths } from "#src/experiment/forecast.ts";
import type { FibState } from "#src/fib/state.ts";
import { loadLab, loadScenarios } from "#src/lab/catalog.ts";
import { durationMsOf, type Expectation, forecastFates, planChanges } from "#src/lab/expectation.ts";
import { announcersOf, nextHopFor, podsOf, type Service } from "#src/lab/lab.ts";
import { linuxState } from "#src/lab/linux-router.ts";
import type { RouterSettings } from "#src/lab/router-settings.ts";
import type { Scenario } from "#src/lab/scenario.ts";
import { planLongLived, planRequests } from "#src/lab/scenario-traffic.ts";
import { formatAddress } from "#src/net/address.ts";
import { formatPrefix, hostPrefix } from "#src/net/prefix.ts";
import { DIGESTS, PLAYED } from "./mitigations-played.ts";

const README = readFileSync(new URL("../../lab/mitigations/README.md", import.meta.url), "utf8");
const { lab: source, scenarios } = loadScenarios("mitigations");
const lab = loadLab(source);

/** Kernels know no bandwidth of a route; by it our router weighs. */
function stateOf(router: RouterSettings): FibState {
  const isOurs = router.kind === "ecmp-router";
  const routes = lab.services.map((service) => ({
    prefix: formatPrefix(hostPrefix(service.address)),
    nextHops: announcersOf(lab, service).map((node) => ({
      address: formatAddress(nextHopFor(node, service) ?? ""),
      weight: isOurs && service.linkBandwidth ? podCount(service, node.name) : 1,
    })),
  }));
  if (!isOurs) return linuxState(router, routes);
  const result = readConfig(JSON.stringify({ ports: [{ interface: "none" }], ecmp: router.ecmp, routes }));
  if ("config" in result) return stateOfConfig(result.config);
  throw new Error(JSON.stringify(result.mistakes));
}

const podCount = (service: Service, node: string): number => podsOf(lab, service).filter((pod) => pod.node === node).length;

function forecastOf(scenario: Scenario) {
  const connections = planLongLived(lab, scenario);
  const flows = [...connections, ...planRequests(lab, scenario, durationMsOf(scenario))];
  const plan = planChanges(lab, scenario);
  const expectations = forecastFates(lab, { [lab.router.name]: stateOf(scenario.router) }, plan, flows);
  const breaks = (some: readonly Expectation[]) => some.filter(({ fate }) => fate === "breaks").length;
  return {
    plan,
    expectations,
    digest: digestPaths(expectations),
    connections: { count: connections.length, break: breaks(expectations.slice(0, connections.length)) },
    requests: { count: flows.length - connections.length, break: breaks(expectations.slice(connections.length)) },
  };
}

/** Whether its buckets begin as the sessions came up, which nobody knows on paper. */
const hasMemory = ({ router }: Scenario): boolean =>
  router.kind === "linux" ? router.resilientBuckets !== undefined : stateOf(router).selector.name === "resilient";

/** Cells of the README's table, by the strategy; "-" where it has no such traffic. */
const table = new Map(
  [...README.matchAll(/^\| `([a-z0-9-]+)` \| (.*) \|$/gm)].map(([, name, cells]) => {
    const [broken, forecast, , , , failed, toFail] = cells.split(" | ");
    const [connections, requests] = [broken, failed].map((cell) => Number(/ of (\d+)/.exec(cell)?.[1] ?? 0));
    return [name, { connections, forecast: Number(forecast) || 0, requests, toFail: Number(toFail) || 0 }] as const;
  }),
);

describe("the table of strategies", () => {
  it("has a row for each, in their order", () => expect([...table.keys()]).toEqual(scenarios.map(({ name }) => name)));

  it("names those that no test plays", () => {
    const [, words = ""] = /^No test plays ([^;]*);/m.exec(README) ?? [];
    const played: readonly string[] = PLAYED.flat();
    expect([...words.matchAll(/`([a-z0-9-]+)`/g)].map(([, name]) => name)).toEqual(
      scenarios.map(({ name }) => name).filter((name) => !played.includes(name)),
    );
  });
});

describe.each(scenarios.map((scenario) => [scenario.name, scenario] as const))("the strategy %s", (name, scenario) => {
  const forecast = forecastOf(scenario);
  const row = table.get(name);

  it("leads every flow to a node, and always to the same", () => {
    for (const { flow, entry } of forecast.expectations) expect(entry, flow).toBeDefined();
    expect(forecastOf(scenario).digest).toBe(forecast.digest);
    if (DIGESTS[name]) expect(forecast.digest).toBe(DIGESTS[name]);
  });

  it("is forecast as it was on the real lab", () => {
    expect(forecast.connections.count).toBe(row?.connections);
    expect(forecast.requests.count).toBe(row?.requests);
    if (hasMemory(scenario)) return;
    // What befalls pods is known when each connection has drawn its own.
    if (forecast.plan.podLosses.every(({ kind }) => kind !== "gone")) expect(forecast.connections.break).toBe(row?.forecast);
    expect(forecast.requests.break).toBe(row?.toFail);
  });
});
