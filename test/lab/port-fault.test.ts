/** What several faults in one port's rule come to. */
import { expect, it } from "vitest";
import { faultSettings } from "#src/lab/fault-setting.ts";
import { addUp } from "#src/lab/port-fault.ts";

const of = (fault: Parameters<typeof addUp>[0][number]["fault"], percent?: number) => ({
  fault,
  settings: faultSettings({ percent }),
});

it("adds up what each asks for, in any order", () => {
  const both = [of("delay"), of("reorder", 10)];
  expect(addUp(both)).toEqual({ delayMs: 50, reorderPct: 10 });
  expect(addUp(both.toReversed())).toEqual({ delayMs: 50, reorderPct: 10 });
  expect(addUp([of("delay"), of("jitter")])).toEqual({ delayMs: 100, jitterMs: 50 });
});

it("has no rule for faults that are elsewhere", () => {
  expect(addUp([of("loss", 10), of("withdraw")])).toBeUndefined();
  expect(addUp([])).toBeUndefined();
});
