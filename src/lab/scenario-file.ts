/**
 * A scenario file (YAML): read with every mistake told at once, and the scenarios it means, one for each of its `strategies`. What
 * a strategy does not say itself, the file says for all. `loadScenarios` of `catalog.ts` has the file's text and finds the lab
 * that it names.
 */
import type { ConfigMistake } from "../config/read.ts";
import type { Lab } from "./lab.ts";
import type { Scenario } from "./scenario.ts";
import { checkScenario } from "./scenario-check.ts";
import { DEFAULT_HOLD_TIME_SECONDS, DEFAULT_WATCH_SECONDS, scenarioSchema } from "./scenario-schema.ts";
import { readSound } from "./sound.ts";
import { expandStep } from "./step-file.ts";

export interface ScenarioSuite {
  readonly name: string;
  readonly description: string;
  readonly lab: string;
  readonly scenarios: readonly Scenario[];
}

/** `findLab`: the lab of that name, or undefined. */
export function readScenarios(
  text: string,
  findLab: (name: string) => Lab | undefined,
): { readonly suite: ScenarioSuite } | { readonly mistakes: readonly ConfigMistake[] } {
  const result = readSound(text, scenarioSchema, (file, refuse) => checkScenario(file, findLab, refuse));
  if ("mistakes" in result) return result;
  const { name, description, lab, seed, strategies, ...all } = result.value;
  const scenarios = Object.entries(strategies).map(([strategy, own]): Scenario => {
    const { router = { kind: "ecmp-router", ecmp: {} }, traffic = [], timeline = [], ...rest } = { ...all, ...own };
    return {
      name: strategy,
      description: own.description,
      lab,
      seed,
      holdTimeSeconds: rest.holdTimeSeconds ?? DEFAULT_HOLD_TIME_SECONDS,
      bfd: rest.bfd,
      gracefulRestart: rest.gracefulRestart,
      prefixLimit: rest.prefixLimit,
      router,
      traffic,
      timeline: timeline.flatMap((step) => expandStep(step, seed)),
      watchSeconds: rest.watchSeconds ?? DEFAULT_WATCH_SECONDS,
      assertions: rest.assertions ?? [{ text: "as forecast" }],
    };
  });
  return { suite: { name, description, lab, scenarios } };
}
