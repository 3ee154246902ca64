/** A forecast through two tiers, against the slow twin asked router by router; and flows that come to no node. */
import { describe, expect, it } from "vitest";
import { readConfig } from "#src/config/read.ts";
import { stateOfConfig } from "#src/experiment/configured.ts";
import { loadLab } from "#src/lab/catalog.ts";
import { experimentOf } from "#src/lab/experiment.ts";
import { nodeNamed } from "#src/lab/lab.ts";
import { planLongLived } from "#src/lab/scenario-traffic.ts";
import { forecastTiers, type RouterStates } from "#src/lab/tiers.ts";
import { formatFlow } from "#src/net/flow.ts";
import { slowForecast } from "../oracle/forecast.ts";

const lab = loadLab("metallb-l3-tor-pair");
const FLOWS = planLongLived(lab, experimentOf(lab)[0]).map(({ flow }) => flow);
const [TOR1, TOR2] = ["10.0.2.2", "10.0.2.10"];

function stateOf(seed: number, ...nextHops: string[]) {
  const ecmp = { hash: { seed }, selector: { name: "modulo" } };
  const routes = [{ prefix: "198.51.100.10/32", nextHops: nextHops.map((address) => ({ address })) }];
  const result = readConfig(JSON.stringify({ ports: [{ interface: "a" }], ecmp, routes }));
  if ("mistakes" in result) throw new Error(JSON.stringify(result.mistakes));
  return stateOfConfig(result.config);
}

const statesWith = (seed: number): RouterStates => ({
  spine: stateOf(42, TOR1, TOR2),
  tor1: stateOf(seed, "10.0.0.11", "10.0.0.12"),
  tor2: stateOf(seed, "10.0.0.13", "10.0.0.14"),
});

describe("a forecast through two tiers", () => {
  it.each([42, 43])("is what each router's slow twin says, one after the other (the second tier's seed: %i)", (seed) => {
    const states = statesWith(seed);
    const { address } = nodeNamed(lab, "n1").address;
    const forecast = forecastTiers(lab, states, FLOWS, [{ kind: "departs", address }]);
    expect(forecast).toHaveLength(400);
    for (const [i, { flow, nextHops }] of forecast.entries()) {
      expect(flow).toBe(formatFlow(FLOWS[i]));
      const first = slowForecast(states.spine, flow, "10.0.0.11").before;
      const second = slowForecast(first === TOR1 ? states.tor1 : states.tor2, flow, "10.0.0.11");
      expect(nextHops).toEqual([second.before, second.after]);
    }
    const used = new Set(forecast.map(({ nextHops: [before] }) => before));
    expect([...used].sort()).toEqual(
      seed === 42 ? ["10.0.0.11", "10.0.0.14"] : ["10.0.0.11", "10.0.0.12", "10.0.0.13", "10.0.0.14"],
    );
  });

  it("leads nowhere where a router has no route, and where routers send a flow in a circle", () => {
    const lost = forecastTiers(lab, { ...statesWith(42), tor1: stateOf(42, "10.0.2.1") }, FLOWS, []);
    expect(new Set(lost.map(({ nextHops }) => nextHops[0]))).toEqual(new Set([undefined, "10.0.0.14"]));
  });
});
