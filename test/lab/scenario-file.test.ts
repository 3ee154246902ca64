/** A scenario file: the shipped one is read for what it means, and a bad one is told all its mistakes at once. */
import { describe, expect, it } from "vitest";
import { loadLab, loadScenarios, scenarioNames } from "#src/lab/catalog.ts";
import { readScenarios } from "#src/lab/scenario-file.ts";

const lab = loadLab("metallb-bgp");
const read = (text: string) => readScenarios(text, (name) => (name === lab.name ? lab : undefined));

const HEAD = "name: x\nlab: metallb-bgp\n";
const TRAFFIC = "traffic: [{ kind: connections, service: cluster, count: 2, firstSourcePort: 20000 }]\n";

describe("the scenario mitigations", () => {
  it("is in the catalog, and all of it is sound", () => {
    expect(scenarioNames()).toContain("mitigations");
    const { scenarios } = loadScenarios("mitigations");
    expect(scenarios.map(({ name }) => name)).toContain("baseline-modulo");
    for (const { traffic, timeline } of scenarios) {
      expect(traffic.length).toBeGreaterThan(0);
      expect(timeline.length).toBeGreaterThan(0);
    }
  });
});

describe("a scenario file", () => {
  it("says for all strategies what a strategy does not say itself", () => {
    const result = read(`${HEAD}${TRAFFIC}timeline: [{ at: 1, fault: kill-speaker, node: n2 }]
strategies:
  one: {}
  other: { timeline: [{ wait: established }], watchSeconds: 1, assertions: [longest gap < 50 ms] }
`);
    if (!("suite" in result)) throw new Error(JSON.stringify(result.mistakes));
    const [one, other] = result.suite.scenarios;
    expect(one).toMatchObject({
      name: "one",
      router: { kind: "ecmp-router" },
      timeline: [{ atSeconds: 1, fault: "kill-speaker", node: "n2" }],
      watchSeconds: 2.5,
      assertions: [{ text: "as forecast" }],
    });
    const demand = { quantity: "longest gap", comparison: "<", limit: 50 };
    expect(other).toMatchObject({ timeline: [{ wait: "established" }], watchSeconds: 1, assertions: [{ demand }] });
    expect(other.traffic).toEqual(one.traffic);
  });

  it("may set sessions for all and for one", () => {
    const result = read(`${HEAD}${TRAFFIC}timeline: []
holdTimeSeconds: 6
strategies:
  one: {}
  other: { holdTimeSeconds: 9, bfd: { intervalMs: 50, multiplier: 3 }, gracefulRestart: true }
`);
    expect("suite" in result && result.suite.scenarios).toMatchObject([
      { holdTimeSeconds: 6, bfd: undefined },
      { holdTimeSeconds: 9, bfd: { intervalMs: 50, multiplier: 3 }, gracefulRestart: true },
    ]);
  });

  it("repeats a fault with its end", () => {
    const step = "{ at: 1, fault: withdraw, node: n2, until: 2, repeat: { times: 3, everySeconds: 4 } }";
    const result = read(`${HEAD}${TRAFFIC}timeline: [${step}]\nstrategies: { one: {} }\n`);
    expect("suite" in result && result.suite.scenarios[0].timeline).toMatchObject([
      { atSeconds: 1, untilSeconds: 2 },
      { atSeconds: 5, untilSeconds: 6 },
      { atSeconds: 9, untilSeconds: 10 },
    ]);
  });

  it("is told every mistake at once", () => {
    const result = read(`${HEAD}seed: -1
traffic: [{ kind: connections, service: cluster, count: 0, firstSourcePort: 20000 }]
timeline: [{ at: 1, fault: earthquake, node: n2 }, { wait: godot }]
strategies:
  one: { router: { linux: { policy: 2 } }, assertions: [beauty] }
`);
    const wanted = "mistakes" in result ? result.mistakes.map(({ path }) => path) : [];
    for (const path of [
      "seed",
      "traffic[0].count",
      "timeline[0]",
      "timeline[1]",
      "strategies.one.router",
      "strategies.one.assertions",
    ]) {
      expect(
        wanted.some((each) => each.startsWith(path)),
        `${path} in ${wanted}`,
      ).toBe(true);
    }
  });

  it.each([
    ["no name", "name: x", 'name: ""', "name"],
    ["a name that is a path", "name: x", "name: ../x", "name"],
    ["no strategy at all", "{ one: {} }", "{}", "strategies"],
    ["another lab", "lab: metallb-bgp", "lab: nowhere", "lab"],
    ["no such service", "service: cluster", "service: cloud", "traffic[0].service"],
    ["no such node", "node: n2", "node: n9", "timeline[0].node"],
    [
      "a move of a name that the lab lacks",
      "fault: kill-speaker, node: n2",
      "name: www.example.test, to: local",
      "timeline[0].name",
    ],
    ["an end that may or may not be noticed", "kill-speaker, node: n2", "silent-node, node: n2, until: 3", "timeline[0].until"],
  ])("refuses %s", (_, sound, wrong, path) => {
    const text = `${HEAD}${TRAFFIC}timeline: [{ at: 1, fault: kill-speaker, node: n2 }]\nstrategies: { one: {} }\n`;
    expect(read(text)).toHaveProperty("suite");
    const result = read(text.replace(sound, wrong));
    expect("mistakes" in result && result.mistakes.map((mistake) => mistake.path)).toContain(path);
  });
});
