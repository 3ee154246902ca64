/** The table of commands, and the one place where a command's error becomes words on stderr and an exit code. */
import { createRequire } from "node:module";
import { Command, CommanderError } from "commander";
import { CommandError, EXIT } from "./output.ts";

/** Loaded when it is asked for: to load all of them takes three times as long as a question to a router. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  run: async () => (await import("./run.ts")).runCommand(),
  check: async () => (await import("./check.ts")).checkCommand(),
  explain: async () => (await import("./explain.ts")).explainCommand(),
  probe: async () => (await import("./probe.ts")).probeCommand(),
  replay: async () => (await import("./replay.ts")).replayCommand(),
  "replay-bgp": async () => (await import("./replay-bgp.ts")).replayBgpCommand(),
  disrupt: async () => (await import("./disrupt.ts")).disruptCommand(),
  balance: async () => (await import("./balance.ts")).balanceCommand(),
  profiles: async () => (await import("./profiles.ts")).profilesCommand(),
  show: async () => (await import("./show.ts")).showCommand(),
  fault: async () => (await import("./fault.ts")).faultCommand(),
  reload: async () => (await import("./reload.ts")).reloadCommand(),
  lab: async () => (await import("./lab.ts")).labCommand(),
  conform: async () => (await import("./conform.ts")).conformCommand(),
};

export async function program(argv: readonly string[]): Promise<void> {
  const { version } = createRequire(import.meta.url)("../../../package.json") as { version: string };
  const root = new Command("ecmp")
    .version(version)
    .description(
      "A multipath router for labs: BGP in, hashing as you configure it, real packets out, and a count of what a change breaks",
    )
    .exitOverride();
  const [, , asked = ""] = argv;
  const wanted = Object.hasOwn(COMMANDS, asked) ? [COMMANDS[asked]] : Object.values(COMMANDS);
  for (const load of wanted) root.addCommand(throwing(await load()));
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
