/** `ecmp reload`: the running router reads its configuration file again, and whoever asks hears whether it could. */
import { Command } from "commander";
import { DEFAULT_CONTROL_SOCKET } from "../router/control.ts";
import { askOnce } from "./control-client.ts";
import { print, printJson } from "./output.ts";

export function reloadCommand(): Command {
  return new Command("reload")
    .description("let the running router read its configuration file again; only what changed is touched")
    .option("--control <socket>", "the router's control socket", process.env.ECMP_CONTROL ?? DEFAULT_CONTROL_SOCKET)
    .option("--json", "one JSON object")
    .action(reload);
}

async function reload({ control, json }: { readonly control: string; readonly json?: true }): Promise<void> {
  const answer = (await askOnce(control, { reload: true })) as { readonly reloaded: string };
  if (json) printJson(answer);
  else print(`reloaded ${answer.reloaded}`);
}
