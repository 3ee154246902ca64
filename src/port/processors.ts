/** The processors that this machine may ever have. */
import { readFileSync } from "node:fs";

/** More than the greatest of their numbers: of "0-3,8-11" (cpumask's list format) 12. */
export function countProcessors(): number {
  const list = readFileSync("/sys/devices/system/cpu/possible", "utf8");
  return Math.max(...list.split(/[-,\s]+/).map(Number)) + 1;
}
