/** A speaker that falls silent, on real parts: the hold timer finds it, not its death, and what breaks is what was forecast. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { MAIN, users } from "./users.ts";

const DEADLINE_MS = 90_000;
/** A keepalive is sent every third of the hold time, so the last one may be that old when its speaker stops. */
const HOLD_MS = 3000;
const EARLIEST_MS = (HOLD_MS * 2) / 3 - 500;

describe.each(users.slice(0, 1))("ecmp lab run stopped-speaker, as %s", (_, prefix, possible) => {
  it.skipIf(!possible)("waits for the hold timer, and ends as forecast", { timeout: DEADLINE_MS }, async () => {
    const words = [...prefix, process.execPath, MAIN, "lab", "run", "stopped-speaker", "--json"];
    const command = promisify(execFile)(words[0], words.slice(1), { timeout: DEADLINE_MS });
    const { stdout, stderr } = await command.catch((error: { stdout: string; stderr: string }) => error);
    const lastLine = stdout.trim().split("\n").at(-1) ?? "";
    expect(lastLine, stderr).toMatch(/^\{.*\}$/);
    const { differences, runs } = JSON.parse(lastLine);
    expect(differences).toEqual([]);
    expect(runs[0].event).toMatchObject({ kind: "stop-speaker", node: "n2" });
    expect(runs[0].event.detectedMs).toBeGreaterThan(EARLIEST_MS);
    expect(runs[0].broken.observed).toBe(runs[0].broken.forecast);
    expect(runs[0].broken.onDepartedNode).toBeGreaterThan(0);
  });
});
