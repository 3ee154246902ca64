/** `ecmp lab`: labs of real speakers and real connections around the router, each in a process tree of its own. */
import { writeFileSync } from "node:fs";
import { Argument, Command, Option } from "commander";
import { isScenario, labNames, labSource, loadLab, loadScenarios, playNames } from "../lab/catalog.ts";
import { renderCompose } from "../lab/compose.ts";
import { SOCKET_FOLDER, socketOf } from "../lab/container-sockets.ts";
import { renderContainerlab } from "../lab/containerlab.ts";
import { experimentOf } from "../lab/experiment.ts";
import { experimentProgram } from "../lab/experiment-program.ts";
import { LabFailure } from "../lab/failure.ts";
import { renderMermaid } from "../lab/graph.ts";
import { inspect, renderInspection } from "../lab/inspect.ts";
import { type Lab, routersOf } from "../lab/lab.ts";
import { renderLabSchema } from "../lab/lab-schema.ts";
import { playPart } from "../lab/part.ts";
import { perform } from "../lab/perform.ts";
import { createProgress } from "../lab/progress.ts";
import { openFiles } from "../lab/report-file.ts";
import { renderRouterConfig } from "../lab/router-config.ts";
import { renderScenarioSchema } from "../lab/scenario-schema.ts";
import { onceUp, settle } from "../lab/settle.ts";
import { endLab, standingLabs } from "../lab/standing.ts";
import { strategiesProgram } from "../lab/strategies-program.ts";
import { describeTopology, planTopology } from "../lab/topology.ts";
import { enterTree } from "../lab/tree.ts";
import { systemClock } from "../net/clock.ts";
import { labFaultCommand } from "./lab-fault.ts";
import { CommandError } from "./output.ts";
import { run } from "./run.ts";

interface RunOptions {
  readonly json?: true;
  readonly keep?: true;
  readonly inside?: string;
  readonly report?: string;
  readonly connections?: string;
  readonly dryRun?: true;
  readonly only?: string;
}

export function labCommand(): Command {
  const lab = new Command("lab").description("labs: real speakers, real connections, and our router between them");
  lab
    .command("list")
    .description("the ready labs and scenarios, the question of each, and which of them stand")
    .option("--json", "one JSON array")
    .action(({ json }: RunOptions) => guard(() => list(json === true)));
  lab
    .command("run")
    .description("plays a lab or a scenario to its end; exits 1 when anything was not as forecast, or an assertion fails")
    .argument("<name>", `${NAME}; a scenario, likewise`)
    .option("--only <names>", "of a scenario these strategies alone, of a lab these selectors: A,B,C")
    .option("--json", "the last line on stdout is one JSON object; of a scenario, the lines before it are its events")
    .option("--keep", "leave the lab up afterwards, until Ctrl-C; not of a scenario")
    .option(
      "--report <file>",
      "write what was found: .html a page of charts, .json one object, .csv of a lab a line a connection, of a scenario its table",
    )
    .option(
      "--connections <file>",
      "write a CSV line each connection, request and flow of datagrams: forecast, and what came of it",
    )
    .addOption(new Option("--inside <name>").hideHelp())
    .action((name: string, options: RunOptions) => guard(() => play("run", name, options)));
  lab
    .command("up")
    .description("brings a lab up and keeps it up, until Ctrl-C or down; one that is up and whole stays as it is")
    .argument("<name>", NAME)
    .option("--json", "one JSON object on stdout when it is up, as inspect has it")
    .option("--dry-run", "print the commands that would build its network, and make nothing")
    .addOption(new Option("--inside <name>").hideHelp())
    .action((name: string, options: RunOptions) => guard(() => bringUp(name, options)));
  lab
    .command("inspect")
    .description("what a standing lab is made of: machines, addresses, sessions, processes, and how to go in")
    .argument("<name>", NAME)
    .option("--json", "one JSON array, an object for each lab of that name that stands")
    .action((name: string, options: RunOptions) => guard(() => look(name, options.json === true)));
  lab
    .command("down")
    .description("ends every lab of that name, and whatever a killed command left of one")
    .argument("<name>", NAME)
    .action((name: string) => guard(() => takeDown(name)));
  lab
    .command("graph")
    .description("prints a lab as a Mermaid flowchart")
    .argument("<name>", NAME)
    .action((name: string) => guard(() => print(renderMermaid(loadLab(name)))));
  lab
    .command("schema")
    .description(
      "prints the JSON Schema of lab files or of scenario files, for editors: lab/schema.json, lab/scenario-schema.json",
    )
    .addArgument(new Argument("[of]", "of which files").choices(Object.keys(SCHEMAS)).default("lab"))
    .action((of: keyof typeof SCHEMAS) => guard(() => print(SCHEMAS[of]())));
  lab
    .command("play")
    .description("plays one machine of a lab, here: what each container of docker-compose.yml does")
    .argument("<name>", NAME)
    .argument("<machine>", "the router, a node, a pod or a client of it")
    .option("--selector <name>", "one of the lab's experiment", process.env.ECMP_SELECTOR)
    .option("--sockets <folder>", "where its containers meet: the routers' control sockets, by name", SOCKET_FOLDER)
    .option("--json", "a client's last line on stdout is one JSON object")
    .action((name: string, machine: string, options: PlayOptions) => guard(() => playMachine(name, machine, options)));
  lab.addCommand(labFaultCommand());
  lab
    .command("export")
    .description("a lab as a file for another tool, of the images that our Dockerfile makes")
    .argument("<name>", NAME)
    .addOption(new Option("--compose [file]", "a docker-compose file; printed when no file is named").conflicts("containerlab"))
    .option("--containerlab [file]", "a containerlab topology file, likewise")
    .action((name: string, options: ExportOptions) => guard(() => exportLab(name, options)));
  return lab;
}

