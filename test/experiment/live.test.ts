/** The forecast against the router's own parts: what the offline code says before a speaker is lost is what RIB and FIB then do. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ORIGIN, SEGMENT } from "#src/bgp/path.ts";
import { createForwarder } from "#src/dataplane/forward.ts";
import { MEMBER_ORDERS, type MemberOrder } from "#src/ecmp/member-order.ts";
import { SELECTORS } from "#src/ecmp/selector.ts";
import { takesOption } from "#src/ecmp/selector-options.ts";
import type { SelectorOptions } from "#src/ecmp/table.ts";
import { createExplainer } from "#src/experiment/explain.ts";
import { generateFlows } from "#src/experiment/flows.ts";
import { createFib } from "#src/fib/fib.ts";
import { createImage } from "#src/fib/image.ts";
import { formatAddress } from "#src/net/address.ts";
import { type Flow, formatFlow } from "#src/net/flow.ts";
import { hostPrefix } from "#src/net/prefix.ts";
import { createBatch, VIRTIO_HEADER_LENGTH } from "#src/port/batch.ts";
import type { RoutePeer, RouteUpdate } from "#src/rib/route.ts";
import { createRib } from "#src/rib/table.ts";
import { makePacket } from "../dataplane/packets.ts";
import { ribConfiguration } from "../rib/sketch.ts";
import { forecastRemoval } from "./removal.ts";

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

const optionsOf = (selector: string): SelectorOptions => (takesOption(selector, "buckets") ? { buckets: 251 } : {});

function startRouter(selector: string, memberOrder: MemberOrder, selectorOptions = optionsOf(selector)) {
  const rib = createRib();
  const refusals: string[] = [];
  const buffers = createImage(1 << 16);
  const hash = { algorithm: "xxh32", fields: ["5-tuple"], seed: 42 };
  const fib = createFib({
    buffers,
    selector,
    selectorOptions,
    memberOrder,
    hash,
    workers: 0,
    onRefusal: (_, because) => void refusals.push(because),
  });
  fib.apply(rib.configure(ribConfiguration()).routes);
  const forward = createForwarder({ image: fib.image, hash, selector, ports: [{ macHigh: 0x0200, macLow: 1, vlans: 0 }] });
  let nowMs = 0;
  return {
    refusals,
    apply: (update: RouteUpdate) => fib.apply(rib.applyUpdate(update).routes),
    state: () => JSON.parse(JSON.stringify(fib.state())),
    /** A packet of each, which keeps its bucket busy. */
    send(flows: readonly Flow[]) {
      for (const flow of flows) {
        const frame = makePacket({
          source: formatAddress(flow.source),
          destination: formatAddress(flow.destination),
          sourcePort: flow.sourcePort,
          destinationPort: flow.destinationPort,
        });
        const batch = createBatch(new Uint8Array(VIRTIO_HEADER_LENGTH + frame.length), 1);
        batch.bytes.set(frame, VIRTIO_HEADER_LENGTH);
        batch.rows.set([VIRTIO_HEADER_LENGTH, frame.length, frame.length, 0], 0);
        batch.count = 1;
        forward(batch, 0);
      }
    },
    pass(seconds: number) {
      nowMs += 1000 * seconds;
      fib.tick(nowMs);
      fib.settle();
    },
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

/** An announcement, the seconds that pass before it, and of how many flows packets come in between: each so-manieth. */
type Step = readonly [node: number, service: number, seconds: number, everyNth: number];

describe("a forecast and the router's own RIB and FIB", () => {
  const announcements = fc.shuffledSubarray(
    NODES.flatMap((node) => SERVICES.map((service) => [node, service] as const)),
    { minLength: 4 },
  );
  const history: fc.Arbitrary<Step[]> = announcements.chain((list) =>
    fc.tuple(
      ...list.map(([node, service]) =>
        fc.tuple(fc.constant(node), fc.constant(service), fc.nat({ max: 150 }), fc.integer({ min: 1, max: 100 })),
      ),
    ),
  );
  const at = (announced: readonly (readonly [number, number])[]): Step[] =>
    announced.map(([node, service]) => [node, service, 0, flows.length + 1]);
  /** Found once: what parts from a group takes its buckets' past along, and idle buckets move before a forecast. */
  const [a, b, c] = SERVICES;
  const found = at([
    [2, c],
    [2, b],
    [2, a],
    [1, a],
    [1, b],
    [3, c],
    [4, b],
  ]);

  /** Whether forecast and router agree on every flow; returns how many moved. */
  const compare = (router: ReturnType<typeof startRouter>, history: readonly Step[], departed: number): number => {
    for (const [node, service, seconds, everyNth] of history) {
      router.pass(seconds);
      router.send(flows.filter((_, i) => i % everyNth === everyNth - 1));
      router.apply(announce(node, service));
    }
    const forecast = forecastRemoval(router.state(), flows, peer(departed).address);
    const explainBefore = createExplainer(router.state());
    router.send(flows);
    router.apply({ kind: "lost", peer: peer(departed), reason: "hold timer expired" });
    const explainAfter = createExplainer(router.state());
    for (const [i, flow] of flows.entries()) {
      const [before, after] = [explainBefore(flow).nextHop ?? undefined, explainAfter(flow).nextHop ?? undefined];
      expect(forecast[i]).toMatchObject({ flow: formatFlow(flow), before, after });
    }
    return forecast.filter((flow) => flow.moved).length;
  };
  const anyNode = fc.constantFrom(...NODES);
  const anyOrder = fc.constantFrom(...MEMBER_ORDERS);

  for (const selector of Object.keys(SELECTORS)) {
    it(`agree on every flow when a speaker is lost, with selector ${selector}`, () => {
      let moved = 0;
      fc.assert(
        fc.property(history, anyNode, anyOrder, (history, departed, order) => {
          moved += compare(startRouter(selector, order), history, departed);
        }),
        { numRuns: 15, examples: [[found, 1, "address"]] },
      );
      expect(moved).toBeGreaterThan(0);
    });
  }

  const tooSmall = {
    resilient: { buckets: 2 },
    "cumulus-spectrum": { buckets: 3 },
    maglev: { buckets: 2 },
    anchor: { capacity: 2 },
  };
  it.each(Object.entries(tooSmall))("agree where %s cannot serve all groups: %j", (selector, options) => {
    let refused = 0;
    fc.assert(
      fc.property(history, anyNode, anyOrder, (history, departed, order) => {
        const router = startRouter(selector, order, options);
        compare(router, history, departed);
        refused += router.refusals.length;
      }),
      { numRuns: 15 },
    );
    expect(refused).toBeGreaterThan(0);
  });
});
