/** Changes of routes that no fault was to make: what is told of them by the router's events, and the plan that has them. */
import { describe, expect, it } from "vitest";
import { loadLab } from "#src/lab/catalog.ts";
import type { Plan } from "#src/lab/expectation.ts";
import { prefixOf } from "#src/lab/speakers.ts";
import { surprisesOf, withSurprises } from "#src/lab/surprise.ts";
import type { FaultMark } from "#src/lab/timeline.ts";

const lab = loadLab("metallb-bgp");
const [n1, n2] = lab.nodes;
const [cluster, local] = lab.services.map(prefixOf);
const PEER = { n1: "10.0.0.11", n2: "10.0.0.12" };
const START_MS = 1000;

const calm: Plan = { changes: [], outages: [], podLosses: [] };
const struck: Plan = { ...calm, changes: [{ kind: "departs", address: n2.address.address, node: "n2", plannedMs: 1000 }] };
const mark = (fault: FaultMark["fault"], node: string): FaultMark => {
  return { fault, node, nextHops: [PEER.n2], what: "begins", fromMs: 2000, toMs: 2100, plannedToMs: 2000 };
};
const down = (atMs: number, peer: string, reason = "hold timer expired") => ({ kind: "session-down", atMs, peer, reason });
const routes = (atMs: number, ...prefixes: string[]) => ({ kind: "routes", atMs, count: prefixes.length, prefixes });

describe("a surprise", () => {
  it("is a change of routes without a fault, put down to the session that was told of before", () => {
    const events = [down(3000, PEER.n1), routes(3010, cluster, local), { kind: "converged", atMs: 3011 }];
    expect(surprisesOf(lab, struck, [mark("withdraw", "n2")], events, START_MS)).toEqual([
      {
        node: "n1",
        nextHops: [PEER.n1],
        what: "departs",
        atMs: 3010,
        because: "session-down (hold timer expired)",
        prefixes: [cluster, local],
      },
    ]);
  });

  it("is over, prefix by prefix, when the node's routes are back", () => {
    const events = [
      { kind: "stale-routes-gone", atMs: 3000, peer: PEER.n2, reason: "End-of-RIB" },
      ...[routes(3001, cluster, local), routes(4000, cluster), routes(4001, local)],
    ];
    const found = surprisesOf(lab, calm, [mark("kill-speaker", "n2")], events, START_MS);
    expect(found.map(({ what, atMs, prefixes }) => [what, atMs, prefixes])).toEqual([
      ["departs", 3001, [cluster, local]],
      ["returns", 4000, [cluster]],
      ["returns", 4001, [local]],
    ]);
  });

  it.each([
    ["what a fault was to do", struck, [mark("withdraw", "n2")], [down(2000, PEER.n2), routes(2090, cluster)]],
    [
      "what a router learns that was started again",
      calm,
      [mark("kill-router", lab.router.name)],
      [down(1990, PEER.n1), routes(2050, cluster)],
    ],
    ["what was before the traffic", calm, [], [down(900, PEER.n1), routes(910, cluster)]],
    ["what no service of the lab has", calm, [], [down(1500, PEER.n1), routes(1510, "203.0.113.0/24")]],
    ["a session that ends and takes no routes along", calm, [], [down(3000, PEER.n1)]],
  ])("is not %s", (_, plan, marks, events) => expect(surprisesOf(lab, plan, marks, events, START_MS)).toEqual([]));
});

describe("the plan with surprises", () => {
  it("has them where they came, for the services that they were told of", () => {
    const events = [down(1500, PEER.n1), routes(1510, cluster, "203.0.113.0/24"), down(1600, PEER.n1), routes(1610, cluster)];
    const { changes } = withSurprises(lab, struck, surprisesOf(lab, struck, [], events, START_MS), START_MS);
    expect(changes.map(({ kind, node, plannedMs }) => [kind, node, plannedMs])).toEqual([
      ["departs", "n1", 510],
      ["returns", "n1", 610],
      ["departs", "n2", 1000],
    ]);
    expect(changes[0]).toMatchObject({ address: n1.address.address, services: [lab.services[0].address] });
  });
});