/** Of the router's container; `docker-compose.yml` exposes it. */
const METRICS_PORT = 9179;

const SCHEMAS = { lab: renderLabSchema, scenario: renderScenarioSchema } as const;

const NAME = "one of `ecmp lab list`, or a lab file's path";

interface PlayOptions {
  readonly selector?: string;
  readonly sockets: string;
  readonly json?: true;
}

async function playMachine(name: string, machine: string, options: PlayOptions): Promise<number> {
  const lab = loadLab(name);
  const scenarios = experimentOf(lab);
  const { selector = scenarios[0].name } = options;
  const scenario = scenarios.find(({ name }) => name === selector);
  if (!scenario) {
    const names = scenarios.map(({ name }) => name).join(", ");
    throw new LabFailure("--selector", `found "${options.selector}"`, `one of the lab's experiment: ${names}`);
  }
  const { sockets, json } = options;
  const router = routersOf(lab).find(({ name }) => name === machine);
  if (!router) return await playPart(systemClock, lab, machine, { scenario, sockets, json: json === true });
  const file = `${sockets}/${router.name}.yaml`;
  writeFileSync(file, renderRouterConfig(lab, router, scenario.router.ecmp, "by address"));
  await run(file, { control: socketOf(router.name, sockets), metrics: `0.0.0.0:${METRICS_PORT}` });
  // It goes on until a signal ends it, and the process with it.
  return await new Promise(() => {});
}

interface ExportOptions {
  readonly compose?: string | true;
  readonly containerlab?: string | true;
}

function exportLab(name: string, { compose, containerlab }: ExportOptions): number {
  const file = compose ?? containerlab;
  if (file === undefined) throw new LabFailure("lab export", "no format", "--compose or --containerlab");
  const lab = loadLab(name);
  // A container plays its machine from the lab that is in its image, or from the file.
  const source = { name, file: labNames().includes(name) ? undefined : labSource(name) };
  const text = (compose ? renderCompose : renderContainerlab)(lab, source);
  if (file === true) return print(text);
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new LabFailure(file, (error as Error).message, "a file that can be written");
  }
  return 0;
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

function list(json: boolean): number {
  const labs = playNames().map((name) => ({
    name,
    description: (isScenario(name) ? loadScenarios(name) : loadLab(name)).description,
    standing: standingLabs(name).map(({ verb, pid }) => ({ verb, pid })),
  }));
  if (json) console.log(JSON.stringify(labs));
  for (const { name, description, standing } of json ? [] : labs) {
    const verbs = standing.map(({ verb, pid }) => `  (${verb}, process ${pid})`).join("");
    console.log(`${name.padEnd(LONGEST_NAME)} ${description}${verbs}`);
  }
  return 0;
}

const LONGEST_NAME = 20;

async function bringUp(name: string, options: RunOptions): Promise<number> {
  const lab = loadLab(name);
  if (options.dryRun) return print(describeTopology(planTopology(lab)));
  if (options.inside) return await play("up", name, options);
  const progress = createProgress(systemClock);
  const standing = await settle(systemClock, lab, progress);
  if (standing) return print(options.json ? `${JSON.stringify(standing)}\n` : renderInspection(standing));
  if (options.json) void onceUp(systemClock, lab).then((up) => print(`${JSON.stringify(up)}\n`));
  return await play("up", name, options);
}

