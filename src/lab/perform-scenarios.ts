/**
 * What process 1 of a lab does with a scenario file: builds the stage once, plays each strategy with a cast of its own, and
 * tells all of them side by side. With `--json`, standard output is a stream of events, a JSON line each, on one clock a
 * strategy; the last line has the whole result.
 */
import { mkdir } from "node:fs/promises";
import type { Clock } from "../net/clock.ts";
import { judgeAssertions } from "./assertion.ts";
import { startCast, stopCast } from "./cast.ts";
import { untilLearned } from "./inside.ts";
import type { Lab } from "./lab.ts";
import { createProgress } from "./progress.ts";
import type { Scenario } from "./scenario.ts";
import type { ScenarioSuite } from "./scenario-file.ts";
import { playScenario } from "./scenario-run.ts";
import { buildStage, checkPrograms, LAB_DIRECTORY } from "./stage.ts";
import { failures, type PlayedScenario, renderStrategies, strategiesToJson } from "./strategies.ts";
import type { Tell } from "./timeline.ts";
import { Lifeline } from "./tree.ts";

const FAILURES_SHOWN = 20;

/** Returns the exit code: 0 when every assertion held, else 1. */
export async function performScenarios(clock: Clock, lab: Lab, suite: ScenarioSuite, json: boolean): Promise<number> {
  const lifeline = new Lifeline();
  await lifeline.outside;
  const progress = createProgress(clock, (line) => process.stderr.write(`${line}\n`));
  await checkPrograms(lab);
  await buildStage(lab);
  const played: PlayedScenario[] = [];
  for (const scenario of suite.scenarios) {
    const tell: Tell = (kind, atMs, detail) => {
      if (json) console.log(JSON.stringify({ strategy: scenario.name, kind, atMs: Math.round(atMs * 100) / 100, ...detail }));
    };
    const one = await playOne(clock, lab, scenario, tell);
    played.push(one);
    const { connections, requests } = one.outcome;
    tell("verdict", 0, { verdicts: one.verdicts, differences: one.outcome.differences });
    progress.step(
      `${played.length}/${suite.scenarios.length}`,
      `${scenario.name}: ${connections.broken} of ${connections.opened} broken (forecast ${connections.forecast}), ${requests.failed} of ${requests.count} requests failed`,
    );
  }
  const wrong = failures(played);
  if (json) console.log(JSON.stringify(strategiesToJson(suite, played)));
  else console.log(`\n${renderStrategies(played).join("\n")}`);
  for (const text of wrong.slice(0, FAILURES_SHOWN)) process.stderr.write(`  ${text}\n`);
  const exitCode = wrong.length === 0 ? 0 : 1;
  // Process 1 ends now, and the kernel ends the rest.
  lifeline.done(exitCode);
  return exitCode;
}

async function playOne(clock: Clock, lab: Lab, scenario: Scenario, tell: Tell): Promise<PlayedScenario> {
  const { holdTimeSeconds, router } = scenario;
  const directory = `${LAB_DIRECTORY}/${scenario.name}`;
  await mkdir(directory, { recursive: true });
  const cast = await startCast(clock, { ...lab, router: { ...lab.router, holdTimeSeconds } }, router, directory);
  await untilLearned(cast, { step: (subject, result) => tell(subject, 0, { result }) });
  const outcome = await playScenario(clock, cast, scenario, directory, tell);
  await stopCast(clock, cast);
  return { scenario, outcome, verdicts: judgeAssertions(scenario.assertions, outcome) };
}
