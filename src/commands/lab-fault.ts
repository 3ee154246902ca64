/** `ecmp lab fault begin|end|list`: faults by hand, in a lab that is up. */
import { Command } from "commander";
import { LabFailure } from "../lab/failure.ts";
import { FAULTS } from "../lab/fault.ts";
import { askForFault, chooseLab } from "../lab/fault-client.ts";
import type { FaultRequest } from "../lab/fault-server.ts";
import { LARGEST_TABLE } from "../lab/full-table.ts";
import { wholeNumber } from "./flag-value.ts";
import { CommandError, EXIT, formatTable, print, printJson } from "./output.ts";

interface FaultOptions {
  readonly lab?: string;
  readonly percent?: number;
  readonly prefixes?: number;
  readonly seed?: number;
  readonly grace?: number;
  readonly json?: true;
}

export function labFaultCommand(): Command {
  const command = new Command("fault").description(`break a lab that is up: ${Object.keys(FAULTS).join(", ")}`);
  const add = (action: "begin" | "end", description: string) =>
    command
      .command(action)
      .description(description)
      .argument("<fault>", "a fault")
      .argument("<node>", "a node of the cluster, or the router")
      .action((fault: string, node: string, options: FaultOptions) => {
        const { percent, prefixes, seed, grace } = options;
        return request({ action, fault, node, settings: { percent, prefixes, seed, graceSeconds: grace } }, options);
      });
  const commands = [
    add("begin", "it happens to a node, now")
      .option("--percent <n>", "of packets: `loss`, `reorder`, `duplicate`, `corrupt` (100)", wholeNumber(1, 100))
      .option("--prefixes <n>", "of `prefix-flood` (10000)", wholeNumber(1, LARGEST_TABLE))
      .option("--seed <n>", "of what is drawn: which mutation (1)", wholeNumber(0, 0xffffffff))
      .option("--grace <seconds>", "of `drain`, before the node goes (1)", wholeNumber(0, 86_400)),
    add("end", "it is undone"),
    command
      .command("list")
      .description("what is at work")
      .action((options: FaultOptions) => request({ action: "list" }, options)),
  ];
  for (const each of commands) each.option("--lab <name>", "which lab, where several are up").option("--json", "one JSON value");
  return command;
}

async function request(wanted: FaultRequest, { lab, json }: FaultOptions): Promise<void> {
  const answer = await ask(wanted, lab);
  if ("refused" in answer) throw new CommandError(`lab fault: ${answer.refused}`, EXIT.couldNotRun);
  if (json) printJson(answer.active);
  else if (answer.active.length === 0) print("no fault is at work");
  else
    print(
      formatTable(
        ["node", "fault", "told"],
        answer.active.map((active) => {
          const { heeds } = FAULTS[active.fault];
          return [active.node, active.fault, heeds ? `${heeds} ${active[heeds]}` : "-"];
        }),
      ),
    );
}

async function ask(wanted: FaultRequest, lab: string | undefined) {
  try {
    return await askForFault(chooseLab(lab), wanted);
  } catch (error) {
    if (error instanceof LabFailure) throw new CommandError(`ecmp ${error.message}`);
    throw error;
  }
}
