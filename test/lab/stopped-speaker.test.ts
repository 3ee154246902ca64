/** A speaker that falls silent, on real parts: the hold timer finds it, not its death, and what breaks is what was forecast. */
import { describe, expect, it } from "vitest";
import { canRunLabs, LAB_DEADLINE_MS, runLab } from "./run-lab.ts";

/** A keepalive is sent every third of the hold time, so the last one may be that old when its speaker stops. */
const HOLD_MS = 3000;
const EARLIEST_MS = (HOLD_MS * 2) / 3 - 500;

describe.skipIf(!canRunLabs)("ecmp lab run stopped-speaker", () => {
  it("waits for the hold timer, and ends as forecast", { timeout: LAB_DEADLINE_MS }, async () => {
    const { differences, runs } = await runLab("stopped-speaker");
    expect(differences).toEqual([]);
    expect(runs[0].event).toMatchObject({ kind: "stop-speaker", node: "n2" });
    expect(runs[0].event.detectedMs).toBeGreaterThan(EARLIEST_MS);
    expect(runs[0].broken.observed).toBe(runs[0].broken.forecast);
    expect(runs[0].broken.onDepartedNode).toBeGreaterThan(0);
  });
});
