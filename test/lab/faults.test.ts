/**
 * Every fault there is, on the real lab: what the router is told of, what it has to find, what it need not know. Whatever breaks
 * was forecast, or has a named reason whose witness is there; and what was undone comes back.
 */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { FAULT_KINDS } from "#src/lab/lab.ts";
import { MAIN, users } from "./users.ts";

const DEADLINE_MS = 240_000;
const FILE = fileURLToPath(new URL("./fixtures/faults.yaml", import.meta.url));

it("no fault is missing in the scenario of all faults", () => {
  const text = readFileSync(FILE, "utf8");
  expect(FAULT_KINDS.filter((kind) => !text.includes(`fault: ${kind},`))).toEqual([]);
});

describe.each(users.slice(0, 1))("the scenario of all faults, as %s", (_, prefix, possible) => {
  it.skipIf(!possible)("ends as forecast, or for named reasons", { timeout: DEADLINE_MS }, async () => {
    const words = [...prefix, process.execPath, MAIN, "lab", "run", FILE, "--json"];
    const command = promisify(execFile)(words[0], words.slice(1), { timeout: DEADLINE_MS });
    const { stdout, stderr } = await command.catch((error: { stdout: string; stderr: string }) => error);
    const { strategies } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
    expect(strategies, stderr).toHaveLength(3);
    for (const { unexplained } of strategies) expect(unexplained).toEqual([]);
    const [spoken, silent, quiet] = strategies;

    // Nobody but those of the three nodes, and each of them.
    expect(spoken.connections.broken).toBe(spoken.connections.forecast);
    expect(spoken.connections.brokenOnSurvivors).toBe(0);

    // A third of the hold time may be over when a node falls silent; what n4's speaker misses in half a second is nobody's.
    const found = silent.marks.filter(({ what, fault }: Mark) => what === "begins" && fault !== "stop-speaker");
    for (const { fromMs, toMs } of found) expect(toMs - fromMs).toBeGreaterThan(1900);
    expect(silent.connections.broken).toBe(silent.connections.forecast + silent.differences["pod-cut-off"]);

    // No pod of n4 survives its move; all else goes on.
    expect(quiet.connections.forecast).toBe(0);
    expect(quiet.differences["pod-gone"]).toBeGreaterThan(0);
    expect(quiet.connections.broken).toBe(quiet.differences["pod-gone"] + quiet.differences["packets-lost"]);

    const kinds = strategies.flatMap(({ marks }: { marks: readonly Mark[] }) => marks.map(({ fault }) => fault));
    expect(FAULT_KINDS.filter((kind) => !kinds.includes(kind))).toEqual([]);
  });
});

interface Mark {
  readonly fault: string;
  readonly what: "begins" | "ends";
  readonly fromMs: number;
  readonly toMs: number;
}
