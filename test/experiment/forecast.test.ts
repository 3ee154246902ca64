import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SELECTORS, type SelectorName } from "#src/ecmp/selector.ts";
import { digestPaths, type FlowPath } from "#src/experiment/forecast.ts";
import { type Address, parseAddress } from "#src/net/address.ts";
import { type Flow, formatFlow, parseFlow } from "#src/net/flow.ts";
import { slowForecast } from "../oracle/forecast.ts";
import { forecastRemoval } from "./removal.ts";
import { sketchState } from "./state.ts";

const NODES = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"];
const address = (text: string): Address => parseAddress(text) as Address;
const flowsTo = (destination: string, count: number): Flow[] =>
  Array.from({ length: count }, (_, i) => parseFlow(`tcp 10.1.0.2:${20000 + i} ${destination}:80`) as Flow);

describe("the forecast of a departure", () => {
  const lab = (selector: SelectorName) =>
    sketchState({
      selector,
      groups: [
        { prefixes: ["198.51.100.10/32"], members: NODES },
        { prefixes: ["198.51.100.20/32"], members: ["10.0.0.1", "10.0.0.3"] },
      ],
    });

  it("leaves groups that the departed is not in as they are", () => {
    for (const selector of Object.keys(SELECTORS) as SelectorName[]) {
      const forecast = forecastRemoval(lab(selector), flowsTo("198.51.100.20", 100), address("10.0.0.2"));
      expect(forecast.every(({ before, after, moved }) => before === after && !moved)).toBe(true);
      expect(new Set(forecast.map(({ before }) => before)).size).toBe(2);
    }
  });

  it("never has a flow end up on the departed, and moves others only where the selector does not promise otherwise", () => {
    for (const selector of Object.keys(SELECTORS) as SelectorName[]) {
      const forecast = forecastRemoval(lab(selector), flowsTo("198.51.100.10", 400), address("10.0.0.2"));
      expect(forecast.filter(({ after }) => after === "10.0.0.2")).toEqual([]);
      const survivors = forecast.filter(({ before, moved }) => before !== "10.0.0.2" && moved);
      const { movement } = SELECTORS[selector];
      if (movement === "minimal") expect(survivors, selector).toEqual([]);
      if (movement === "bounded") expect(survivors.length, selector).toBeLessThan(10);
      if (movement === "any") expect(survivors.length, selector).toBeGreaterThan(10);
    }
  });

  it("falls back on a less specific prefix when the last member of a group departs", () => {
    const state = sketchState({
      selector: "modulo",
      groups: [
        { prefixes: ["198.51.100.10/32"], members: ["10.0.0.1"] },
        { prefixes: ["198.51.100.0/24"], members: ["10.0.0.9"] },
      ],
    });
    const [flow] = flowsTo("198.51.100.10", 1);
    expect(forecastRemoval(state, [flow], address("10.0.0.1"))).toEqual([
      { flow: formatFlow(flow), prefix: "198.51.100.10/32", before: "10.0.0.1", after: "10.0.0.9", moved: true },
    ]);
  });

  it("has nowhere to go when there is no other prefix, and nothing to say where there was none", () => {
    const state = sketchState({ selector: "modulo", groups: [{ prefixes: ["198.51.100.10/32"], members: ["10.0.0.1"] }] });
    const [known, unknown] = [...flowsTo("198.51.100.10", 1), ...flowsTo("192.0.2.1", 1)];
    expect(forecastRemoval(state, [known, unknown], address("10.0.0.1"))).toEqual([
      { flow: formatFlow(known), prefix: "198.51.100.10/32", before: "10.0.0.1", after: undefined, moved: true },
      { flow: formatFlow(unknown), prefix: undefined, before: undefined, after: undefined, moved: false },
    ]);
  });

  it("is what the slow twin forecasts from the JSON alone", () => {
    const ipv4 = fc.integer({ min: 1, max: 6 }).map((n) => `10.0.0.${n}`);
    const ipv6 = fc.integer({ min: 1, max: 6 }).map((n) => `2001:db8:1::${n}`);
    const weighted = (hop: fc.Arbitrary<string>) =>
      fc.uniqueArray(fc.tuple(hop, fc.integer({ min: 1, max: 4 })), { selector: ([name]) => name, minLength: 1, maxLength: 6 });
    const members = fc.oneof(weighted(ipv4), weighted(ipv6)).map((list) => list.map(([name, weight]) => `${name}*${weight}`));
    const prefixes = ["198.51.100.10/32", "198.51.100.0/24", "0.0.0.0/0", "2001:db8:5::/48", "::/0"];
    const group = (prefix: string) =>
      fc.record({ prefixes: fc.constant([prefix]), members, history: fc.array(members, { maxLength: 2 }) });
    const groups = fc.subarray(prefixes, { minLength: 1 }).chain((chosen) => fc.tuple(...chosen.map(group)));
    const port = fc.integer({ min: 1, max: 65535 });
    const flow = fc.oneof(
      fc
        .tuple(port, fc.constantFrom("198.51.100.10", "198.51.100.11", "192.0.2.1"), port)
        .map(([from, to, at]) => `tcp 10.1.0.2:${from} ${to}:${at}`),
      fc
        .tuple(port, fc.constantFrom("2001:db8:5::1", "2001:db8:6::1"), port)
        .map(([from, to, at]) => `udp [2001:db8::2]:${from} [${to}]:${at}`),
      fc.constant("icmp 10.1.0.2 198.51.100.10"),
    );
    const state = fc.record({
      // Those that the twin knows: the others have twins of their own, of their tables.
      selector: fc.constantFrom<SelectorName>("modulo", "threshold", "resilient"),
      buckets: fc.constantFrom(16, 31),
      fields: fc.constantFrom(["5-tuple"], ["3-tuple"], ["destination-port", "source-port", "source-address"]),
      seed: fc.integer({ min: 0, max: 0xffffffff }),
      groups,
    });
    let moved = 0;
    fc.assert(
      fc.property(state, fc.array(flow, { minLength: 5, maxLength: 20 }), fc.oneof(ipv4, ipv6), (sketch, flows, departed) => {
        const state = sketchState(sketch);
        const parsed = flows.map((text) => parseFlow(text) as Flow);
        const forecast = forecastRemoval(state, parsed, address(departed));
        const plain = { ...state, hash: { ...state.hash, fields: spellOut(state.hash.fields) } };
        expect(forecast).toEqual(flows.map((text) => ({ flow: text, ...slowForecast(plain, text, departed) })));
        moved += forecast.filter((flow) => flow.moved).length;
      }),
      { numRuns: 300 },
    );
    // Or the comparison would have been of nothing.
    expect(moved).toBeGreaterThan(50);
  });
});

