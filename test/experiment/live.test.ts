/** The forecast against the router's own parts: what the offline code says before a speaker is lost is what RIB and FIB then do. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ORIGIN, SEGMENT } from "#src/bgp/path.ts";
import { SELECTORS } from "#src/ecmp/selector.ts";
import { createExplainer } from "#src/experiment/explain.ts";
import { generateFlows } from "#src/experiment/flows.ts";
import { forecastRemoval } from "#src/experiment/forecast.ts";
import { createFib } from "#src/fib/fib.ts";
import { createImage } from "#src/fib/image.ts";
import { type Flow, formatFlow } from "#src/net/flow.ts";
import { hostPrefix } from "#src/net/prefix.ts";
import type { RoutePeer, RouteUpdate } from "#src/rib/route.ts";
import { createRib } from "#src/rib/table.ts";
import { ribConfiguration } from "../rib/sketch.ts";

const SERVICES = [0xc633640a, 0xc6336414, 0xc633641e];
const NODES = [1, 2, 3, 4, 5, 6];
const peer = (node: number): RoutePeer => ({ address: 0x0a000000 + node, asn: 64500, routerId: node, type: "external" });

const announce = (node: number, service: number): RouteUpdate => ({
  kind: "update",
  peer: peer(node),
  withdrawn: [],
  announced: [hostPrefix(service)],
  attributes: { origin: ORIGIN.igp, asPath: [{ type: SEGMENT.sequence, asns: [64500] }], nextHop: peer(node).address },
});

function startRouter(selector: string) {
  const rib = createRib();
  const buffers = createImage(1 << 16);
  const hash = { algorithm: "xxh32", fields: ["5-tuple"], seed: 42 };
  const fib = createFib({ buffers, selector, selectorOptions: { buckets: 251 }, hash, workers: 0 });
  fib.apply(rib.configure(ribConfiguration()).routes);
  return {
    apply: (update: RouteUpdate) => fib.apply(rib.applyUpdate(update).routes),
    state: () => JSON.parse(JSON.stringify(fib.state())),
  };
}

const flows: Flow[] = SERVICES.flatMap((destination) => [
  ...generateFlows({
    count: 40,
    seed: destination,
    sources: { address: 0x0a010000, length: 24 },
    destination,
    destinationPort: 80,
  }),
]);

describe("a forecast and the router's own RIB and FIB", () => {
  const announcements = fc.shuffledSubarray(
    NODES.flatMap((node) => SERVICES.map((service) => [node, service] as const)),
    { minLength: 4 },
  );

  for (const selector of Object.keys(SELECTORS)) {
    it(`agree on every flow when a speaker is lost, with selector ${selector}`, () => {
      let moved = 0;
      fc.assert(
        fc.property(announcements, fc.constantFrom(...NODES), (announcements, departed) => {
          const router = startRouter(selector);
          for (const [node, service] of announcements) router.apply(announce(node, service));
          const forecast = forecastRemoval(router.state(), flows, peer(departed).address);
          const explainBefore = createExplainer(router.state());
          router.apply({ kind: "lost", peer: peer(departed), reason: "hold timer expired" });
          const explainAfter = createExplainer(router.state());
          for (const [i, flow] of flows.entries()) {
            const [before, after] = [explainBefore(flow).nextHop ?? undefined, explainAfter(flow).nextHop ?? undefined];
            expect(forecast[i]).toMatchObject({ flow: formatFlow(flow), before, after });
          }
          moved += forecast.filter((flow) => flow.moved).length;
        }),
        { numRuns: 15 },
      );
      expect(moved).toBeGreaterThan(0);
    });
  }
});
