/**
 * What a scenario may demand of its outcome: "as forecast", or a quantity of the table below, of all its flows or of those of one
 * service, compared with a number: "p99 gap of web < 1 s". `scenario-file.ts` reads such sentences, `scenario-run.ts` has them
 * judged. Percentiles are by nearest rank: of n values the one at place ceil(p * n).
 */
import { isBroken } from "./connection.ts";
import { lostOf } from "./datagram.ts";
import { gapMs, isOnSurvivor, type JudgedTraffic, latencyMs, recoverMs, type ScenarioOutcome } from "./outcome.ts";
import type { Assertion, Comparison, Traffic } from "./scenario.ts";

type Unit = "ms" | "%" | "";

/** The flows that a quantity is of, and what happened to nodes meanwhile. */
type Observed = JudgedTraffic & Pick<ScenarioOutcome, "marks">;

export interface Quantity {
  readonly unit: Unit;
  /** The traffic without which there is nothing to measure. */
  readonly kind: Traffic["kind"];
  /** It counts from the first fault on. */
  readonly ofFaults?: true;
  /** Undefined: of nothing. */
  readonly measure: (observed: Observed) => number | undefined;
}

const countIf = <One>(all: readonly One[], counts: (one: One) => boolean): number => all.filter(counts).length;
const percent = (part: number, whole: number): number | undefined => (whole === 0 ? undefined : (100 * part) / whole);
const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);

function percentile(values: readonly number[], share: number): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.ceil(share * values.length) - 1];
}

const SHARES = { p50: 0.5, p95: 0.95, p99: 0.99, longest: 1 } as const;
const TIMES = {
  gap: {
    kind: "connections",
    valuesOf: ({ connections }: Observed) => connections.map(({ record }) => gapMs(record)),
  },
  latency: { kind: "requests", valuesOf: ({ requests }: Observed) => requests.map(({ record }) => latencyMs(record)) },
} as const;

const PERCENTILES = Object.entries(TIMES).flatMap(([name, { kind, valuesOf }]) =>
  Object.entries(SHARES).map(([place, share]): [string, Quantity] => [
    `${place} ${name}`,
    { unit: "ms", kind, measure: (observed) => percentile(valuesOf(observed), share) },
  ]),
);

export const QUANTITIES: ReadonlyMap<string, Quantity> = new Map<string, Quantity>([
  ...PERCENTILES,
  ["recovery", { unit: "ms", kind: "connections", ofFaults: true, measure: recoverMs }],
  [
    "broken",
    { unit: "", kind: "connections", measure: ({ connections }) => countIf(connections, ({ record }) => isBroken(record)) },
  ],
  [
    "broken on survivors",
    {
      unit: "",
      kind: "connections",
      measure: ({ connections, marks }) => countIf(connections, (each) => isBroken(each.record) && isOnSurvivor(each, marks)),
    },
  ],
  [
    "share broken",
    {
      unit: "%",
      kind: "connections",
      measure: ({ connections }) =>
        percent(
          countIf(connections, ({ record }) => isBroken(record)),
          connections.length,
        ),
    },
  ],
  [
    "share on the busiest node",
    {
      unit: "%",
      kind: "connections",
      measure: ({ connections }) => {
        const nodes = [...new Set(connections.map(({ node }) => node))];
        return percent(
          Math.max(0, ...nodes.map((name) => countIf(connections, ({ node }) => node === name))),
          connections.length,
        );
      },
    },
  ],
  [
    "failed requests",
    { unit: "", kind: "requests", measure: ({ requests }) => countIf(requests, ({ record }) => !record.answered) },
  ],
  [
    "share failed",
    {
      unit: "%",
      kind: "requests",
      measure: ({ requests }) =>
        percent(
          countIf(requests, ({ record }) => !record.answered),
          requests.length,
        ),
    },
  ],
  [
    "lost datagrams",
    { unit: "", kind: "datagrams", measure: ({ datagrams }) => sum(datagrams.map(({ record }) => lostOf(record))) },
  ],
  [
    "share lost",
    {
      unit: "%",
      kind: "datagrams",
      measure: ({ datagrams }) =>
        percent(sum(datagrams.map(({ record }) => lostOf(record))), sum(datagrams.map(({ record }) => record.sent))),
    },
  ],
]);

const COMPARISONS: Readonly<Record<Comparison, (found: number, limit: number) => boolean>> = {
  "<": (found, limit) => found < limit,
  "<=": (found, limit) => found <= limit,
  "=": (found, limit) => found === limit,
  ">=": (found, limit) => found >= limit,
  ">": (found, limit) => found > limit,
};

