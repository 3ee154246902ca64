/** What a timeline means for a flow, over tables that the real selectors fill; and what may explain that it went otherwise. */
import { describe, expect, it } from "vitest";
import { readConfig } from "#src/config/read.ts";
import { stateOfConfig } from "#src/experiment/configured.ts";
import { forecastPaths } from "#src/experiment/forecast.ts";
import { loadLab } from "#src/lab/catalog.ts";
import { type Case, explainDifference } from "#src/lab/difference.ts";
import { forecastFates, type PlannedFlow, planChanges, withPods } from "#src/lab/expectation.ts";
import { linuxState, readKernelRoutes } from "#src/lab/linux-router.ts";
import type { Step } from "#src/lab/scenario.ts";
import { parseIpv4 } from "#src/net/address.ts";
import type { Flow } from "#src/net/flow.ts";
import { forecastRemoval } from "../experiment/removal.ts";
import { scenarioOf } from "./scenario-of.ts";

const lab = loadLab("metallb-bgp");
const NODES = ["10.0.0.11", "10.0.0.12", "10.0.0.13", "10.0.0.14"];

function stateWith(selector: string) {
  const nextHops = NODES.map((address) => ({ address }));
  const ecmp = { hash: { seed: 42 }, selector: { name: selector } };
  const routes = [{ prefix: "198.51.100.10/32", nextHops }];
  const result = readConfig(JSON.stringify({ ports: [{ interface: "a" }], ecmp, routes }));
  if ("mistakes" in result) throw new Error(JSON.stringify(result.mistakes));
  return stateOfConfig(result.config);
}

const FLOWS = Array.from({ length: 300 }, (_, i): Flow => {
  const [source, destination] = ["10.0.1.2", "198.51.100.10"].map((text) => parseIpv4(text) as number);
  return { protocol: 6, source, destination, sourcePort: 20_000 + i, destinationPort: 80 };
});
const ALWAYS = { fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY, patienceMs: 2000 };
const long = FLOWS.map((flow): PlannedFlow => ({ flow, ...ALWAYS }));

const at = (
  atSeconds: number,
  fault: "withdraw" | "session-flap" | "silent-node" | "loss" | "pods-move",
  untilSeconds?: number,
): Step => {
  return { atSeconds, fault, node: "n2", untilSeconds };
};

describe("a flow's path", () => {
  it.each(["modulo", "threshold", "resilient", "maglev", "hrw"])(
    "is the forecast of a removal, and with %s leads back",
    (selector) => {
      const state = stateWith(selector);
      const address = parseIpv4("10.0.0.12") as number;
      const paths = forecastPaths(state, FLOWS, [
        { kind: "departs", address },
        { kind: "returns", address },
      ]);
      const removal = forecastRemoval(state, FLOWS, address);
      expect(paths.map(({ nextHops }) => nextHops.slice(0, 2))).toEqual(removal.map(({ before, after }) => [before, after]));
      // A stateful selector need not give everything back; who was never moved and stays where it was is no witness.
      if (selector !== "resilient") for (const { nextHops } of paths) expect(nextHops[2]).toBe(nextHops[0]);
      expect(paths.some(({ nextHops }) => nextHops[2] === "10.0.0.12")).toBe(true);
    },
  );
});

