/** The strategies side by side: the table, the JSON, the CSV and the page, of a result made by hand. */
import { describe, expect, it } from "vitest";
import { judgeAssertions } from "#src/lab/assertion.ts";
import type { ScenarioOutcome } from "#src/lab/outcome.ts";
import { renderStrategiesPage } from "#src/lab/page/strategies-page.ts";
import type { Assertions } from "#src/lab/scenario.ts";
import { failures, type PlayedScenario, renderStrategies, strategiesToCsv, strategiesToJson } from "#src/lab/strategies.ts";

const OUTCOME: ScenarioOutcome = {
  connections: { opened: 200, broken: 3, forecast: 2, forecastByPod: 1, brokenOnSurvivors: 1, perNode: { n1: 120, n2: 80 } },
  requests: { count: 90, failed: 4, forecast: 4, failedAfterRetry: 2 },
  differences: {
    "socket-hash": 0,
    "pod-gone": 2,
    "pod-cut-off": 0,
    "packets-lost": 0,
    "at-the-edge": 1,
    late: 0,
    unexplained: 1,
  },
  told: ["tcp <10.0.1.2>: forecast to live; it broke"],
  digest: "d".repeat(64),
  longestGapMs: 301.4,
  recoverMs: 1234,
  marks: [
    { fault: "withdraw", node: "n2", nextHops: ["10.0.0.12"], what: "begins", fromMs: 1000, toMs: 1010, plannedToMs: 1000 },
  ],
  brokenAtMs: [1100, 1020, 1500],
};

function played(assertions: Assertions, outcome = OUTCOME): PlayedScenario {
  const router = { kind: "ecmp-router", ecmp: {} } as const;
  const rest = { lab: "metallb-bgp", seed: 1, holdTimeSeconds: 3, traffic: [], timeline: [], watchSeconds: 1 };
  const scenario = { name: "one", description: 'A "quoted" <one>', router, assertions, ...rest };
  return { scenario, outcome, verdicts: judgeAssertions(assertions, outcome) };
}

const SUITE = { name: "suite", description: "Which one?", lab: "metallb-bgp", scenarios: [] };
const PROVENANCE = { version: "1", node: "v20", kernel: "6", timestamp: "2026-01-01T00:00:00Z" };

describe("assertions", () => {
  it.each([
    [{ asForecast: true }, [false]],
    [{ asForecast: 1 }, [true]],
    [{ survivorsUnbroken: true, noneBroken: 3 }, [false, true]],
    [{ busiestNodePercent: 59 }, [false]],
    [{ busiestNodePercent: 60 }, [true]],
    [{ longestGapMs: 301 }, [false]],
    [{ longestGapMs: 302, recoverSeconds: 1.3 }, [true, true]],
    [{ failedRequests: true }, [false]],
    [{ failedRequests: 2 }, [true]],
  ] as [Assertions, boolean[]][])("%j: %j", (assertions, holds) => {
    expect(judgeAssertions(assertions, OUTCOME).map((verdict) => verdict.holds)).toEqual(holds);
  });
});

it("the table has a row for each strategy, with every difference under its name", () => {
  const [head, row] = renderStrategies([played({})]);
  expect(head).toMatch(/^strategy +connections +broken +forecast/);
  expect(row).toMatch(/^one +200 +3 \(1.5 %\) +2 +1 +301 ms +1.23 s +90 +4 +4 +2 +2 pod-gone, 1 at-the-edge, 1 unexplained$/);
});

it("who never comes back is told so", () => {
  const never = { ...OUTCOME, longestGapMs: Number.POSITIVE_INFINITY, recoverMs: Number.POSITIVE_INFINITY };
  expect(renderStrategies([played({}, never)])[1]).toContain("never ended  never ");
});

it("what fails is told by strategy: broken assertions, and differences that nothing explains", () => {
  expect(failures([played({ asForecast: true, failedRequests: 9 })])).toEqual([
    "one: asForecast: found 1, wanted at most 0",
    "one: tcp <10.0.1.2>: forecast to live; it broke",
  ]);
});

it("the JSON has all of it", () => {
  const json = strategiesToJson(SUITE, [played({ asForecast: true })]);
  expect(json).toMatchObject({ scenario: "suite", lab: "metallb-bgp" });
  expect(json.strategies[0]).toMatchObject({ strategy: "one", connections: { broken: 3 }, unexplained: OUTCOME.told });
});

it("the CSV has a header and a line each", () => {
  const lines = strategiesToCsv([played({}), played({})]).split("\r\n");
  expect(lines).toHaveLength(4);
  expect(lines[1]).toMatch(/^one,200,3 \(1.5 %\),.*,"2 pod-gone, 1 at-the-edge, 1 unexplained"$/);
});

it("the page needs nothing else, escapes what it is told, and says what went wrong", () => {
  const page = renderStrategiesPage(SUITE, [played({ asForecast: true })], PROVENANCE);
  expect(page).not.toContain("<script");
  expect(page).not.toMatch(/(?:src|href)="(?!data:)/);
  expect(page).toContain("A &quot;quoted&quot; &lt;one&gt;");
  expect(page).toContain("tcp &lt;10.0.1.2&gt;");
  expect(page).toContain("✗ 2 of what was");
  expect(renderStrategiesPage(SUITE, [played({}, { ...OUTCOME, told: [] })], PROVENANCE)).toContain("✓ Everything");
});
