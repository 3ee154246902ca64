import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createFlowCensus, createRecentFlows } from "#src/experiment/replay-flows.ts";
import { seededRandom } from "#src/net/random.ts";

type FlowRow = readonly [source: number, destination: number, ports: number, nextHop: number, protocol: number];
const NEXT_HOPS = 3;

const report = (rows: readonly FlowRow[]): Uint32Array =>
  Uint32Array.from(
    rows.flatMap(([source, destination, ports, nextHop, protocol]) => [
      source,
      destination,
      ports,
      ((nextHop + 1) << 8) | protocol,
    ]),
  );

const row = fc.tuple(fc.nat(40), fc.nat(2), fc.nat(2), fc.nat(NEXT_HOPS - 1), fc.constantFrom(6, 17));

describe("the flow census", () => {
  it("counts as a set does, repeats and flows over several next hops included", () => {
    fc.assert(
      fc.property(fc.array(row, { maxLength: 300 }), (rows) => {
        const census = createFlowCensus(NEXT_HOPS, 1 << 10);
        census.add(report(rows));
        census.add(report(rows));
        const flows = new Set(
          rows.map(([source, destination, ports, , protocol]) => [source, destination, ports, protocol].join()),
        );
        const taken = [...new Set(rows.map((one) => one.join()))].map((key) => Number(key.split(",")[3]));
        expect(census.count()).toEqual({
          flows: flows.size,
          byNextHop: [0, 1, 2].map((nextHop) => taken.filter((one) => one === nextHop).length),
          halvings: 0,
        });
      }),
    );
  });

  const random = seededRandom(7);
  const many: FlowRow[] = Array.from({ length: 100_000 }, (_, i) => [random(), random(), random(), i % NEXT_HOPS, 6]);

  it("grows, and is exact until half of its slots are used", () => {
    const census = createFlowCensus(NEXT_HOPS, 1 << 18);
    census.add(report(many));
    expect(census.count()).toEqual({ flows: 100_000, byNextHop: [33_334, 33_333, 33_333], halvings: 0 });
  });

  it("estimates beyond: within its error, adding up, and the same in any order and division", () => {
    const slots = 1 << 13;
    const census = createFlowCensus(NEXT_HOPS, slots);
    census.add(report(many));
    const { flows, byNextHop, halvings } = census.count();
    // 100,000 flows in 4,096 places: 2^5 at least. The standard error of the estimate is 1.2 over the root of the places.
    expect(halvings).toBeGreaterThanOrEqual(5);
    expect(Math.abs(flows / 100_000 - 1)).toBeLessThan((5 * 1.2) / Math.sqrt(slots / 2));
    expect(byNextHop.reduce((sum, count) => sum + count)).toBe(flows);

    const other = createFlowCensus(NEXT_HOPS, slots);
    const reversed = [...many].reverse();
    for (let i = 0; i < reversed.length; i += 777) other.add(report(reversed.slice(i, i + 777 + 50)));
    expect(other.count()).toEqual({ flows, byNextHop, halvings });
  });
});

describe("recent flows", () => {
  it("never keep a flow from being reported that was not just reported", () => {
    const recent = createRecentFlows();
    const reported = new Set<number>();
    let repeats = 0;
    const random = seededRandom(1);
    for (let i = 0; i < 50_000; i++) {
      const flow = [random() % 5000, 1, 2, (1 << 8) | 6] as const;
      if (recent.note(...flow)) reported.add(flow[0]);
      else if (reported.has(flow[0])) repeats++;
      else expect.fail(`flow ${flow[0]} was held back, and never reported`);
    }
    // 5,000 flows in 32,768 slots seldom push each other out.
    expect(repeats).toBeGreaterThan(35_000);
  });
});
