/** `ecmp lab fault begin|end|list`: faults by hand, in a lab that is up. */
import { Command, InvalidArgumentError, Option } from "commander";
import { LabFailure } from "../lab/failure.ts";
import { FAULTS, type SettingName } from "../lab/fault.ts";
import { askForFault, chooseLab } from "../lab/fault-client.ts";
import type { FaultRequest } from "../lab/fault-server.ts";
import { FAULT_SETTINGS, SETTING_NAMES, type SomeSettings, type ToldFault } from "../lab/fault-setting.ts";
import { FAULT_KINDS } from "../lab/lab.ts";
import { CommandError, EXIT, formatTable, print, printJson } from "./output.ts";

type FaultOptions = { readonly lab?: string; readonly json?: true } & Readonly<Record<string, unknown>>;

/** Of each setting, an option that names the faults which heed it. */
const OPTIONS = SETTING_NAMES.map((name) => {
  const { flag, says, schema, read, default: usual } = FAULT_SETTINGS[name];
  const heeding = FAULT_KINDS.filter((kind) => FAULTS[kind].heeds?.includes(name)).join(", ");
  const option = new Option(flag, `${says}${usual === undefined ? "" : ` (${usual})`}: ${heeding}`).argParser((text) => {
    const result = schema.safeParse(read(text));
    if (result.success) return result.data;
    throw new InvalidArgumentError(result.error.issues[0].message);
  });
  return { name, option };
});

export function labFaultCommand(): Command {
  const command = new Command("fault").description(`break a lab that is up: ${FAULT_KINDS.join(", ")}`);
  const add = (action: "begin" | "end", description: string) =>
    command
      .command(action)
      .description(description)
      .argument("<fault>", "a fault")
      .argument("<node>", "a node of the cluster, or the router")
      .action((fault: string, node: string, options: FaultOptions) =>
        request({ action, fault, node, settings: settingsOf(options) }, options),
      );
  const begin = add("begin", "it happens to a node, now");
  for (const { option } of OPTIONS) begin.addOption(option);
  const list = command.command("list").description("what is at work, as the lab itself shows it");
  list.action((options: FaultOptions) => request({ action: "list" }, options));
  for (const each of [begin, add("end", "it is undone"), list])
    each.option("--lab <name>", "which lab, where several are up").option("--json", "one JSON value");
  return command;
}

const settingsOf = (options: FaultOptions): SomeSettings =>
  Object.fromEntries(OPTIONS.map(({ name, option }) => [name, options[option.attributeName()]]));

async function request(wanted: FaultRequest, { lab, json }: FaultOptions): Promise<void> {
  const answer = await ask(wanted, lab);
  if ("refused" in answer) throw new CommandError(`lab fault: ${answer.refused}`, EXIT.couldNotRun);
  if (json) printJson(answer.active);
  else if (answer.active.length === 0) print("no fault is at work");
  else
    print(
      formatTable(
        ["node", "fault", "told"],
        answer.active.map((told) => [told.node, told.fault, formatSettings(told)]),
      ),
    );
}

function formatSettings(told: ToldFault): string {
  const said = (name: SettingName) => (told[name] === undefined ? [] : [`${name} ${told[name]}`]);
  return SETTING_NAMES.flatMap(said).join(", ") || "-";
}

async function ask(wanted: FaultRequest, lab: string | undefined) {
  try {
    return await askForFault(chooseLab(lab), wanted);
  } catch (error) {
    if (error instanceof LabFailure) throw new CommandError(`ecmp ${error.message}`);
    throw error;
  }
}
