import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { adviseLargePages } from "#src/port/large-pages.ts";

const MIB = 1 << 20;

/** Bytes of this process's memory that the kernel was told to put large pages under: flag "hg" of proc(5)'s smaps. */
function advisedBytes(): number {
  const areas = readFileSync("/proc/self/smaps", "utf8").split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  const advised = areas.filter((area) => /^VmFlags:.* hg\b/m.test(area));
  return advised.reduce((sum, area) => sum + 1024 * Number(/^Size: +(\d+)/m.exec(area)?.[1]), 0);
}

test("large pages are asked for, for all of the memory but its ends", ({ skip }) => {
  const before = advisedBytes();
  const memory = new SharedArrayBuffer(64 * MIB);
  if (!adviseLargePages(memory)) skip("this kernel has no transparent huge pages");
  expect(advisedBytes() - before).toBeGreaterThanOrEqual(60 * MIB);
  const words = new Uint32Array(memory);
  expect(words.every((word) => word === 0)).toBe(true);
});

test("large pages are not asked for where none fits", () => {
  expect(adviseLargePages(new SharedArrayBuffer(MIB))).toBe(false);
  expect(adviseLargePages(new SharedArrayBuffer(0))).toBe(false);
});
