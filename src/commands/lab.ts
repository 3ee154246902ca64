/** `ecmp lab`: labs of real speakers and real connections around the router, each in a process tree of its own. */
import { Command, Option } from "commander";
import { labNames, loadLab } from "../lab/catalog.ts";
import { LabFailure } from "../lab/failure.ts";
import { perform } from "../lab/inside.ts";
import { enterTree } from "../lab/tree.ts";
import { systemClock } from "../net/clock.ts";

interface RunOptions {
  readonly json?: true;
  readonly keep?: true;
  readonly inside?: true;
}

export function labCommand(): Command {
  const lab = new Command("lab").description("labs: real speakers, real connections, and our router between them");
  lab
    .command("list")
    .description("the labs there are")
    .option("--json", "one JSON array")
    .action(({ json }: RunOptions) => guard(() => list(json === true)));
  lab
    .command("run")
    .description("plays a lab to its end; exits 1 when anything was not as forecast")
    .argument("<name>", "one of `ecmp lab list`")
    .option("--json", "the last line on stdout is one JSON object")
    .option("--keep", "leave the lab up afterwards, until Ctrl-C")
    .addOption(new Option("--inside").hideHelp())
    .action((name: string, options: RunOptions) => guard(() => play("run", name, options)));
  lab
    .command("up")
    .description("brings a lab up and keeps it up, until Ctrl-C")
    .argument("<name>", "one of `ecmp lab list`")
    .option("--json", "one JSON object on stdout when it is up")
    .addOption(new Option("--inside").hideHelp())
    .action((name: string, options: RunOptions) => guard(() => play("up", name, options)));
  return lab;
}

function list(json: boolean): number {
  const labs = labNames().map((name) => ({ name, description: loadLab(name).description }));
  if (json) console.log(JSON.stringify(labs));
  else for (const { name, description } of labs) console.log(`${name.padEnd(16)} ${description}`);
  return 0;
}

/** Called twice: outside, where it makes the tree, and again as the tree's process 1. */
async function play(verb: "run" | "up", name: string, { json, keep, inside }: RunOptions): Promise<number> {
  const lab = loadLab(name);
  if (inside) return await perform(systemClock, lab, { json: json === true, keep: keep === true, upOnly: verb === "up" });
  return await enterTree(["lab", verb, name, ...(json ? ["--json"] : []), ...(keep ? ["--keep"] : [])]);
}

async function guard(action: () => number | Promise<number>): Promise<void> {
  let exitCode: number;
  try {
    exitCode = await action();
  } catch (error) {
    if (!(error instanceof LabFailure)) throw error;
    process.stderr.write(`ecmp lab: ${error.message}\n`);
    exitCode = 2;
  }
  // Process 1 still holds its lifeline and its children: it ends by decision, and takes them with it.
  process.exit(exitCode);
}
