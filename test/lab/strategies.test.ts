/** The strategies side by side: the table, the JSON, the CSV and the page, of a result made by hand. */
import { readFileSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { loadLab } from "#src/lab/catalog.ts";
import { REASON_NAMES, REASONS } from "#src/lab/difference.ts";
import { scenarioReport } from "#src/lab/page/data.ts";
import { renderStrategiesPage } from "#src/lab/page/strategies-page.ts";
import {
  failures,
  renderReasons,
  renderStrategies,
  renderVerdicts,
  strategiesToCsv,
  strategiesToJson,
} from "#src/lab/strategies.ts";
import { OUTCOME, played, SUITE } from "./strategies-result.ts";

const LAB = loadLab("metallb-bgp");
const PROVENANCE = { version: "1", node: "v20", kernel: "6", timestamp: "2026-01-01T00:00:00Z" };

it("the table has a row for each strategy, with every difference under its name", () => {
  const [head, row] = renderStrategies([played([])]);
  expect(head).toMatch(/^strategy +connections +broken +forecast/);
  expect(row).toMatch(
    /^one +200 +3 \(1.5 %\) +2 +1 +301 ms +1.23 s +90 +4 +4 +2 +7 +3 +2 +5 +2 pod-gone, 1 at-the-edge, 1 unexplained$/,
  );
});

it("who never comes back is told so", () => {
  const never = { ...OUTCOME, longestGapMs: Number.POSITIVE_INFINITY, recoverMs: Number.POSITIVE_INFINITY };
  expect(renderStrategies([played([], never)])[1]).toContain("never ended  never ");
});

it("what fails is told by strategy: broken assertions, and differences that nothing explains", () => {
  expect(failures([played(["as forecast", "failed requests <= 9"])])).toEqual([
    "one: wanted as forecast, found 1 unexplained",
    "one: tcp <10.0.1.2>: forecast to live; it broke",
  ]);
});

it("every assertion is told with what was found, kept or not", () => {
  expect(renderVerdicts([played(["as forecast", "failed requests = 0"]), played(["p99 gap < 1 s"], OUTCOME, "two")])).toEqual([
    "strategy  assertion            found               verdict",
    "one       as forecast          1 unexplained       does NOT hold",
    "one       failed requests = 0  0                   holds",
    "two       p99 gap < 1 s        nothing to measure  does NOT hold",
  ]);
});

it("each reason that was one is told with its count, its meaning and its witness, and no other", () => {
  const told = renderReasons([played([]), played([])]);
  expect(told.filter((line) => !line.startsWith(" ")).map((line) => line.split(":")[0])).toEqual([
    "pod-gone, 4 times",
    "at-the-edge, 2 times",
    "unexplained, 2 times",
  ]);
  expect(told[1]).toBe(`  witness: ${REASONS["pod-gone"].witness}`);
});

it("the JSON and the page have the whole list, with what was counted", () => {
  const { reasons } = strategiesToJson(SUITE, [played([])]);
  expect(reasons.map(({ reason }) => reason)).toEqual(REASON_NAMES);
  expect(reasons.filter(({ times }) => times > 0).map(({ reason, times }) => [reason, times])).toEqual([
    ["pod-gone", 2],
    ["at-the-edge", 1],
    ["unexplained", 1],
  ]);
  const page = renderStrategiesPage(LAB, SUITE, [played([])], PROVENANCE);
  for (const name of REASON_NAMES) expect(page).toContain(`>${name}<`);
});

it("lab/README.md has the closed list as the code has it", () => {
  const file = new URL("../../lab/README.md", import.meta.url);
  const text = readFileSync(file, "utf8");
  const rows = REASON_NAMES.map((name) => `| \`${name}\` | ${REASONS[name].means} | ${REASONS[name].witness} |\n`);
  const wanted = `| reason | what it means | witness |\n|---|---|---|\n${rows.join("")}`;
  const found = /^\| reason \| what it means \| witness \|\n(?:\|.*\n)*/m.exec(text)?.[0];
  if (process.env.UPDATE_EXPECTED && found)
    writeFileSync(
      file,
      text.replace(found, () => wanted),
    );
  else expect(found, "UPDATE_EXPECTED=1 writes it anew").toBe(wanted);
});

it("the JSON has all of it", () => {
  const json = strategiesToJson(SUITE, [played(["as forecast"])]);
  expect(json).toMatchObject({ scenario: "suite", lab: "metallb-bgp" });
  expect(json.strategies[0]).toMatchObject({ strategy: "one", connections: { broken: 3 }, unexplained: OUTCOME.told });
});

it("the CSV has a line each, in numbers, and no two columns of one name", () => {
  const never = { ...OUTCOME, longestGapMs: Number.POSITIVE_INFINITY };
  const [head, one, other, rest] = strategiesToCsv([played([]), played([], never)]).split("\r\n");
  expect(new Set(head.split(",")).size).toBe(head.split(",").length);
  expect(head).toContain("longest gap ms,recovered in ms");
  expect(one).toBe('one,200,3,2,1,301.4,1234,90,4,4,2,7,3,2,5,"2 pod-gone, 1 at-the-edge, 1 unexplained"');
  expect(other).toMatch(/^one,200,3,2,1,,1234,/);
  expect(rest).toBe("");
});

it("the page carries the very JSON and CSV", () => {
  const page = renderStrategiesPage(LAB, SUITE, [played([])], PROVENANCE);
  const files = [...page.matchAll(/href="data:[a-z/]+;base64,([^"]+)"/g)].map(([, text]) =>
    Buffer.from(text, "base64").toString(),
  );
  expect(JSON.parse(files[0])).toEqual(
    JSON.parse(JSON.stringify({ ...scenarioReport(LAB, SUITE, [played([])]), provenance: PROVENANCE })),
  );
  expect(files[1]).toBe(strategiesToCsv([played([])]));
});

it("the page needs nothing else, escapes what it is told, and says what went wrong", () => {
  const page = renderStrategiesPage(LAB, SUITE, [played(["as forecast"])], PROVENANCE);
  expect(page).not.toContain("<script");
  expect(page).not.toMatch(/(?:src|href)="(?!data:)/);
  expect(page).toContain("A &quot;quoted&quot; &lt;one&gt;");
  expect(page).toContain("tcp &lt;10.0.1.2&gt;");
  expect(page).toContain("✗ 2 of what was");
  expect(renderStrategiesPage(LAB, SUITE, [played([], { ...OUTCOME, told: [] })], PROVENANCE)).toContain("✓ Everything");
});
