/** What a scenario may demand of its outcome, a row each: `true`, or a number that must not be passed. */
import type { ScenarioOutcome } from "./outcome.ts";
import type { AssertionName, Assertions } from "./scenario.ts";

/** What of the outcome counts, and against which limit where a mere `true` was said. */
const MEASURES: Readonly<Record<AssertionName, (outcome: ScenarioOutcome) => number>> = {
  asForecast: ({ differences }) => differences.unexplained,
  survivorsUnbroken: ({ connections }) => connections.brokenOnSurvivors,
  noneBroken: ({ connections }) => connections.broken,
  busiestNodePercent: ({ connections: { opened, perNode } }) => (100 * Math.max(0, ...Object.values(perNode))) / (opened || 1),
  longestGapMs: ({ longestGapMs }) => longestGapMs,
  recoverSeconds: ({ recoverMs }) => recoverMs / 1000,
  failedRequests: ({ requests }) => requests.failedAfterRetry,
  lostDatagrams: ({ datagrams }) => datagrams.lost,
};

export interface Verdict {
  readonly assertion: AssertionName;
  readonly limit: number;
  readonly found: number;
  readonly holds: boolean;
}

export function judgeAssertions(assertions: Assertions, outcome: ScenarioOutcome): Verdict[] {
  return Object.entries(assertions).map(([name, wanted]) => {
    const assertion = name as AssertionName;
    const limit = wanted === true ? 0 : wanted;
    const found = MEASURES[assertion](outcome);
    return { assertion, limit, found, holds: found <= limit };
  });
}
