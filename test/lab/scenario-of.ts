/** A scenario that is nothing but its timeline, on metallb-bgp. */
import type { Scenario, Step } from "#src/lab/scenario.ts";

export const scenarioOf = (...timeline: Step[]): Scenario => ({
  name: "x",
  description: "",
  lab: "metallb-bgp",
  seed: 1,
  holdTimeSeconds: 3,
  router: { kind: "ecmp-router", ecmp: {} },
  traffic: [],
  timeline,
  watchSeconds: 1,
  assertions: [],
});
