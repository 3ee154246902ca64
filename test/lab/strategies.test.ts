/** The strategies side by side: the table, the JSON, the CSV and the page, of a result made by hand. */
import { describe, expect, it } from "vitest";
import { judgeAssertions } from "#src/lab/assertion.ts";
import { renderStrategiesPage } from "#src/lab/page/strategies-page.ts";
import type { Assertions } from "#src/lab/scenario.ts";
import { failures, renderStrategies, strategiesToCsv, strategiesToJson } from "#src/lab/strategies.ts";
import { OUTCOME, played, SUITE } from "./strategies-result.ts";

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

it("the CSV has a line each, in numbers, and no two columns of one name", () => {
  const never = { ...OUTCOME, longestGapMs: Number.POSITIVE_INFINITY };
  const [head, one, other, rest] = strategiesToCsv([played({}), played({}, never)]).split("\r\n");
  expect(new Set(head.split(",")).size).toBe(head.split(",").length);
  expect(head).toContain("longest gap ms,recovered in ms");
  expect(one).toBe('one,200,3,2,1,301.4,1234,90,4,4,2,"2 pod-gone, 1 at-the-edge, 1 unexplained"');
  expect(other).toMatch(/^one,200,3,2,1,,1234,/);
  expect(rest).toBe("");
});

it("the page carries the very JSON and CSV", () => {
  const page = renderStrategiesPage(SUITE, [played({})], PROVENANCE);
  const files = [...page.matchAll(/href="data:[a-z/]+;base64,([^"]+)"/g)].map(([, text]) =>
    Buffer.from(text, "base64").toString(),
  );
  expect(JSON.parse(files[0])).toEqual(
    JSON.parse(JSON.stringify({ ...strategiesToJson(SUITE, [played({})]), provenance: PROVENANCE })),
  );
  expect(files[1]).toBe(strategiesToCsv([played({})]));
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
