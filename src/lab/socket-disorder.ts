/**
 * How many packets came out of turn to each TCP connection that is still open, as the kernel's own sockets count it (`ss -i`):
 * what it received behind a later one, and what it sent and had acknowledged so. TCP hides it from everybody else.
 */
import type { Place } from "./place.ts";
import { execute } from "./process.ts";

/** By their flows as people name them; those without any are left out. */
export const readDisorder = async (place: Place): Promise<Map<string, number>> =>
  parseDisorder(await execute(place(["ss", "--tcp", "--info", "--numeric", "--oneline", "--no-header", "state", "established"])));

/** A line each: two queues, both ends, and "name:value" words, of which those that are zero are not there. */
export function parseDisorder(listing: string): Map<string, number> {
  const found = listing.split("\n").flatMap((line): [string, number][] => {
    const [, , own, far] = line.trim().split(/\s+/);
    const count = [...line.matchAll(/\b(?:rcv_ooopack|reord_seen):(\d+)/g)].reduce((sum, [, each]) => sum + Number(each), 0);
    return count > 0 ? [[`tcp ${own} ${far}`, count]] : [];
  });
  return new Map(found);
}
