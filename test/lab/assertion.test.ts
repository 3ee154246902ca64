/** What may be demanded of an outcome: how it is written, what it measures, and on a real lab that it decides the exit code. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeFound, judgeAssertions, parseAssertion, QUANTITIES } from "#src/lab/assertion.ts";
import type { JudgedConnection, JudgedRequest, ScenarioOutcome } from "#src/lab/outcome.ts";
import type { Flow } from "#src/net/flow.ts";
import { canRunLabs, LAB_DEADLINE_MS } from "./run-lab.ts";
import { assertionOf, OUTCOME } from "./strategies-result.ts";
import { MAIN, users } from "./users.ts";

describe("an assertion", () => {
  it.each([
    ["p99 gap < 1 s", { quantity: "p99 gap", comparison: "<", limit: 1000 }],
    [
      "longest latency of web-ingress >= 1.5s",
      { quantity: "longest latency", service: "web-ingress", comparison: ">=", limit: 1500 },
    ],
    [
      "share broken of www.example.test <= 5 %",
      { quantity: "share broken", service: "www.example.test", comparison: "<=", limit: 5 },
    ],
    ["broken on survivors = 0", { quantity: "broken on survivors", comparison: "=", limit: 0 }],
  ])("%s", (text, demand) => expect(parseAssertion(text)).toMatchObject({ text, demand }));

  it("may be that all was as forecast, which has no number", () => {
    expect(parseAssertion("as forecast")).toEqual({ text: "as forecast" });
  });

  it.each([
    ["beauty", /^"as forecast", or a quantity, .* like "p99 gap < 1 s"/],
    ["p99 gap is small", /^"as forecast", or a quantity/],
    ["p99 gap < -1 s", /^"as forecast", or a quantity/],
    ["p98 gap < 1 s", /^"as forecast", or one of p50 gap, p95 gap, p99 gap, longest gap, p50 latency, .* before the <$/],
    ["p99 gap < 1", /^a time behind it, like 500 ms or 1 s$/],
    ["share broken < 1 s", /^a share behind it, like 5 %$/],
    ["broken = 0 %", /^a count behind it, like 5$/],
    ["broken < 0", /^what can hold, and can fail: a count is a whole number/],
    ["broken >= 0", /^what can hold, and can fail/],
    ["failed requests = 0.5", /^what can hold, and can fail: a count is a whole number/],
    ["share broken <= 500 %", /^what can hold, and can fail: a share is 0 to 100 %$/],
    ["share broken > 100 %", /^what can hold, and can fail/],
    ["longest gap >= 0 ms", /^what can hold, and can fail: a time/],
  ])("%s is none, and it is said what is wanted", (text, wanted) => {
    expect(parseAssertion(text)).toEqual({ wanted: expect.stringMatching(wanted) });
  });
});

const AT_MS = 1000;
const FLOW: Flow = { protocol: 6, source: 1, destination: 2, sourcePort: 3, destinationPort: 4 };

/** A connection that was silent for so long; one that broke was open again after it. */
function connection(service: string, node: string, gapMs: number, ends?: "reset" | "for good"): JudgedConnection {
  const flow = { flow: "", prefix: undefined, nextHops: [node] };
  const record = { flow: "", opened: true, bytes: 0, redials: 0, lastEchoAtMs: AT_MS, longestSilenceMs: ends ? 0 : gapMs };
  const end = { ...(ends && { resetAtMs: AT_MS }), ...(ends === "reset" && { reopenedAtMs: AT_MS + gapMs }) };
  const observed = { broken: ends !== undefined, wasReset: false, short: false, fromMs: 0, toMs: AT_MS, entry: node };
  const expectation = { ...flow, entry: node, fate: "lives" } as const;
  const planned = { service, flow: FLOW, forecastNode: node };
  return { ...planned, record: { ...record, ...end }, expectation, observed, node, reordered: undefined, reason: undefined };
}

function request(service: string, latencyMs: number | undefined): JudgedRequest {
  const record = { flow: "", begunAtMs: AT_MS, attempts: 1, bytes: 0, answered: latencyMs !== undefined };
  const expectation = { flow: "", prefix: undefined, nextHops: [], entry: undefined, fate: "lives" } as const;
  const answer = latencyMs === undefined ? {} : { firstByteAtMs: AT_MS + latencyMs };
  return { service, record: { ...record, ...answer }, expectation, forecastNode: undefined, node: undefined, reason: undefined };
}

const outcomeOf = (connections: readonly JudgedConnection[], requests: readonly JudgedRequest[] = []): ScenarioOutcome => ({
  ...OUTCOME,
  marks: [{ ...OUTCOME.marks[0], nextHops: ["n2"], fromMs: 900 }],
  judged: { startMs: 0, connections, requests, datagrams: [] },
});

