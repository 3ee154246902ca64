/** The steady state of a worker allocates nothing: no packet waits for a garbage collection. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { makePacket, makePacket6 } from "./packets.ts";

const PROGRAM = fileURLToPath(new URL("allocation.mjs", import.meta.url));
/** What reading the statistics and a late compilation leave behind; a million packets at one byte would be a million. */
const NOISE_BYTES = 64 * 1024;

/** Room for 128 bytes a packet, so that no collection takes back what was allocated before it was counted. */
const ROOM = ["--min-semi-space-size=128", "--max-semi-space-size=128"];

const { stdout, stderr } = spawnSync(
  process.execPath,
  ["--expose-gc", ...ROOM, PROGRAM, makePacket().toString("hex"), makePacket6().toString("hex")],
  { encoding: "utf8" },
);
const kinds = stdout
  .trim()
  .split("\n")
  .filter((line) => line !== "")
  .map((line) => JSON.parse(line) as { name: string; bytes: number; received: number; forwarded: number });

test("the program ran", () => {
  expect([stderr, kinds.length]).toEqual(["", 8]);
});

test.each(kinds.filter(({ name }) => name !== "control"))("a million packets allocate nothing: $name", (kind) => {
  expect(kind.bytes).toBeLessThan(NOISE_BYTES);
  expect(kind.forwarded).toBe(kind.name.endsWith("dropped") ? 0 : kind.received);
});

test("one object a batch would be seen", () => {
  expect(kinds.find(({ name }) => name === "control")?.bytes).toBeGreaterThan(NOISE_BYTES);
});
