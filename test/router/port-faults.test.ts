/** What the router makes of fault rules: order, next hops that come late, and a configuration beside what was set since. */
import { expect, test } from "vitest";
import type { FaultRuleConfig } from "#src/config/port-schema.ts";
import type { FaultRule } from "#src/port/fault-rule.ts";
import { createSharedReader } from "#src/port/shared-value.ts";
import { createPortFaults } from "#src/router/port-faults.ts";

const NOTHING = { duplicatePct: 0, reorderPct: 0, corruptPct: 0, delayMs: 0, jitterMs: 0 };
const lose = (losePct: number, nextHop?: number): FaultRuleConfig => ({
  direction: "out",
  seed: 1,
  ...NOTHING,
  losePct,
  ...(nextHop === undefined ? {} : { nextHop }),
});

function setUp() {
  const indexes = new Map<unknown, number>();
  const faults = createPortFaults({ ports: ["a", "b"], workers: 2, indexOf: (nextHop) => indexes.get(nextHop) });
  const looks = faults.memories.map(({ rules }) => createSharedReader<FaultRule[]>(rules));
  /** [percent, index] of each rule in force. */
  const inForce = (port: number) => (looks[port]() ?? []).map(({ losePct, nextHop }) => [losePct, nextHop]);
  return { faults, indexes, inForce };
}

test("a rule for a next hop goes before the one for all, and waits until there is such a next hop", () => {
  const { faults, indexes, inForce } = setUp();
  faults.set("a", lose(1));
  faults.set("a", lose(2, 0x0a00000b));
  expect(inForce(0)).toEqual([[1, undefined]]);
  expect(faults.list()[0].rules).toEqual([
    { direction: "out", nextHop: "10.0.0.11", losePct: 2, seed: 1, waits: true },
    { direction: "out", losePct: 1, seed: 1 },
  ]);
  indexes.set(0x0a00000b, 4);
  faults.refresh();
  expect(inForce(0)).toEqual([
    [2, 4],
    [1, undefined],
  ]);
  // Another next hop has its index by now.
  indexes.set(0x0a00000b, 6);
  faults.refresh();
  expect(inForce(0)[0]).toEqual([2, 6]);
  expect(inForce(1)).toEqual([]);
});

test("a rule takes the place of the one for the same, and is taken away alone or with others", () => {
  const { faults, inForce } = setUp();
  faults.set("a", lose(1));
  faults.set("a", lose(2));
  expect(inForce(0)).toEqual([[2, undefined]]);
  faults.set("a", { ...lose(3), direction: "in" });
  faults.set("b", lose(4));
  expect(faults.clear("a", "out any")).toBe(1);
  expect(inForce(0)).toEqual([[3, undefined]]);
  expect(faults.clear(undefined, undefined)).toBe(2);
  expect([inForce(0), inForce(1)]).toEqual([[], []]);
  expect(() => faults.set("c", lose(1))).toThrow('port: "c", wanted one of a, b');
});

test("what was set since stays until the configuration says something else", () => {
  const { faults, inForce } = setUp();
  faults.configure(0, [lose(1)]);
  faults.set("a", lose(9));
  faults.configure(0, [lose(1)]);
  expect(inForce(0)).toEqual([[9, undefined]]);
  faults.configure(0, [lose(2)]);
  expect(inForce(0)).toEqual([[2, undefined]]);
});
