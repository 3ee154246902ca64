/**
 * What process 1 of a lab does: builds the stage, plays the runs, tells the result, and (on request) stays. Standard error
 * has the progress, standard output the result.
 */
import { mkdir, writeFile } from "node:fs/promises";
import type { Clock } from "../net/clock.ts";
import { formatPrefix, hostPrefix } from "../net/prefix.ts";
import {
  type Cast,
  lastWords,
  routersIn,
  startCast,
  stopCast,
  untilEstablished,
  untilTaught,
  untilWatched,
  viewsOf,
} from "./cast.ts";
import { listTracked, parseTranslations } from "./connection-tracking.ts";
import { ECMP_COMMAND } from "./ecmp-command.ts";
import { LabFailure } from "./failure.ts";
import { DEEDS } from "./fault-deed.ts";
import { serveFaults } from "./fault-server.ts";
import { makeTarget } from "./fault-target.ts";
import { enterCommand } from "./inspect.ts";
import type { Lab } from "./lab.ts";
import { placeOf } from "./place.ts";
import { createProgress, type Progress } from "./progress.ts";
import type { SpeakerReport } from "./report.ts";
import { labReports, writeReport } from "./report-file.ts";
import { type Play, type RunResult, runOnce } from "./run.ts";
import { buildStage, checkPrograms, LAB_DIRECTORY, UP_MARK } from "./stage.ts";
import { tell } from "./tell.ts";
import { Lifeline, type Outside } from "./tree.ts";

export interface LabOptions {
  readonly json: boolean;
  /** Stay up when done. */
  readonly keep: boolean;
  /** Bring it up and stay: no connections, no event. */
  readonly upOnly: boolean;
  /** The file's name as it was given; the file itself is open already (`report-file.ts`). */
  readonly report?: string | undefined;
}

/** Returns the exit code: 0 when everything was as forecast, else 1. */
export async function perform(clock: Clock, lab: Lab, options: LabOptions): Promise<number> {
  const lifeline = new Lifeline();
  const outside = await lifeline.outside;
  const progress = createProgress(clock);
  await checkPrograms(lab, outside);
  const { namespaces, linkCount } = await buildStage(lab);
  progress.step(
    "namespaces",
    `${namespaces.length} of them, ${linkCount} links, kube-proxy's rules on ${lab.nodes.length} nodes`,
  );

  const selectors = options.upOnly ? lab.experiment.selectors.slice(0, 1) : lab.experiment.selectors;
  const runs: RunResult[] = [];
  let speakers: readonly SpeakerReport[] = [];
  let cast: Cast | undefined;
  for (const selector of selectors) {
    if (cast) await stopCast(clock, cast);
    const directory = `${LAB_DIRECTORY}/${selector.name}`;
    await mkdir(directory, { recursive: true });
    cast = await startCast(clock, lab, { kind: "ecmp-router", ecmp: { hash: lab.experiment.hash, selector } }, directory);
    progress.step("started", `router with selector ${selector.name}, ${cast.speakers.length} speakers, ${cast.pods.length} pods`);
    speakers = await untilLearned(cast, progress);
    if (!options.upOnly) runs.push(await runOnce(clock, playOf(clock, cast), selector, directory, progress));
  }
  const result = { lab, speakers, runs };
  const exitCode = tell(result, options.json);
  if (options.report) writeReport(options.report, labReports(result), clock.timestamp());
  if (cast && (options.keep || options.upOnly)) {
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

/** The event of a run in namespaces. */
function playOf(clock: Clock, cast: Cast): Play {
  const { lab } = cast;
  return {
    lab,
    routers: viewsOf(cast),
    place: placeOf(lab.clients[0].node),
    translations: async ({ host }) => parseTranslations(await listTracked(lab, placeOf(host))),
    strike: async (departed) => {
      const atMs = clock.nowMs();
      const { kind } = lab.experiment.event;
      await DEEDS[kind].begin(makeTarget(clock, cast, { fault: kind, node: departed.name }));
      return atMs;
    },
  };
}

/** Who dies meanwhile is waited for no longer. */
export const untilLearned = (cast: Cast, progress: Progress): Promise<readonly SpeakerReport[]> =>
  Promise.race([learn(cast, progress), oneEnds(cast)]);

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

async function learn(cast: Cast, progress: Progress): Promise<readonly SpeakerReport[]> {
  const { lab } = cast;
  const told = await Promise.all(
    routersIn(cast).map(({ node, view }) => untilEstablished(lab, node, view, (machine) => lastWords(cast, machine))),
  );
  const states: Readonly<Record<string, string>> = Object.assign({}, ...told);
  progress.step("sessions", `${told.reduce((count, each) => count + Object.keys(each).length, 0)} Established`);
  await Promise.all(routersIn(cast).map(({ node, view }) => untilTaught(lab, node, view)));
  await Promise.all(routersIn(cast).map(({ node, view }) => untilWatched(lab, node, view)));
  progress.step("routes", lab.services.map(({ address }) => formatPrefix(hostPrefix(address))).join(", "));
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
