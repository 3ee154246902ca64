import { expect, test } from "vitest";
import type { GuardedInterface } from "#src/port/ingress-rule.ts";
import { createHolds } from "#src/router/guard.ts";

const of = (...names: string[]): GuardedInterface[] => names.map((name) => ({ name, isTagged: false }));

test("the kernel is kept off the interfaces of both data planes, whichever looks again, until one lets go", () => {
  const installed: string[] = [];
  const hold = createHolds((interfaces) => void installed.push(interfaces.map(({ name }) => name).join(" ")));
  const [old, next] = [hold(), hold()];
  old.keepKernelOff(of("a", "b"));
  next.keepKernelOff(of("a", "c"));
  old.keepKernelOff(of("a", "b"));
  old.keepKernelOff(of("b"));
  old.letGo();
  expect(installed).toEqual(["a b", "a b c", "a b c", "b a c", "a c"]);
});

test("one that never had any interface changes nothing when it goes, and none lets go twice", () => {
  const installed: number[] = [];
  const hold = createHolds((interfaces) => void installed.push(interfaces.length));
  const [old, next] = [hold(), hold()];
  old.keepKernelOff(of("a"));
  next.letGo();
  old.letGo();
  old.letGo();
  expect(installed).toEqual([1, 0]);
});

test("an interface is for tags alone if it is so to either", () => {
  let installed: readonly GuardedInterface[] = [];
  const hold = createHolds((interfaces) => {
    installed = interfaces;
  });
  hold().keepKernelOff([{ name: "a", isTagged: true }]);
  hold().keepKernelOff([{ name: "a", isTagged: false }]);
  expect(installed).toEqual([{ name: "a", isTagged: true }]);
});
