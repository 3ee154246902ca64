/** `ecmp show ...`: asks a running router through its control socket. */
import { Command } from "commander";
import { DEFAULT_CONTROL_SOCKET } from "../router/control.ts";
import { ask, askOnce } from "./control-client.ts";
import { print, printJson } from "./output.ts";
import { formatShown } from "./show-text.ts";

const WHAT =
  "bgp summary | bgp neighbors [A] | bgp routes [PREFIX] | bgp announced A | bfd [A] | bfd drops | routes [PREFIX] | groups | ports | neighbors | counters | journal | events";

export function showCommand(): Command {
  return new Command("show")
    .description(`ask a running router: ${WHAT}`)
    .argument("<what...>", "what to show; a last word `json` does as --json")
    .option("--control <socket>", "the router's control socket", process.env.ECMP_CONTROL ?? DEFAULT_CONTROL_SOCKET)
    .option("--follow", "events: go on as they happen")
    .option("--json", "one JSON value; events: one JSON object a line")
    .action(show);
}

async function show(what: string[], options: { control: string; follow?: boolean; json?: boolean }): Promise<void> {
  const asJson = options.json === true || what.at(-1) === "json";
  const words = what.at(-1) === "json" ? what.slice(0, -1) : what;
  const isEvents = words[0] === "events";
  if (isEvents && options.follow) {
    for await (const line of ask(options.control, { show: words, follow: true })) {
      print(asJson ? line : formatShown(words, [JSON.parse(line)]));
    }
    return;
  }
  const value = await askOnce(options.control, { show: words });
  if (!asJson) print(formatShown(words, value));
  else if (isEvents) for (const event of value as unknown[]) printJson(event);
  else printJson(value);
}