/** The aliases of `ecmp/key.ts`, written here once more for the twin. */
function spellOut(fields: readonly string[]): string[] {
  const three = ["source-address", "destination-address", "protocol"];
  return fields.flatMap((name) =>
    name === "3-tuple" ? three : name === "5-tuple" ? [...three, "source-port", "destination-port"] : name,
  );
}

describe("the digest of paths", () => {
  const path: FlowPath = {
    flow: "tcp 10.1.0.2:1 198.51.100.10:80",
    prefix: "198.51.100.10/32",
    nextHops: ["10.0.0.1", undefined],
  };
  const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

  it.each([
    ["leads nowhere in the end", path.nextHops, '"10.0.0.1",null,true'],
    ["stays", ["10.0.0.1", "10.0.0.1"], '"10.0.0.1","10.0.0.1",false'],
    ["leads away and back", ["10.0.0.1", "10.0.0.2", "10.0.0.1"], '"10.0.0.1","10.0.0.2","10.0.0.1",true'],
    ["knows of no change", ["10.0.0.1"], '"10.0.0.1",false'],
    ["had nowhere to go", [undefined, "10.0.0.1"], 'null,"10.0.0.1",false'],
  ])("is the SHA-256 of one JSON array a line, of one that %s", (_, nextHops, words) => {
    const line = `["tcp 10.1.0.2:1 198.51.100.10:80","198.51.100.10/32",${words}]\n`;
    expect(
      digestPaths([
        { ...path, nextHops },
        { ...path, nextHops },
      ]),
    ).toBe(sha256(line + line));
  });

  it("is another one when anything differs, the order included", () => {
    const others: FlowPath[] = [
      { ...path, flow: "tcp 10.1.0.2:2 198.51.100.10:80" },
      { ...path, prefix: undefined },
      { ...path, nextHops: ["10.0.0.2", undefined] },
      { ...path, nextHops: ["10.0.0.1", "10.0.0.2"] },
    ];
    const digests = [[path], [], [path, others[0]], [others[0], path], ...others.map((other) => [other])].map(digestPaths);
    expect(new Set(digests).size).toBe(digests.length);
  });
});
