/** `ecmp check FILE`: every mistake in a configuration file at once. */
import { Command } from "commander";
import { findMadeInternal } from "../config/made-internal.ts";
import { formatMistake } from "../config/read.ts";
import type { Config } from "../config/schema.ts";
import { findWarnings } from "../config/served.ts";
import { readConfigWithFiles } from "./config-file.ts";
import { EXIT, print, printJson, warn } from "./output.ts";

export function checkCommand(): Command {
  return new Command("check")
    .description("say every mistake in a configuration file; exit 0 if there is none, 1 if there is")
    .argument("<file>", "configuration file (YAML)")
    .option("--json", "one JSON object: {ok, mistakes: [{line, path, value, wanted}], warnings: [text]}")
    .action((file: string, options: { json?: boolean }) => {
      const result = readConfigWithFiles(file);
      const mistakes = "mistakes" in result ? result.mistakes : [];
      const warnings = "config" in result ? warningsOf(result.config) : [];
      if (options.json) printJson({ ok: mistakes.length === 0, mistakes, warnings });
      else if (mistakes.length === 0) print(`${file}: no mistake`);
      for (const mistake of options.json ? [] : mistakes) process.stderr.write(`${formatMistake(file, mistake)}\n`);
      if (!options.json) warn(warnings.map((warning) => `${file}: ${warning}`));
      process.exitCode = mistakes.length === 0 ? EXIT.done : EXIT.no;
    });
}

const warningsOf = (config: Config): string[] => [...findWarnings(config), ...(config.bgp ? findMadeInternal(config.bgp) : [])];
