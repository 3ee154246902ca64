/** `ecmp reload`: the running router reads its configuration file again, and whoever asks hears whether it could. */
import { Command } from "commander";
import { DEFAULT_CONTROL_SOCKET } from "../router/control.ts";
import { askOnce } from "./control-client.ts";
import { EXIT, print, printJson } from "./output.ts";

export interface ReloadAnswer {
  /** The configuration file. */
  readonly reloaded: string;
  /** What of it is in force and does not work. */
  readonly problems: readonly string[];
}

export function reloadCommand(): Command {
  return new Command("reload")
    .description(
      "let the running router read its configuration file again; only what changed is touched; exit 1 if something of it fails",
    )
    .option("--control <socket>", "the router's control socket", process.env.ECMP_CONTROL ?? DEFAULT_CONTROL_SOCKET)
    .option("--json", "one JSON object: {reloaded: file, problems: [text]}")
    .action(reload);
}

async function reload({ control, json }: { readonly control: string; readonly json?: true }): Promise<void> {
  const answer = (await askOnce(control, { reload: true })) as ReloadAnswer;
  if (json) printJson(answer);
  else print(`reloaded ${answer.reloaded}`);
  for (const problem of json ? [] : answer.problems) process.stderr.write(`${answer.reloaded}: ${problem}\n`);
  process.exitCode = answer.problems.length === 0 ? EXIT.done : EXIT.no;
}
