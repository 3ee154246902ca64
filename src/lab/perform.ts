/**
 * What process 1 of a lab does: builds the stage, plays one scenario of a program after the other, each with a cast of its own, has
 * the program tell what came of them, and (on request) stays. Standard error has the progress, standard output the result.
 */
import { mkdir, writeFile } from "node:fs/promises";
import type { Clock } from "../net/clock.ts";
import { formatPrefix, hostPrefix } from "../net/prefix.ts";
import { type Cast, lastWords, routersIn, startCast, stopCast, untilEstablished, untilTaught, untilWatched } from "./cast.ts";
import { ECMP_COMMAND } from "./ecmp-command.ts";
import { LabFailure } from "./failure.ts";
import { serveFaults } from "./fault-server.ts";
import { enterCommand } from "./inspect.ts";
import type { Lab } from "./lab.ts";
import type { Program } from "./program.ts";
import type { Progress } from "./progress.ts";
import type { Scenario } from "./scenario.ts";
import { playScenario } from "./scenario-run.ts";
import type { SpeakerReport } from "./speakers.ts";
import { buildStage, checkPrograms, LAB_DIRECTORY, UP_MARK } from "./stage.ts";
import type { Tell } from "./timeline.ts";
import { wordsAsked } from "./traffic.ts";
import { Lifeline, type Outside } from "./tree.ts";

export interface Staying {
  /** Stay up when done. */
  readonly keep: boolean;
  /** Bring it up and stay: no connections, no event. */
  readonly upOnly: boolean;
}

/** Returns the exit code: the program's, when all of it was played. */
export async function perform(clock: Clock, program: Program, { keep, upOnly }: Staying, progress: Progress): Promise<number> {
  const { lab } = program;
  const lifeline = new Lifeline();
  const outside = await lifeline.outside;
  await checkPrograms(lab, outside);
  const { namespaces, linkCount } = await buildStage(lab);
  progress.step(
    "namespaces",
    `${namespaces.length} of them, ${linkCount} links, kube-proxy's rules on ${lab.nodes.length} nodes`,
  );
  const stays = keep || upOnly;
  let cast: Cast | undefined;
  for (const scenario of upOnly ? program.scenarios.slice(0, 1) : program.scenarios) {
    if (cast) await stopCast(clock, cast);
    cast = undefined;
    const tell: Tell = (kind, atMs, detail) => program.told(scenario, kind, atMs, detail);
    try {
      cast = await startFor(clock, program, scenario, stays);
      tell("started", 0, { speakers: cast.speakers.length, pods: cast.pods.length });
      const speakers = await untilLearned(cast, tell);
      program.learned(speakers);
      if (!upOnly) program.played(await playScenario(clock, cast, scenario, speakers, tell));
    } catch (error) {
      if (!(error instanceof LabFailure)) throw error;
      program.failed(scenario, error);
    }
  }
  const exitCode = program.end();
  if (cast && stays) {
    serveFaults(clock, cast);
    process.stderr.write(`${howToLookInside(lab, outside, cast).join("\n")}\n`);
    await writeFile(UP_MARK, "");
    lifeline.done(exitCode);
    await new Promise(() => {});
  }
  // Process 1 ends now, and the kernel ends the rest.
  lifeline.done(exitCode);
  return exitCode;
}

/** What stays is for people to ask, whatever the scenario's traffic asks. */
async function startFor(clock: Clock, program: Program, scenario: Scenario, stays: boolean): Promise<Cast> {
  const directory = `${LAB_DIRECTORY}/${scenario.name}`;
  await mkdir(directory, { recursive: true });
  const asked = wordsAsked(program.lab, scenario);
  return await startCast(clock, program.labFor(scenario), scenario.router, directory, (name) => stays || asked.has(name));
}

/** Who dies meanwhile is waited for no longer. */
const untilLearned = (cast: Cast, tell: Tell): Promise<readonly SpeakerReport[]> =>
  Promise.race([learn(cast, tell), oneEnds(cast)]);

async function oneEnds({ pods, speakers }: Cast): Promise<never> {
  const daemons = [...pods, ...speakers.flatMap((speaker) => speaker.daemons)];
  const ends = daemons.map(async (daemon) => ({ daemon, ...(await daemon.exited) }));
  const { daemon, code, signal } = await Promise.race(ends);
  throw new LabFailure(
    daemon.name,
    [`it ended (${code ?? signal})`, ...daemon.lastLines(5)].join("\n    "),
    "a program that runs",
  );
}

async function learn(cast: Cast, tell: Tell): Promise<readonly SpeakerReport[]> {
  const { lab } = cast;
  const told = await Promise.all(
    routersIn(cast).map(({ node, view }) => untilEstablished(lab, node, view, (machine) => lastWords(cast, machine))),
  );
  const states: Readonly<Record<string, string>> = Object.assign({}, ...told);
  tell("sessions", 0, { result: `${told.reduce((count, each) => count + Object.keys(each).length, 0)} Established` });
  await Promise.all(routersIn(cast).map(({ node, view }) => untilTaught(lab, node, view)));
  await Promise.all(routersIn(cast).map(({ node, view }) => untilWatched(lab, node, view)));
  tell("routes", 0, { result: lab.services.map(({ address }) => formatPrefix(hostPrefix(address))).join(", ") });
  return cast.speakers.map(({ node: { name }, implementation, version }) => ({
    node: name,
    implementation,
    version,
    state: states[name],
  }));
}

function howToLookInside(lab: Lab, outside: Outside, cast: Cast): string[] {
  const enter = (machine: string) => enterCommand(outside.holderPid, outside.ordinaryUser, machine);
  const ecmp = `${ECMP_COMMAND.join(" ")} show bgp summary --control ${cast.router.view.controlSocket}`;
  const node = lab.nodes[0].name;
  return [
    "",
    "The lab stays up. To look inside:",
    `  the router   ${enter(lab.router.name)} ${ecmp}`,
    `  a node       ${enter(node)} /usr/sbin/nft list table ip kube-proxy`,
    `  its files    ${enter(node)} sh -c 'cd ${LAB_DIRECTORY} && exec sh'`,
    `  all of it    ecmp lab inspect ${lab.name}`,
    `To break it: ${ECMP_COMMAND.join(" ")} lab fault begin kill-speaker ${node}`,
    `To end it: Ctrl-C here, ecmp lab down ${lab.name}, or kill ${outside.outerPid}`,
  ];
}