describe("a connection's fate", () => {
  const state = stateWith("hrw");
  const fatesOf = (...timeline: Step[]) => forecastFates(lab, { router: state }, planChanges(lab, scenarioOf(...timeline)), long);
  const onNode = ({ nextHops }: { nextHops: readonly (string | undefined)[] }) => nextHops[0] === "10.0.0.12";

  it("is to break when it moves, even if it would be led back", () => {
    for (const timeline of [[at(1, "withdraw")], [at(1, "withdraw", 2)], [at(1, "session-flap")], [at(1, "silent-node")]]) {
      for (const each of fatesOf(...timeline)) expect(each.fate).toBe(onNode(each) ? "breaks" : "lives");
    }
  });

  it("is to live when nothing is found out in time, and its node is back before patience ends", () => {
    expect(fatesOf(at(1, "silent-node", 1.9)).every(({ fate }) => fate === "lives")).toBe(true);
    expect(fatesOf(at(1, "loss", 9)).every(({ fate }) => fate === "lives")).toBe(true);
  });

  it("is to live when its speaker restarts gracefully, if it can and is back in time", () => {
    const killed = (node: string, untilSeconds?: number): Step => ({ atSeconds: 1, fault: "kill-speaker", node, untilSeconds });
    const changes = (step: Step, gracefulRestart: boolean) =>
      planChanges(lab, { ...scenarioOf(step), gracefulRestart }).changes.length;
    expect(changes(killed("n2", 2), true)).toBe(0);
    expect(changes(killed("n2", 2), false)).toBe(2);
    expect(changes(killed("n2"), true)).toBe(1);
    expect(changes(killed("n4", 2), true)).toBe(2);
    expect(changes({ atSeconds: 1, fault: "withdraw", node: "n2", untilSeconds: 2 }, true)).toBe(2);
  });

  it.each([
    ["silent-node", "n2", 1300],
    ["stop-speaker", "n2", 4000],
    ["silent-node", "n4", 4000],
    ["kill-speaker", "n2", 1000],
  ] as const)("with BFD, %s of %s is found after %d ms", (fault, node, foundMs) => {
    const scenario = { ...scenarioOf({ atSeconds: 1, fault, node }), bfd: { intervalMs: 100, multiplier: 3 } };
    expect(planChanges(lab, scenario).changes).toMatchObject([{ node, plannedMs: foundMs }]);
  });

  it("of a short request is what happens in its own time", () => {
    const plan = planChanges(lab, scenarioOf(at(1, "silent-node")));
    const fates = (fromMs: number, toMs: number) =>
      forecastFates(
        lab,
        { router: state },
        plan,
        FLOWS.map((flow) => ({ flow, fromMs, toMs })),
      );
    expect(fates(0, 500).every(({ fate }) => fate === "lives")).toBe(true);
    expect(fates(5000, 5500).every(({ fate }) => fate === "lives")).toBe(true);
    for (const each of fates(1500, 2000)) expect(each.fate).toBe(onNode(each) ? "breaks" : "lives");
  });
});

describe("a connection whose pod is known", () => {
  const fates = (podNode: string | undefined, ...timeline: Step[]) => {
    const plan = planChanges(lab, scenarioOf(...timeline));
    const byPath = forecastFates(lab, { router: stateWith("hrw") }, plan, long);
    return {
      byPath,
      complete: withPods(
        plan,
        byPath,
        byPath.map(() => podNode),
        2000,
      ),
    };
  };

  it.each([
    ["its pod is moved", "n2", at(1, "pods-move", 2)],
    ["its pod's node is cut off for longer than it waits", "n2", at(1, "silent-node", 3.1)],
  ])("is to break when %s, by whichever node it entered", (_, podNode, step) => {
    const { byPath, complete } = fates(podNode, step);
    expect(complete.every(({ fate }) => fate === "breaks")).toBe(true);
    expect(complete.map(({ byPod = false }) => byPod)).toEqual(byPath.map(({ fate }) => fate === "lives"));
  });

  it.each([
    ["another node's pods are moved", "n1", at(1, "pods-move", 2)],
    ["another node is cut off", "n1", at(1, "silent-node", 3.1)],
    ["its pod's node is back before it gives up", "n2", at(1, "silent-node", 1.9)],
    ["its pod's node loses routes and no packets", "n2", at(1, "withdraw")],
    ["nobody knows its pod", undefined, at(1, "pods-move", 2)],
  ])("is as its path is when %s", (_, podNode, step) => {
    const { byPath, complete } = fates(podNode, step);
    expect(complete).toEqual(byPath);
  });
});