async function look(name: string, json: boolean): Promise<number> {
  const standing = standingLabs(labName(name));
  if (standing.length === 0 && !json) {
    const verb = isScenario(name) ? "run" : "up";
    throw new LabFailure(labName(name), "nothing of it stands", "a lab that is up", `ecmp lab ${verb} ${name}`);
  }
  const inspections = await Promise.all(standing.map((each) => inspect(labOf(each.source), each)));
  return print(json ? `${JSON.stringify(inspections)}\n` : inspections.map(renderInspection).join("\n"));
}

async function takeDown(name: string): Promise<number> {
  const standing = standingLabs(labName(name));
  for (const each of standing) {
    await endLab(systemClock, each);
    process.stderr.write(`${each.name}: ${each.verb} ended (process ${each.pid})\n`);
  }
  if (standing.length === 0) process.stderr.write(`${labName(name)}: nothing of it stands\n`);
  return 0;
}

/** The name of a lab that stands is enough, whether or not its file is still there. */
function labName(name: string): string {
  if (standingLabs(name).length > 0) return name;
  return isScenario(name) ? loadScenarios(name).name : loadLab(name).name;
}

/** What a scenario is played on. */
const labOf = (source: string): Lab => loadLab(isScenario(source) ? loadScenarios(source).lab : source);

/** Called twice: outside, where it makes the tree, and again as the tree's process 1. */
async function play(verb: "run" | "up", name: string, options: RunOptions): Promise<number> {
  if (verb === "run" && isScenario(name)) return await playScenarios(name, options);
  const lab = loadLab(name);
  const scenarios = chosen(experimentOf(lab), options.only);
  if (!options.inside) return await enterTree(lab.name, wordsFor(verb, name, options), openFiles(options));
  const progress = createProgress(systemClock);
  const program = experimentProgram(systemClock, lab, scenarios, told(options), progress);
  return await perform(systemClock, program, { keep: options.keep === true, upOnly: verb === "up" }, progress);
}

async function playScenarios(name: string, options: RunOptions): Promise<number> {
  const suite = loadScenarios(name);
  if (options.keep) {
    throw new LabFailure("--keep", "a scenario, whose strategies take turns", "a lab", `ecmp lab up ${suite.lab}`);
  }
  const scenarios = chosen(suite.scenarios, options.only);
  if (!options.inside) return await enterTree(suite.name, wordsFor("run", name, options), openFiles(options));
  const progress = createProgress(systemClock);
  const program = strategiesProgram(systemClock, loadLab(suite.lab), { ...suite, scenarios }, told(options), progress);
  return await perform(systemClock, program, { keep: false, upOnly: false }, progress);
}

/** Those that were asked for, in the order of the file. */
function chosen<One extends { readonly name: string }>(all: readonly One[], only: string | undefined): readonly One[] {
  const wanted = only?.split(",").map((name) => name.trim());
  const unknown = wanted?.filter((name) => all.every((one) => one.name !== name)) ?? [];
  const names = all.map(({ name }) => name).join(", ");
  if (unknown.length > 0) throw new LabFailure("--only", `found "${unknown.join(", ")}"`, `some of ${names}`);
  return all.filter(({ name }) => wanted?.includes(name) ?? true);
}

/** What process 1 is told: the same, wherever it was called from. */
function wordsFor(verb: string, name: string, { json, keep, only, report, connections }: RunOptions): string[] {
  const flags = [...(json ? ["--json"] : []), ...(keep ? ["--keep"] : [])];
  const values = Object.entries({ only, report, connections }).flatMap(([key, value]) =>
    value === undefined ? [] : [`--${key}`, value],
  );
  return ["lab", verb, labSource(name), ...flags, ...values];
}

const told = ({ json, report, connections }: RunOptions) => ({
  json: json === true,
  report,
  connections: connections !== undefined,
});

async function guard(action: () => number | Promise<number>): Promise<void> {
  let exitCode: number;
  try {
    exitCode = await action();
  } catch (error) {
    if (!(error instanceof LabFailure || error instanceof CommandError)) throw error;
    process.stderr.write(`ecmp lab: ${error.message}\n`);
    exitCode = 2;
  }
  // A long line may still be on its way into a pipe that nobody reads this moment.
  await new Promise((written) => process.stdout.write("", written));
  // Process 1 still holds its lifeline and its children: it ends by decision, and takes them with it.
  process.exit(exitCode);
}
