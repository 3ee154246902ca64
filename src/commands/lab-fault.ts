/** `ecmp lab fault begin|end|list`: faults by hand, in a lab that is up. */
import { Command } from "commander";
import { LabFailure } from "../lab/failure.ts";
import { FAULTS } from "../lab/fault.ts";
import { askForFault, chooseLab } from "../lab/fault-client.ts";
import type { FaultRequest } from "../lab/fault-server.ts";
import { wholeNumber } from "./flag-value.ts";
import { CommandError, EXIT, formatTable, print, printJson } from "./output.ts";

interface FaultOptions {
  readonly lab?: string;
  readonly percent?: number;
  readonly json?: true;
}

export function labFaultCommand(): Command {
  const command = new Command("fault").description(`break a lab that is up: ${Object.keys(FAULTS).join(", ")}`);
  const add = (action: "begin" | "end", description: string) =>
    command
      .command(action)
      .description(description)
      .argument("<fault>", "a fault")
      .argument("<node>", "a node of the cluster")
      .action((fault: string, node: string, options: FaultOptions) =>
        request({ action, fault, node, percent: options.percent }, options),
      );
  const commands = [
    add("begin", "it happens to a node, now").option("--percent <n>", "of packets, for `loss`", wholeNumber(1, 100)),
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
        ["node", "fault", "percent"],
        answer.active.map(({ node, fault, percent }) => [node, fault, percent]),
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
