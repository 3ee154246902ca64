/** `ecmp check FILE`: every mistake in a configuration file at once. */
import { Command } from "commander";
import { formatMistake, readConfig } from "../config/read.ts";
import { readText } from "./config-file.ts";
import { EXIT, print, printJson } from "./output.ts";

export function checkCommand(): Command {
  return new Command("check")
    .description("say every mistake in a configuration file; exit 0 if there is none, 1 if there is")
    .argument("<file>", "configuration file (YAML)")
    .option("--json", "one JSON object: {ok, mistakes: [{line, path, value, wanted}]}")
    .action((file: string, options: { json?: boolean }) => {
      const result = readConfig(readText(file));
      const mistakes = "mistakes" in result ? result.mistakes : [];
      if (options.json) printJson({ ok: mistakes.length === 0, mistakes });
      else if (mistakes.length === 0) print(`${file}: no mistake`);
      for (const mistake of options.json ? [] : mistakes) process.stderr.write(`${formatMistake(file, mistake)}\n`);
      process.exitCode = mistakes.length === 0 ? EXIT.done : EXIT.no;
    });
}
