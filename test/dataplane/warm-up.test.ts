/**
 * The first packets of the wire find compiled code and leave it so: what the warm-up did not show V8, it would throw away at the
 * first of them and, where packets are sparse, interpret for minutes.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { randomBelow, seededRandom } from "#src/net/random.ts";
import { makePacket, makePacket6, type TestPacket } from "./packets.ts";

const FLAGS = ["--trace-deopt", "--expose-gc", "--allow-natives-syntax"];
const PROGRAM = fileURLToPath(new URL("warm-up.mjs", import.meta.url));
const PACKETS = 400;
const COMPILED = `forwarded ${PACKETS}, compiled`;
const FIVE_TUPLE = ["source-address", "destination-address", "protocol", "source-port", "destination-port"];

const SETTINGS = [
  [{ algorithm: "xxh32", fields: FIVE_TUPLE, seed: 42 }, "modulo"],
  [{ algorithm: "xxh32", fields: FIVE_TUPLE.slice(0, 3), seed: 42 }, "resilient"],
  [{ algorithm: "toeplitz", fields: FIVE_TUPLE.filter((field) => field !== "protocol"), seed: 0 }, "maglev"],
] as const;

const random = seededRandom(1);
const below = (end: number): number => randomBelow(random, end);
const MACS = { to: "02009e3779b9", from: "02a5ffeeddcc" };

const packet = (): Buffer => {
  const ports = { sourcePort: 1024 + below(64_512), destinationPort: below(65_536), payloadBytes: below(100) };
  const isIpv6 = below(2) === 1;
  const protocol = [6, 17, isIpv6 ? 58 : 1][below(3)];
  const common: TestPacket = { ...MACS, ...ports, protocol };
  if (isIpv6)
    return makePacket6({ ...common, destination: `20010db8005100000000000000${below(256).toString(16).padStart(6, "0")}` });
  const [first, last] = [[10, 100, 172, 203][below(4)], 1 + below(254)];
  return makePacket({ ...common, source: `${first}.20.30.${last}`, destination: `198.51.100.${last}` });
};

/** What became of code that was compiled, in the words of V8's trace. */
const THROWN_AWAY = /(?:bailout.*?reason: .*?\).*?<JSFunction|marking dependent code.*?<SharedFunctionInfo) [^ >)]*/g;
/** Makes tables of maglev, in the control plane. */
const ANOTHERS = "takeTurns";
/** V8 compiles in another thread, and one start in ten comes a little too early. */
const STARTS = 6;

describe("after the warm-up", () => {
  test.each(SETTINGS)("nothing is compiled in vain: %j, %s", { timeout: 60_000 }, (hash, selector) => {
    const results: string[] = [];
    while (results.length < STARTS && !results.includes(COMPILED)) {
      const frames = Array.from({ length: PACKETS }, () => packet().toString("hex"));
      const words = [...FLAGS, PROGRAM, JSON.stringify([hash, selector, frames])];
      const { stdout, stderr } = spawnSync(process.execPath, words, { encoding: "utf8" });
      const [, after] = stdout.split("warm\n");
      expect(stderr).toBe("");
      expect((after.match(THROWN_AWAY) ?? []).filter((line) => !line.endsWith(ANOTHERS))).toEqual([]);
      const [result] = /^forwarded .*$/m.exec(after) ?? [""];
      expect(result).toMatch(new RegExp(`^forwarded ${PACKETS}, (compiled|interpreted)$`));
      results.push(result);
    }
    expect(results).toContain(COMPILED);
  });
});
