/** Next hops that lose their index and come back, counted by a FIB whose worker counts as the test says. */
import { beforeEach, describe, expect, it } from "vitest";
import { createFib, type Fib } from "#src/fib/fib.ts";
import { createImage } from "#src/fib/image.ts";
import { type Ipv4Address, parseAddress } from "#src/net/address.ts";
import { parsePrefix } from "#src/net/prefix.ts";
import { createNextHopCounts, type NextHopCounts } from "#src/router/next-hop-counts.ts";

const address = (last: number) => parseAddress(`10.0.0.${last}`) as Ipv4Address;
const prefix = (text: string) => parsePrefix(text) as NonNullable<ReturnType<typeof parsePrefix>>;
const HASH = { algorithm: "xxh32", fields: ["5-tuple"], seed: 0 };

describe("a next hop's counts", () => {
  let counted: Map<number, number>;
  let counts: NextHopCounts;
  let fib: Fib;

  const route = (...gateways: number[]): void => {
    const nextHops = gateways.map((last) => ({ address: address(last), weight: 1 }));
    fib.apply([{ prefixes: [prefix("198.51.100.0/24")], protocol: "bgp", nextHops }]);
  };
  const count = (index: number, packets: number): void => void counted.set(index, (counted.get(index) ?? 0) + packets);
  const send = (last: number, packets: number): void => count(fib.nextHopIndex(address(last)) as number, packets);
  const settle = (): void => {
    fib.publish();
    fib.reclaim();
  };
  const of = (last: number): number => counts.of(address(last)).packets;

  beforeEach(() => {
    counted = new Map();
    counts = createNextHopCounts((index) => ({ packets: counted.get(index) ?? 0, bytes: (counted.get(index) ?? 0) * 100 }));
    const options = { buffers: createImage(1 << 12), selector: "modulo", selectorOptions: {}, hash: HASH, workers: 0 };
    fib = createFib({ ...options, onNextHop: counts.give });
    fib.attach({ prefix: prefix("10.0.0.0/24"), port: 0 });
  });

  it("go on when it comes back with its own index", () => {
    route(11);
    send(11, 5);
    route();
    settle();
    route(11);
    send(11, 2);
    expect(counts.of(address(11))).toEqual({ packets: 7, bytes: 700 });
  });

  it("go on when it comes back with another index, and whoever has its own begins at nothing", () => {
    route(11);
    const first = fib.nextHopIndex(address(11));
    send(11, 5);
    route();
    settle();
    route(12);
    expect([fib.nextHopIndex(address(12)), of(12)]).toEqual([first, 0]);
    send(12, 3);
    route(11, 12);
    send(11, 2);
    expect([of(11), of(12)]).toEqual([7, 3]);
  });

  it("have what was on its way when it lost its index", () => {
    route(11);
    const first = fib.nextHopIndex(address(11)) as number;
    send(11, 5);
    route();
    route(11);
    expect(fib.nextHopIndex(address(11))).not.toBe(first);
    count(first, 1);
    expect(of(11)).toBe(6);
    settle();
    route(11, 12);
    expect(fib.nextHopIndex(address(12))).toBe(first);
    count(first, 4);
    expect([of(11), of(12)]).toEqual([6, 4]);
  });

  it("are kept of as many that are gone as there may be next hops, of those that went last", () => {
    route(11);
    const index = fib.nextHopIndex(address(11)) as number;
    const lonely = createNextHopCounts((at) => ({ packets: at === index ? (counted.get(at) ?? 0) : 0, bytes: 0 }));
    for (let name = 0; name <= 0x4001; name++) {
      lonely.give(index, name);
      count(index, 1);
    }
    expect([0, 1, 0x4000].map((name) => lonely.of(name).packets)).toEqual([0, 1, 1]);
  });
});
