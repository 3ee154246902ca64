/**
 * What becomes of a flow, said three times over random tables of static routes (recursive ones, actions, routes within attached
 * subnets, in both families): by `explain` and by `replay`, from the state that the router's own RIB and FIB have, and by the
 * forwarding core over that FIB, which is what a worker runs.
 */
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { createForwarder } from "#src/dataplane/forward.ts";
import { DROP_REASONS, PUNT_REASONS, SLOW_REASONS } from "#src/dataplane/verdict.ts";
import { createExplainer, type Explanation } from "#src/experiment/explain.ts";
import { createReplayImage } from "#src/experiment/replay-image.ts";
import { createWindowForwarder, outcomeOf, type ReplayResult } from "#src/experiment/replay-window.ts";
import { restoreFib } from "#src/experiment/restore.ts";
import { createFib } from "#src/fib/fib.ts";
import { createImage } from "#src/fib/image.ts";
import { type Address, formatAddress, isIpv4, parseAddress } from "#src/net/address.ts";
import type { Flow } from "#src/net/flow.ts";
import { makePrefix, type Prefix, parseInterfaceAddress, parsePrefix } from "#src/net/prefix.ts";
import { createBatch, ROW, VERDICT, VIRTIO_HEADER_LENGTH } from "#src/port/batch.ts";
import { CaptureReader, createWindow } from "#src/port/capture-reader.ts";
import type { StaticRoute } from "#src/rib/next-hop.ts";
import { createRib } from "#src/rib/table.ts";
import { makePacket, makePacket6 } from "../dataplane/packets.ts";
import { makePcap } from "../pcap/captures.ts";
import { ribConfiguration } from "../rib/sketch.ts";
import { save } from "./replaying.ts";

const address = (text: string): Address => parseAddress(text) as Address;

/** Addresses that we have, by port; routes that there may be; their next hops; whom flows go to. */
const FAMILIES = [
  {
    own: ["10.0.0.254/24", "10.0.1.254/24"],
    prefixes: "0.0.0.0/0 198.51.0.0/16 198.51.100.0/24 198.51.100.128/25 198.51.100.10/32 10.0.0.128/25 10.0.0.200/32".split(" "),
    // Neighbors; behind other routes; nowhere; ourselves.
    nextHops: "10.0.0.1 10.0.1.1 10.0.1.2 198.51.100.77 198.51.7.7 10.0.0.201 192.0.2.1 10.0.0.254".split(" "),
    neighbors: "10.0.0.1 10.0.1.1 10.0.1.2 10.0.0.200 10.0.0.201".split(" "),
    destinations:
      "198.51.100.10 198.51.100.200 198.51.100.7 198.51.7.7 203.0.113.1 10.0.0.200 10.0.0.130 10.0.0.7 10.0.1.254".split(" "),
    source: "10.0.1.77",
  },
  {
    own: ["2001:db8:1::fe/64", "2001:db8:2::fe/64"],
    prefixes:
      "::/0 2001:db8:50::/44 2001:db8:51::/48 2001:db8:51:8000::/49 2001:db8:51::10/128 2001:db8:1::8000/113 2001:db8:1::8888/128".split(
        " ",
      ),
    nextHops:
      "2001:db8:1::1 2001:db8:2::1 2001:db8:2::2 2001:db8:51::77 2001:db8:57::7 2001:db8:1::8889 2001:db8:ffff::1 2001:db8:1::fe".split(
        " ",
      ),
    neighbors: "2001:db8:1::1 2001:db8:2::1 2001:db8:2::2 2001:db8:1::8888 2001:db8:1::8889".split(" "),
    destinations:
      "2001:db8:51::10 2001:db8:51:8000::1 2001:db8:51::7 2001:db8:57::7 2001:db8:ffff::9 2001:db8:1::8888 2001:db8:1::8001 2001:db8:1::7 2001:db8:2::fe".split(
        " ",
      ),
    source: "2001:db8:2::77",
  },
];
const INTERFACES = FAMILIES.map(({ own }) => own.map((text) => parseInterfaceAddress(text) as Prefix));
const ATTACHED = INTERFACES.flatMap((own) =>
  own.map(({ address, length }, port) => ({ prefix: makePrefix(address, length), port })),
);
const HASH = { algorithm: "xxh32", fields: ["5-tuple"], seed: 7 };
const PORTS = [1, 2].map((macLow) => ({ macHigh: 0x0200, macLow, vlans: 0 }));

const routesOf = ({ prefixes, nextHops }: (typeof FAMILIES)[number]): fc.Arbitrary<StaticRoute[]> => {
  const hop = fc.record({ address: fc.constantFrom(...nextHops).map(address), weight: fc.integer({ min: 1, max: 3 }) });
  const route = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ nextHops: fc.uniqueArray(hop, { minLength: 1, maxLength: 3, selector: (one) => one.address }) }),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        { nextHops: [], action: "blackhole" as const },
        { nextHops: [], action: "unreachable" as const },
      ),
    },
  );
  return fc
    .tuple(
      ...prefixes.map((prefix) =>
        fc.option(
          route.map((one) => ({ ...one, prefix: parsePrefix(prefix) as Prefix })),
          { nil: undefined },
        ),
      ),
    )
    .map((routes) => routes.filter((one) => one !== undefined));
};

