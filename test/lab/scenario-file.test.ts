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

describe("a timeline", () => {
  const of = (steps: string, more = "", strategies = "{ one: {} }") =>
    read(`${HEAD}${TRAFFIC}${more}timeline: [${steps}]\nstrategies: ${strategies}\n`);
  const mistakesIn = (...words: Parameters<typeof of>) => {
    const result = of(...words);
    return "mistakes" in result ? result.mistakes.map(({ path, value, wanted }) => [path, value, wanted].join(" | ")) : [];
  };

  it("refuses by its name what a fault does not heed", () => {
    expect(mistakesIn("{ at: 1, fault: withdraw, node: n2, percent: 20 }")).toEqual([
      "timeline[0].percent | 20 | none: withdraw heeds no setting",
    ]);
    expect(mistakesIn("{ at: 1, fault: loss, node: n2, prefixes: 20, graceSeconds: 1, colour: red }")).toEqual([
      "timeline[0].prefixes | 20 | none: loss heeds percent",
      "timeline[0].graceSeconds | 1 | none: loss heeds percent",
      'timeline[0].colour | "red" | no such key here',
    ]);
    expect(mistakesIn("{ at: 1, fault: session-flap, node: n2, until: 2 }")).toEqual([
      "timeline[0].until | 2 | none: session-flap passes by itself",
    ]);
  });

  it("says what of a step is wrong, and not that it is none", () => {
    expect(mistakesIn("{ at: 1, fault: loss, node: n2, percent: 101 }, { wait: godot }, { until: 2 }")).toEqual([
      "timeline[0].percent | 101 | a whole number from 1 to 100",
      'timeline[1].wait | "godot" | converged or established',
      "timeline[2] |  | {wait: converged | established}, {at, name, to} or {at, fault, node, until}",
    ]);
    expect(mistakesIn("{ at: 1, fault: earthquake, node: n2 }")[0]).toMatch(
      /^timeline\[0\]\.fault \| "earthquake" \| one of kill-speaker/,
    );
  });

  it("refuses what cannot be at work at once, and names both", () => {
    const stopped = "{ at: 1, fault: stop-speaker, node: n2, until: 9 }";
    expect(mistakesIn(`${stopped}, { at: 2, fault: kill-speaker, node: n2, until: 3 }`)).toEqual([
      "timeline[1].at | 2 | a time when stop-speaker of n2 (1 to 9 s) is not at work: both want the speaker",
    ]);
    expect(mistakesIn(`${stopped}, { at: 2, fault: kill-speaker, node: n3, until: 3 }`)).toEqual([]);
    expect(mistakesIn("{ at: 1, fault: withdraw, node: n2, until: 3, repeat: { times: 3, everySeconds: 1 } }")).toEqual([
      "timeline[0].at | 1 | a time when withdraw of n2 (1 to 3 s) is not at work: there is one of a kind",
    ]);
  });

  it("refuses a wait for a session that is not to come back", () => {
    const wait = "{ wait: established }";
    expect(mistakesIn(`{ at: 1, fault: kill-speaker, node: n2 }, { at: 1, fault: withdraw, node: n3 }, ${wait}`)).toEqual([
      'timeline[2].wait | "established" | nothing to wait for, or an end of kill-speaker of n2: its session stays down for good',
    ]);
    expect(mistakesIn(`{ at: 1, fault: kill-speaker, node: n2, until: 2 }, ${wait}`)).toEqual([]);
    expect(mistakesIn(`${wait}, { at: 1, fault: kill-speaker, node: n2 }`)).toEqual([]);
    const flood = "{ at: 1, fault: prefix-flood, node: n2, prefixes: 600, until: 2 }";
    expect(mistakesIn(`${flood}, ${wait}`)).toEqual([]);
    expect(mistakesIn(`${flood}, ${wait}`, "prefixLimit: 500\n")).toHaveLength(1);
  });

  it("is held against the router and the sessions of each strategy that plays it", () => {
    const linux = "{ ours: {}, theirs: { router: { linux: { policy: 1 } } } }";
    expect(mistakesIn("{ at: 1, fault: kill-worker, node: router }, { at: 1, fault: delay, node: n2 }", "", linux)).toEqual([
      'timeline[0].fault | "kill-worker" | our router, where theirs has a Linux router',
      'timeline[1].fault | "delay" | our router, where theirs has a Linux router',
    ]);
    const slow = "{ quick: {}, slow: { holdTimeSeconds: 9 } }";
    expect(mistakesIn("{ at: 1, fault: silent-node, node: n2, until: 6 }", "", slow)).toEqual([
      "timeline[0].until | 6 | an end that the hold timer surely misses or sees: before 3 s, or after 10 s",
    ]);
  });
});
