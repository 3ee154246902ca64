/** The table of commands, and the one place where a command's error becomes words on stderr and an exit code. */
import { createRequire } from "node:module";
import { Command, CommanderError } from "commander";
import { balanceCommand } from "./balance.ts";
import { checkCommand } from "./check.ts";
import { conformCommand } from "./conform.ts";
import { disruptCommand } from "./disrupt.ts";
import { explainCommand } from "./explain.ts";
import { faultCommand } from "./fault.ts";
import { labCommand } from "./lab.ts";
import { CommandError, EXIT } from "./output.ts";
import { profilesCommand } from "./profiles.ts";
import { reloadCommand } from "./reload.ts";
import { replayCommand } from "./replay.ts";
import { replayBgpCommand } from "./replay-bgp.ts";
import { runCommand } from "./run.ts";
import { showCommand } from "./show.ts";

const COMMANDS = [
  runCommand,
  checkCommand,
  explainCommand,
  replayCommand,
  replayBgpCommand,
  disruptCommand,
  balanceCommand,
  profilesCommand,
  showCommand,
  faultCommand,
  reloadCommand,
  labCommand,
  conformCommand,
];

export async function program(argv: readonly string[]): Promise<void> {
  const { version } = createRequire(import.meta.url)("../../../package.json") as { version: string };
  const root = new Command("ecmp")
    .version(version)
    .description(
      "A multipath router for labs: BGP in, hashing as you configure it, real packets out, and a count of what a change breaks",
    )
    .exitOverride();
  for (const command of COMMANDS) root.addCommand(throwing(command()));
  try {
    await root.parseAsync([...argv]);
  } catch (error) {
    // Commander has printed its own message: help asked for is done, anything else could not run.
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.couldNotRun;
    else if (error instanceof CommandError) {
      process.stderr.write(`${error.message}\n`);
      process.exitCode = error.code;
    } else throw error;
  }
}

/** Commander's own errors are thrown, by a command and by its subcommands, instead of ending the process. */
function throwing(command: Command): Command {
  command.commands.forEach(throwing);
  return command.exitOverride();
}