/** One image for all tables: each run leaves it as it found it. */
function startRouter() {
  const rib = createRib();
  const fib = createFib({ buffers: createImage(1 << 16), selector: "modulo", selectorOptions: {}, hash: HASH, workers: 0 });
  for (const subnet of ATTACHED) fib.attach(subnet);
  for (const own of INTERFACES.flat()) fib.own(own.address);
  const meet = (): void => {
    for (const [i, text] of FAMILIES.flatMap(({ neighbors }) => neighbors).entries())
      fib.setNeighbor(address(text), fib.portOf(address(text)) as number, {
        mac: 0x02aa00000000 + i,
        source: 0x020000000001,
        mtu: 1500,
      });
  };
  meet();
  const forward = createForwarder({ image: fib.image, hash: HASH, selector: "modulo", ports: PORTS });
  return {
    configure(staticRoutes: readonly StaticRoute[]): void {
      fib.apply(rib.configure({ ...ribConfiguration(), interfaces: INTERFACES.flat(), staticRoutes }).routes);
      while (rib.isBehind()) fib.apply(rib.goOn().routes);
      // New next hops are asked for as they come; here they all answer.
      meet();
    },
    state: () => JSON.parse(JSON.stringify(fib.state())),
    /** Forwarded where to, or why not. */
    send(frame: Buffer): string {
      const { bytes, rows, ...batch } = createBatch(new Uint8Array(VIRTIO_HEADER_LENGTH + frame.length), 1);
      bytes.set(frame, VIRTIO_HEADER_LENGTH);
      rows.set([VIRTIO_HEADER_LENGTH, frame.length, frame.length, 0]);
      forward({ ...batch, bytes, rows, count: 1 }, 1);
      const name = fib.nextHopName(rows[ROW.nextHop]);
      return verdictOf(rows[ROW.verdict], rows[ROW.reason], formatAddress(name as Address));
    },
  };
}

const verdictOf = (verdict: number, reason: number, nextHop: string): string =>
  ({
    [VERDICT.forward]: `forwarded ${nextHop}`,
    [VERDICT.punt]: `punted ${PUNT_REASONS[reason]}`,
    [VERDICT.slow]: `slow ${SLOW_REASONS[reason]}`,
    [VERDICT.drop]: `dropped ${DROP_REASONS[reason]}`,
  })[verdict] as string;

/** In the words of the core. A host of a subnet of ours is asked for, unless it is known: then packets go to it. */
const saidBy = ({ fate, nextHop }: Explanation, known: string | undefined): string =>
  ({
    forwarded: `forwarded ${nextHop}`,
    attached: known === undefined ? "slow neighbor" : `forwarded ${known}`,
    local: "punted local",
    blackhole: "dropped blackhole",
    unreachable: "dropped next-hop-unreachable",
    "no-route": "dropped no-route",
  })[fate];

const frameOf = ({ source, destination, sourcePort, destinationPort }: Flow): Buffer =>
  isIpv4(source)
    ? makePacket({
        to: "020000000002",
        source: formatAddress(source),
        destination: formatAddress(destination),
        sourcePort,
        destinationPort,
      })
    : makePacket6({ to: "020000000002", source, destination: destination as string, sourcePort, destinationPort });

/** Memory for one capture at a time. */
const window = createWindow();

function replayerOf(state: Parameters<typeof restoreFib>[0]) {
  const { buffers, nextHops } = createReplayImage(restoreFib(state), 0);
  const forward = createWindowForwarder({
    hash: HASH,
    selector: "modulo",
    image: buffers,
    vlans: [],
    nextHops: nextHops.length,
    format: "pcap",
    headersOnly: false,
    split: false,
  });
  return (frame: Buffer): string => {
    const reader = new CaptureReader(save(makePcap([{ bytes: frame }])));
    expect(reader.read(window)).toBe(true);
    reader.close();
    const result: ReplayResult = forward({ bytes: window.bytes, records: window.table.words, count: window.table.count });
    const outcome = result.outcomes.indexOf(1);
    const verdict = Math.floor(outcome / outcomeOf(1, 0));
    const nextHop = nextHops[result.nextHopPackets.indexOf(1)];
    return verdictOf(verdict, outcome - outcomeOf(verdict, 0), nextHop === undefined ? "" : formatAddress(nextHop));
  };
}

describe("a flow's fate", () => {
  const router = startRouter();
  const seen = new Set<string>();
  const flow = fc.constantFrom(...FAMILIES).chain(({ source, destinations }) =>
    fc.record({
      protocol: fc.constant(6),
      source: fc.constant(address(source)),
      destination: fc.constantFrom(...destinations).map(address),
      sourcePort: fc.nat(0xffff),
      destinationPort: fc.constant(80),
    }),
  );

  it("is the same by explain, replay and the forwarding core", () => {
    fc.assert(
      fc.property(fc.tuple(...FAMILIES.map(routesOf)), fc.array(flow, { minLength: 6, maxLength: 12 }), (routes, flows) => {
        router.configure(routes.flat());
        const state = router.state();
        const explain = createExplainer(state);
        const replay = replayerOf(state);
        const neighbors = FAMILIES.flatMap(({ neighbors }) => neighbors);
        for (const flow of flows) {
          const explained = explain(flow);
          const known = neighbors.find((one) => one === formatAddress(flow.destination));
          expect(router.send(frameOf(flow)), explained.reason).toBe(saidBy(explained, known));
          expect(replay(frameOf(flow)), explained.reason).toBe(saidBy(explained, undefined));
          seen.add(explained.fate);
        }
      }),
      // Each has memory of its own for its replay, 134 MB of it.
      { numRuns: 40 },
    );
  });

  afterAll(() => {
    expect([...seen].sort()).toEqual(["attached", "blackhole", "forwarded", "local", "no-route", "unreachable"]);
  });
});