describe("what is found", () => {
  const outcome = outcomeOf(
    [
      connection("web", "n1", 10),
      connection("web", "n1", 20, "reset"),
      connection("web", "n2", 300, "reset"),
      connection("db", "n2", 40, "for good"),
      connection("db", "n3", 50),
    ],
    [request("web", 5), request("web", 7), request("web", undefined)],
  );

  it.each([
    ["p50 gap", "50 ms"],
    ["longest gap", "never ended"],
    ["longest gap of web", "300 ms"],
    ["p50 gap of web", "20 ms"],
    ["p50 latency", "7 ms"],
    ["p99 latency", "never ended"],
    ["p50 latency of db", "nothing to measure"],
    ["recovery", "never ended"],
    // The first fault was 100 ms before they broke.
    ["recovery of web", "400 ms"],
    ["broken", "3"],
    ["broken of db", "1"],
    ["broken on survivors", "1"],
    ["broken on survivors of db", "0"],
    ["share broken", "60.0 %"],
    ["share broken of db", "50.0 %"],
    ["share on the busiest node", "40.0 %"],
    ["share on the busiest node of web", "66.7 %"],
    ["failed requests", "1"],
    ["share failed", "33.3 %"],
    ["lost datagrams", "0"],
    ["share lost", "nothing to measure"],
  ])("of %s: %s", (words, found) => {
    const unit = QUANTITIES.get(words.replace(/ of \w+$/, ""))?.unit ?? "none";
    const { text, demand } = assertionOf(`${words} > 0 ${unit}`.trim());
    const [verdict] = judgeAssertions([{ text, ...(demand && { demand: { ...demand, comparison: ">=" } }) }], outcome);
    expect(describeFound(verdict)).toBe(found);
    expect(verdict.holds).toBe(found !== "nothing to measure");
  });

  it.each([
    ["<", [true, false, false]],
    ["<=", [true, true, false]],
    ["=", [false, true, false]],
    [">=", [false, true, true]],
    [">", [false, false, true]],
  ])("is held against the limit by %s", (comparison, holds) => {
    const found = [19, 20, 21].map((gapMs) =>
      judgeAssertions([assertionOf(`longest gap ${comparison} 20 ms`)], outcomeOf([connection("web", "n1", gapMs)])),
    );
    expect(found.map(([verdict]) => verdict.holds)).toEqual(holds);
  });

  it("at a percentile is the least value that so many percent do not pass", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1000), { minLength: 1, maxLength: 300 }), fc.constantFrom(50, 95, 99), (gaps, percent) => {
        const [{ found = -1 }] = judgeAssertions(
          [assertionOf(`p${percent} gap < 1 s`)],
          outcomeOf(gaps.map((gapMs) => connection("web", "n1", gapMs))),
        );
        const withinOf = (limit: number) => (100 * gaps.filter((gap) => gap <= limit).length) / gaps.length;
        expect(gaps).toContain(found);
        expect(withinOf(found)).toBeGreaterThanOrEqual(percent);
        expect(withinOf(found - 1)).toBeLessThan(percent);
      }),
    );
  });
});

describe.skipIf(!canRunLabs)("assertions on a real lab", () => {
  it("are each told with what was found, and one that does not hold ends the command with 1", {
    timeout: LAB_DEADLINE_MS,
  }, async () => {
    const file = fileURLToPath(new URL("fixtures/assertions/scenario.yaml", import.meta.url));
    const [[, prefix]] = users;
    const [program, ...words] = [...prefix, process.execPath, MAIN, "lab", "run", file];
    const { code, stdout, stderr } = await new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) =>
      execFile(program, words, { timeout: LAB_DEADLINE_MS }, (error, stdout, stderr) =>
        resolve({ code: error?.code ?? 0, stdout, stderr }),
      ),
    );
    expect(code, stderr).toBe(1);
    for (const told of [
      /^some +as forecast +0 unexplained +holds$/m,
      /^some +longest gap of echo > 10 ms +\d+ ms +holds$/m,
      /^some +share broken of echo <= 75 % +\d+\.\d % +holds$/m,
      /^some +p50 latency of web < 5 s +\d+ ms +holds$/m,
      /^some +failed requests = 0 +0 +holds$/m,
      /^some +broken of echo = 0 +[1-9]\d* +does NOT hold$/m,
      /^some +p95 gap < 1 ms +\d+ ms +does NOT hold$/m,
    ]) {
      expect(stdout).toMatch(told);
    }
    expect(stderr).toMatch(/some: wanted p95 gap < 1 ms, found \d+ ms/);
    expect(stderr).not.toContain("wanted as forecast");
  });
});