describe("a difference", () => {
  const [expectation] = forecastFates(lab, { router: stateWith("hrw") }, { changes: [], outages: [], podLosses: [] }, long);
  const observed = { broken: true, short: false, fromMs: 0, toMs: 5000, entry: expectation.nextHops[0] };
  const base: Case = { expectation, observed, marks: [], moves: [], router: { kind: "ecmp-router", ecmp: {} }, surprises: [] };
  const mark = {
    fault: "loss",
    node: "n1",
    nextHops: [expectation.nextHops[0] ?? ""],
    what: "begins",
    fromMs: 1000,
    toMs: 1001,
    plannedToMs: 1000,
  } as const;
  const move = { name: "www.example.test", to: "other", fromMs: 1000, toMs: 1004, plannedToMs: 1000 };
  const entry = expectation.nextHops[0] ?? "";
  const brief = { ...observed, short: true };
  const surprise = { nextHops: [entry], fromMs: 1000, toMs: 1000, plannedToMs: 1000 };
  const surprised = { ...expectation, fate: "breaks" } as const;
  const silence = (waitedMs: number) => ({ lastedMs: 1000, waitedMs });
  const policy1 = { kind: "linux", policy: 1, seed: 1 } as const;
  const cases: [string | undefined, Case][] = [
    [undefined, { ...base, observed: { ...observed, broken: false } }],
    ["unexplained", base],
    ["unexplained", { ...base, observed: { ...observed, broken: false, entry: "10.0.0.99" } }],
    ["socket-hash", { ...base, router: policy1, observed: { ...observed, leftFor: new Set([entry, "10.0.0.99"]) } }],
    [
      "socket-hash",
      { ...base, router: policy1, observed: { ...observed, broken: false, entry: "10.0.0.99", leftFor: new Set(["10.0.0.99"]) } },
    ],
    ["unexplained", { ...base, router: policy1 }],
    ["unexplained", { ...base, router: policy1, observed: { ...observed, leftFor: new Set([entry]) } }],
    ["unexplained", { ...base, router: policy1, observed: { ...observed, leftFor: new Set(["10.0.0.99"]) } }],
    [
      "unexplained",
      { ...base, router: { ...policy1, policy: 0 }, observed: { ...observed, leftFor: new Set([entry, "10.0.0.99"]) } },
    ],
    ["packets-lost", { ...base, observed: { ...observed, lostPackets: true } }],
    ["unexplained", { ...base, observed: { ...observed, lostPackets: true, wasReset: true } }],
    ["unexplained", { ...base, observed: { ...observed, broken: false, lostPackets: true, entry: "10.0.0.99" } }],
    // It left for several nodes, and the reset that it was to get from one of them was lost.
    [
      "packets-lost",
      {
        ...base,
        router: policy1,
        observed: { ...observed, broken: false, lostPackets: true, entry: "10.0.0.99", leftFor: new Set([entry, "10.0.0.99"]) },
      },
    ],
    ["unexplained", { ...base, observed: { ...observed, lostPackets: true, amiss: "broke before anything happened" } }],
    ["unexplained", { ...base, observed: { ...observed, broken: false, wentAstray: true } }],
    ["name-moving", { ...base, observed: { ...observed, broken: false, wentAstray: true, fromMs: 900 }, moves: [move] }],
    ["unexplained", { ...base, observed: { ...observed, wentAstray: true, fromMs: 2000 }, moves: [move] }],
    ["unexplained", { ...base, observed: { ...observed, fromMs: 900 }, moves: [move] }],
    ["unexplained", { ...base, marks: [mark] }],
    ["pod-gone", { ...base, observed: { ...brief, pod: "n1-a" }, marks: [{ ...mark, fault: "pods-move" }] }],
    ["unexplained", { ...base, observed: { ...brief, pod: "n2-a" }, marks: [{ ...mark, fault: "pods-move" }] }],
    ["unexplained", { ...base, observed: { ...observed, pod: "n1-a" }, marks: [{ ...mark, fault: "pods-move" }] }],
    ["pod-cut-off", { ...base, observed: { ...brief, pod: "n1-a" }, marks: [{ ...mark, fault: "silent-node" }] }],
    ["unexplained", { ...base, observed: { ...brief, pod: "n2-a" }, marks: [{ ...mark, fault: "silent-node" }] }],
    [
      "unexplained",
      { ...base, observed: { ...brief, pod: "n1-a", entry: "10.0.0.99" }, marks: [{ ...mark, fault: "silent-node" }] },
    ],
    ["at-the-edge", { ...base, observed: { ...brief, toMs: 900 }, marks: [{ ...mark, fault: "withdraw" }] }],
    [
      "unexplained",
      { ...base, observed: { ...brief, toMs: 900 }, marks: [{ ...mark, fault: "withdraw", nextHops: ["10.0.0.99"] }] },
    ],
    ["unexplained", { ...base, observed: { ...brief, toMs: 1400 }, marks: [{ ...mark, fault: "withdraw" }] }],
    ["unexplained", { ...base, observed: { ...brief, toMs: 900, entry: "10.0.0.99" }, marks: [{ ...mark, fault: "withdraw" }] }],
    [
      "unexplained",
      { ...base, observed: { ...brief, toMs: 900, amiss: "did not open" }, marks: [{ ...mark, fault: "withdraw" }] },
    ],
    ["unexplained", { ...base, observed: { ...brief, toMs: 2500 }, marks: [{ ...mark, fault: "withdraw" }] }],
    ["change-put-off", { ...base, observed: { ...brief, toMs: 2500 }, marks: [{ ...mark, fault: "withdraw", toMs: 4000 }] }],
    ["unexplained", { ...base, observed: { ...brief, toMs: 4200 }, marks: [{ ...mark, fault: "withdraw", toMs: 4000 }] }],
    [
      "unexplained",
      {
        ...base,
        observed: { ...brief, toMs: 2500, entry: "10.0.0.99" },
        marks: [{ ...mark, fault: "withdraw", toMs: 4000 }],
      },
    ],
    ["late", { ...base, observed: { ...brief, toMs: 700, endedMs: 1100 }, marks: [{ ...mark, fault: "withdraw" }] }],
    ["unexplained", { ...base, observed: { ...brief, toMs: 700, endedMs: 900 }, marks: [{ ...mark, fault: "withdraw" }] }],
    ["unexplained", { ...base, observed: { ...observed, toMs: 900 }, marks: [{ ...mark, fault: "withdraw" }] }],
    ["routes-surprised", { ...base, surprises: [surprise], surprised }],
    ["unexplained", { ...base, surprises: [surprise], surprised: expectation }],
    ["unexplained", { ...base, surprises: [surprise], surprised, observed: { ...observed, entry: "10.0.0.99" } }],
    ["at-the-edge", { ...base, observed: { ...brief, fromMs: 900 }, surprises: [surprise], surprised: expectation }],
    ["late", { ...base, observed: { ...brief, dueMs: 700, fromMs: 1300, toMs: 1700 }, marks: [{ ...mark, fault: "withdraw" }] }],
    [
      "late",
      {
        ...base,
        observed: { ...brief, dueMs: 400, fromMs: 700, toMs: 1200, endedMs: 1001 },
        marks: [{ ...mark, fault: "withdraw" }],
      },
    ],
    [
      "unexplained",
      { ...base, observed: { ...brief, dueMs: 1200, fromMs: 1300, toMs: 1700 }, marks: [{ ...mark, fault: "withdraw" }] },
    ],
    [
      "unexplained",
      { ...base, observed: { ...observed, fromMs: 0, toMs: 700, endedMs: 1100 }, marks: [{ ...mark, fault: "withdraw" }] },
    ],
    ["late", { ...base, observed: { ...brief, toMs: 700, endedMs: 1100 }, surprises: [surprise], surprised: expectation }],
    ["stalled", { ...base, observed: { ...observed, silence: silence(500) } }],
    ["stalled", { ...base, observed: { ...brief, silence: silence(900) } }],
    ["unexplained", { ...base, observed: { ...observed, silence: silence(499) } }],
    ["unexplained", { ...base, observed: { ...observed, wasReset: true, silence: silence(900) } }],
    ["unexplained", { ...base, observed: { ...observed, broken: false, entry: "10.0.0.99", silence: silence(900) } }],
  ];
  it.each(cases)("has the reason %s", (reason, difference) => expect(explainDifference(difference)).toBe(reason));
});

it("a Linux router's state has the kernel's order", () => {
  const nexthops = ["10.0.0.13", "10.0.0.11"].map((gateway) => ({ gateway, dev: "fabric0", weight: 1, flags: [] }));
  const routes = readKernelRoutes(JSON.stringify([{ dst: "198.51.100.10", protocol: "bgp", metric: 20, nexthops }]));
  const { groups, hash } = linuxState({ kind: "linux", policy: 3, fields: 0x37, seed: 42 }, routes);
  expect(groups[0].members.map(({ address }) => address)).toEqual(["10.0.0.13", "10.0.0.11"]);
  expect(hash).toMatchObject({ profile: "linux-custom", linux: { policy: 3, fields: 0x37 } });
});
