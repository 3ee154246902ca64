/**
 * The lab `dual-stack` on real parts: FRR, BIRD, GoBGP and ExaBGP announce both families over one session, and both obey the
 * forecast.
 */
import { describe, expect, it } from "vitest";
import { slowForecast } from "../oracle/forecast.ts";
import { canRunLabs, LAB_DEADLINE_MS, runLab } from "./run-lab.ts";

describe.skipIf(!canRunLabs)("ecmp lab run dual-stack", () => {
  it("loses the same node in both families, and what was forecast with it", { timeout: LAB_DEADLINE_MS }, async () => {
    const { runs, differences, connections, stderr } = await runLab("dual-stack");
    expect(differences).toEqual([]);
    expect(stderr).toContain("4 Established");
    const [{ state, explained }] = runs;
    expect(explained).toMatchObject({ checked: 500, equal: 500 });
    const members = Object.fromEntries(
      state.groups.map(({ prefixes, members }) => [prefixes[0], members.map(({ address }) => address)]),
    );
    expect(members).toMatchObject({
      "198.51.100.10/32": ["10.0.0.11", "10.0.0.12", "10.0.0.13", "10.0.0.14"],
      "2001:db8:5::10/128": ["2001:db8::11", "2001:db8::12", "2001:db8::13", "2001:db8::14"],
      "2001:db8:5::20/128": ["2001:db8::11", "2001:db8::13"],
    });
    for (const [service, departed] of [
      ["web", "10.0.0.12"],
      ["web6", "2001:db8::12"],
      ["local6", "2001:db8::12"],
    ] as const) {
      const own = connections.filter((row) => row.service === service);
      expect(own.length).toBeGreaterThan(0);
      // The slow twin, from the state alone: it knows neither our tables nor our forecast.
      for (const row of own) expect(row.observed !== "alive", row.flow).toBe(slowForecast(state, row.flow, departed).moved);
    }
  });
});