/** What may stand behind a number, and what it multiplies it by. */
const UNITS: Readonly<Record<Unit, Readonly<Record<string, number>>>> = {
  ms: { ms: 1, s: 1000 },
  "%": { "%": 1 },
  "": { "": 1 },
};
const UNIT_EXAMPLES: Readonly<Record<Unit, string>> = {
  ms: "a time behind it, like 500 ms or 1 s",
  "%": "a share behind it, like 5 %",
  "": "a count behind it, like 5",
};

const EXAMPLE = 'like "p99 gap < 1 s" or "share broken of web <= 5 %"';
const SENTENCE =
  /^(?<quantity>[a-z0-9 ]+?)(?: of (?<service>\S+))? (?<comparison><=|>=|<|=|>) (?<number>\d+(?:\.\d+)?) ?(?<unit>ms|s|%|)$/;

/** As far as a pattern tells: an editor has it, and `parseAssertion` the last word. */
export const SENTENCE_PATTERN = new RegExp(
  `^(as forecast|(${[...QUANTITIES.keys()].join("|")})( of \\S+)? (<=|>=|<|=|>) \\d+(\\.\\d+)? ?(ms|s|%|))$`,
);

/** The assertion that a sentence is, or what is wanted in its place. */
export function parseAssertion(text: string): Assertion | { readonly wanted: string } {
  if (text === "as forecast") return { text };
  const { quantity = "", service, comparison, number, unit } = SENTENCE.exec(text)?.groups ?? {};
  if (comparison === undefined) return { wanted: `"as forecast", or a quantity, <, <=, =, >= or >, and a number, ${EXAMPLE}` };
  const found = QUANTITIES.get(quantity);
  if (!found) return { wanted: `"as forecast", or one of ${[...QUANTITIES.keys()].join(", ")} before the ${comparison}` };
  const factor = UNITS[found.unit][unit];
  if (factor === undefined) return { wanted: UNIT_EXAMPLES[found.unit] };
  const demand = { quantity, service, comparison: comparison as Comparison, limit: Number(number) * factor };
  return isIdle(demand, found.unit) ? { wanted: IDLE[found.unit] } : { text, demand };
}

const MOST: Readonly<Record<Unit, number>> = { ms: Number.POSITIVE_INFINITY, "%": 100, "": Number.POSITIVE_INFINITY };
const IDLE: Readonly<Record<Unit, string>> = {
  ms: "what can hold, and can fail: a time is 0 or more",
  "%": "what can hold, and can fail: a share is 0 to 100 %",
  "": "what can hold, and can fail: a count is a whole number from 0 on",
};

/** It holds whatever is found, or whatever is found does not. */
function isIdle({ comparison, limit }: NonNullable<Assertion["demand"]>, unit: Unit): boolean {
  if (unit === "" && !Number.isInteger(limit)) return true;
  if (comparison === "=") return limit > MOST[unit];
  const [ofNothing, ofMost] = [0, MOST[unit]].map((found) => COMPARISONS[comparison](found, limit));
  return ofNothing === ofMost;
}

export interface Verdict {
  /** As it was written. */
  readonly assertion: string;
  /** Of `unit`; undefined: there was nothing to measure, and it does not hold. */
  readonly found: number | undefined;
  readonly unit: Unit | "differences";
  readonly limit: number;
  readonly holds: boolean;
}

export const judgeAssertions = (assertions: readonly Assertion[], outcome: ScenarioOutcome): Verdict[] =>
  assertions.map(({ text, demand }) => {
    if (!demand) {
      const found = outcome.differences.unexplained;
      return { assertion: text, found, unit: "differences", limit: 0, holds: found === 0 };
    }
    const { quantity, service, comparison, limit } = demand;
    const row = QUANTITIES.get(quantity);
    if (!row) throw new Error(`no quantity ${quantity}, and the file was checked for that`);
    const found = row.measure({ ...ofService(outcome.judged, service), marks: outcome.marks });
    return { assertion: text, found, unit: row.unit, limit, holds: found !== undefined && COMPARISONS[comparison](found, limit) };
  });

function ofService(judged: JudgedTraffic, wanted: string | undefined): JudgedTraffic {
  if (wanted === undefined) return judged;
  const isOf = ({ service }: { readonly service: string }) => service === wanted;
  const { connections, requests, datagrams } = judged;
  return { ...judged, connections: connections.filter(isOf), requests: requests.filter(isOf), datagrams: datagrams.filter(isOf) };
}

/** What was found, as people read it. */
export function describeFound({ found, unit }: Pick<Verdict, "found" | "unit">): string {
  if (found === undefined) return "nothing to measure";
  if (found === Number.POSITIVE_INFINITY) return "never ended";
  if (unit === "differences") return `${found} unexplained`;
  return unit === "" ? String(found) : `${found.toFixed(unit === "ms" ? 0 : 1)} ${unit}`;
}
