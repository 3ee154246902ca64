/**
 * What process 1 of a lab does with a scenario file: builds the stage once, plays each strategy with a cast of its own, and
 * tells all of them side by side. With `--json`, standard output is a stream of events, a JSON line each, on one clock a
 * strategy; the last line has the whole result.
 */
import { mkdir } from "node:fs/promises";
import type { Clock } from "../net/clock.ts";
import { judgeAssertions } from "./assertion.ts";
import { startCast, stopCast } from "./cast.ts";
import { LabFailure } from "./failure.ts";
import { untilLearned } from "./inside.ts";
import type { Lab, RouterNode } from "./lab.ts";
import { createProgress } from "./progress.ts";
import { strategyReports, writeConnections, writeReport } from "./report-file.ts";
import type { Scenario } from "./scenario.ts";
import type { ScenarioSuite } from "./scenario-file.ts";
import { playScenario } from "./scenario-run.ts";
import { buildStage, checkPrograms, LAB_DIRECTORY } from "./stage.ts";
import {
  failures,
  type PlayedScenario,
  renderReasons,
  renderStrategies,
  renderVerdicts,
  strategiesToJson,
} from "./strategies.ts";
import type { Tell } from "./timeline.ts";
import { wordsAsked } from "./traffic.ts";
import { Lifeline } from "./tree.ts";

const FAILURES_SHOWN = 20;

export interface ScenarioOptions {
  readonly json: boolean;
  /** The file's name as it was given; the file itself is open already. */
  readonly report?: string | undefined;
  /** Whether a file for the connections one by one is open. */
  readonly connections: boolean;
}

/** Returns the exit code: 0 when every assertion held, 1 when one did not, 2 when a strategy could not be played. */
export async function performScenarios(
  clock: Clock,
  lab: Lab,
  suite: ScenarioSuite,
  { json, report, connections }: ScenarioOptions,
): Promise<number> {
  const lifeline = new Lifeline();
  const outside = await lifeline.outside;
  const progress = createProgress(clock);
  await checkPrograms(lab, outside);
  await buildStage(lab);
  const played: PlayedScenario[] = [];
  const unplayed: string[] = [];
  for (const scenario of suite.scenarios) {
    const tell: Tell = (kind, atMs, detail) => {
      if (json) console.log(JSON.stringify({ strategy: scenario.name, kind, atMs: Math.round(atMs * 100) / 100, ...detail }));
    };
    const subject = `${played.length + unplayed.length + 1}/${suite.scenarios.length}`;
    try {
      const one = await playOne(clock, lab, scenario, tell);
      played.push(one);
      tell("verdict", 0, { verdicts: one.verdicts, differences: one.outcome.differences });
      progress.step(subject, describeProgress(one));
    } catch (error) {
      // One that cannot be played is no reason to lose the others.
      if (!(error instanceof LabFailure)) throw error;
      unplayed.push(scenario.name);
      tell("failure", 0, { message: error.message });
      progress.step(subject, `${scenario.name}: ${error.message}`);
    }
  }
  const wrong = failures(played);
  if (json) console.log(JSON.stringify({ ...strategiesToJson(suite, played), unplayed }));
  else
    for (const table of [renderStrategies(played), renderReasons(played), renderVerdicts(played)])
      if (table.length > 0) console.log(`\n${table.join("\n")}`);
  if (report) writeReport(report, strategyReports(lab, suite, played), clock.timestamp());
  if (connections) writeConnections(played);
  for (const text of wrong.slice(0, FAILURES_SHOWN)) process.stderr.write(`  ${text}\n`);
  const exitCode = unplayed.length > 0 ? 2 : wrong.length > 0 ? 1 : 0;
  // Process 1 ends now, and the kernel ends the rest.
  lifeline.done(exitCode);
  return exitCode;
}

function describeProgress({ scenario, outcome: { connections, requests, datagrams } }: PlayedScenario): string {
  const broken = `${connections.broken} of ${connections.opened} broken (forecast ${connections.forecast})`;
  const entered = Object.entries(connections.perNode).map(([node, count]) => `${node} ${count}`);
  const moved = `${datagrams.moved} of ${datagrams.flows} flows of datagrams moved (forecast ${datagrams.forecast}), ${datagrams.lost} lost`;
  const failed = `${requests.failed} of ${requests.count} requests failed${datagrams.flows > 0 ? `, ${moved}` : ""}`;
  return `${scenario.name}: by ${entered.join(" · ")}; ${broken}, ${failed}`;
}

async function playOne(clock: Clock, lab: Lab, scenario: Scenario, tell: Tell): Promise<PlayedScenario> {
  const { holdTimeSeconds, bfd, gracefulRestart, prefixLimit, router } = scenario;
  const directory = `${LAB_DIRECTORY}/${scenario.name}`;
  await mkdir(directory, { recursive: true });
  const withSettings = (node: RouterNode): RouterNode => ({
    ...node,
    ...{ holdTimeSeconds, bfd, gracefulRestart, prefixLimit },
  });
  const routers = { router: withSettings(lab.router), furtherRouters: lab.furtherRouters.map(withSettings) };
  const asked = wordsAsked(lab, scenario);
  const cast = await startCast(clock, { ...lab, ...routers }, router, directory, (name) => asked.has(name));
  try {
    const speakers = await untilLearned(cast, { step: (subject, result) => tell(subject, 0, { result }) });
    const outcome = await playScenario(clock, cast, scenario, directory, tell);
    return { scenario, outcome, verdicts: judgeAssertions(scenario.assertions, outcome), speakers };
  } finally {
    await stopCast(clock, cast);
  }
}
