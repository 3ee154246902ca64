/**
 * The lab `anycast-pmtu` on real parts: large answers through a narrow link arrive or hang as the router's rule for ICMP errors
 * says, request by request; and what the forecast makes of each rule, without a lab.
 */
import { describe, expect, it } from "vitest";
import { readConfig } from "#src/config/read.ts";
import { stateOfConfig } from "#src/experiment/configured.ts";
import { loadLab } from "#src/lab/catalog.ts";
import { experimentOf } from "#src/lab/experiment.ts";
import { forecastStuck, narrowLinkOf } from "#src/lab/path-mtu.ts";
import { planLongLived } from "#src/lab/scenario-traffic.ts";
import { formatAddress } from "#src/net/address.ts";
import { formatFlow } from "#src/net/flow.ts";
import { slowForecast } from "../oracle/forecast.ts";
import { canRunLabs, LAB_DEADLINE_MS, runScenario } from "./run-lab.ts";

describe.skipIf(!canRunLabs)("ecmp lab run anycast-pmtu", () => {
  it("fails the requests whose ICMP errors go astray, and no other", { timeout: LAB_DEADLINE_MS }, async () => {
    const { strategies, stderr } = await runScenario("anycast-pmtu");
    expect(strategies, stderr).toHaveLength(2);
    for (const { connections, requests, unexplained, verdicts } of strategies) {
      expect(unexplained).toEqual([]);
      expect(verdicts.filter(({ holds }) => !holds)).toEqual([]);
      expect(connections).toMatchObject({ opened: 60, broken: 0, forecast: 0 });
      expect(requests.failed).toBe(requests.forecast);
    }
    const [outer, quoted] = strategies;
    expect(outer.requests).toMatchObject({ count: 119, failed: 73 });
    expect(quoted.requests).toMatchObject({ count: 119, failed: 0 });
  });
});

describe("the forecast of what gets stuck", () => {
  const lab = loadLab("anycast-pmtu");
  const flows = planLongLived(lab, experimentOf(lab)[0]).map(({ flow }) => ({ flow, bytes: 20_000 }));

  function stateWith(icmpErrors: string) {
    const ecmp = { hash: { seed: 42, icmpErrors }, selector: { name: "modulo" } };
    const nextHops = ["10.0.0.11", "10.0.0.12", "10.0.0.13"].map((address) => ({ address }));
    const routes = [{ prefix: "198.51.100.10/32", nextHops }];
    const result = readConfig(JSON.stringify({ ports: [{ interface: "a" }], ecmp, routes }));
    if ("mistakes" in result) throw new Error(JSON.stringify(result.mistakes));
    return stateOfConfig(result.config);
  }

  it("knows the narrow link and who complains of it", () => {
    const narrow = narrowLinkOf(lab);
    expect({ ...narrow, complainer: formatAddress(narrow?.complainer ?? 0) }).toEqual({ mtu: 1300, complainer: "10.0.2.2" });
    expect(narrowLinkOf(loadLab("metallb-bgp"))).toBeUndefined();
  });

  it.each([
    ["outer", "icmp 10.0.2.2 198.51.100.10"],
    ["quoted-addresses", "tcp 10.0.1.2:0 198.51.100.10:0"],
  ])("with %s is what the slow twin says of %s", (rule, complaint) => {
    const state = stateWith(rule);
    const goesTo = (flow: string) => slowForecast(state, flow, "10.0.0.11").before;
    const stuck = forecastStuck(lab, { router: state }, flows);
    expect(stuck).toEqual(flows.map(({ flow }) => goesTo(formatFlow(flow)) !== goesTo(complaint)));
    expect(new Set(stuck)).toEqual(new Set([true, false]));
  });

  it("with quoted is nothing, nor of answers that fit", () => {
    expect(forecastStuck(lab, { router: stateWith("quoted") }, flows)).not.toContain(true);
    const small = flows.map(({ flow }) => ({ flow, bytes: 1260 }));
    expect(forecastStuck(lab, { router: stateWith("outer") }, small)).not.toContain(true);
  });
});
