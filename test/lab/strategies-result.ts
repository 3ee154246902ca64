/** Strategies as they were played, made by hand: what pages and tables are drawn from where no lab has to run. */
import { judgeAssertions, parseAssertion } from "#src/lab/assertion.ts";
import type { ScenarioOutcome } from "#src/lab/outcome.ts";
import type { Assertion } from "#src/lab/scenario.ts";
import type { PlayedScenario } from "#src/lab/strategies.ts";
import type { FaultMark } from "#src/lab/timeline.ts";

const marked = (fault: FaultMark["fault"], node: string, what: FaultMark["what"], fromMs: number): FaultMark => {
  return { fault, node, nextHops: [`10.0.0.1${node[1]}`], what, fromMs, toMs: fromMs + 10, plannedToMs: fromMs };
};

export const OUTCOME: ScenarioOutcome = {
  connections: { opened: 200, broken: 3, forecast: 2, forecastByPod: 1, brokenOnSurvivors: 1, perNode: { n1: 120, n2: 80 } },
  requests: { count: 90, failed: 4, forecast: 4, failedAfterRetry: 2 },
  datagrams: { flows: 7, sent: 70, answered: 65, lost: 5, duplicated: 0, reordered: 0, moved: 3, forecast: 2 },
  differences: {
    "socket-hash": 0,
    "routes-surprised": 0,
    "pod-gone": 2,
    "pod-cut-off": 0,
    "name-moving": 0,
    "packets-lost": 0,
    "at-the-edge": 1,
    "change-put-off": 0,
    late: 0,
    stalled: 0,
    "too-brief": 0,
    unanswered: 0,
    unexplained: 1,
  },
  told: ["tcp <10.0.1.2>: forecast to live; it broke"],
  digest: "d".repeat(64),
  longestGapMs: 301.4,
  recoverMs: 1234,
  marks: [marked("withdraw", "n2", "begins", 1000)],
  moves: [],
  surprises: [],
  brokenAtMs: [1100, 1020, 1500],
  reopenedAtMs: [1400, 1900],
  failedAtMs: [1010, 1050, 1300, 2000],
  judged: { startMs: 0, connections: [], requests: [], datagrams: [] },
  foundation: { states: {}, flows: [] },
};

export function assertionOf(text: string): Assertion {
  const result = parseAssertion(text);
  if ("wanted" in result) throw new Error(`${text}: wanted ${result.wanted}`);
  return result;
}

export function played(sentences: readonly string[], outcome = OUTCOME, name = "one"): PlayedScenario {
  const assertions = sentences.map(assertionOf);
  const router = { kind: "ecmp-router", ecmp: {} } as const;
  const rest = { lab: "metallb-bgp", seed: 1, holdTimeSeconds: 3, traffic: [], timeline: [], watchSeconds: 1 };
  const scenario = { name, description: 'A "quoted" <one>', router, assertions, ...rest };
  return { scenario, outcome, verdicts: judgeAssertions(assertions, outcome), speakers: [] };
}

export const SUITE = { name: "suite", description: "Which one?", lab: "metallb-bgp", scenarios: [] };

/** Charts that are hard to draw: everything breaks, nothing does, and faults on top of each other, up to the right edge. */
export const HARD: readonly PlayedScenario[] = [
  played(["as forecast"]),
  played(
    [],
    {
      ...OUTCOME,
      connections: { ...OUTCOME.connections, broken: 200, forecast: 200 },
      differences: { ...OUTCOME.differences, "socket-hash": 216, "packets-lost": 63, late: 12 },
      brokenAtMs: Array.from({ length: 200 }, (_, index) => 1000 + index),
      reopenedAtMs: Array.from({ length: 190 }, (_, index) => 1300 + 2 * index),
      longestGapMs: Number.POSITIVE_INFINITY,
      recoverMs: Number.POSITIVE_INFINITY,
      marks: ["n1", "n2", "n3", "n4"].flatMap((node) => [
        marked("loss", node, "begins", 1000),
        marked("loss", node, "ends", 2000),
      ]),
    },
    "a-strategy-with-rather-a-long-name",
  ),
  played(
    [],
    {
      ...OUTCOME,
      connections: { ...OUTCOME.connections, broken: 0, forecast: 0 },
      brokenAtMs: [],
      reopenedAtMs: [],
      moves: [{ name: "www.example.test", to: "other", fromMs: 1010, toMs: 1014, plannedToMs: 1000 }],
      marks: [
        marked("one-way-loss", "n1", "begins", 1000),
        marked("one-way-loss", "n2", "begins", 1150),
        marked("mac-change", "n3", "begins", 1300),
        marked("session-flap", "n4", "begins", 5900),
        marked("pods-move", "n1", "begins", 6000),
      ],
    },
    "crowded",
  ),
];
