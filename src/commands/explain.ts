/** `ecmp explain`: which next hop will this flow take, and why? From a configuration, a saved state, or the running router. */
import { Command, Option } from "commander";
import type { Explanation } from "../experiment/explain.ts";
import type { Flow } from "../net/flow.ts";
import { flowOf } from "./flow-argument.ts";
import { readFlowFile } from "./flow-file.ts";
import { CommandError, printLines } from "./output.ts";
import { addStateOptions, explainerOf, loadState, type StateOptions } from "./state-options.ts";

interface ExplainOptions extends StateOptions {
  readonly flow: readonly string[];
  readonly flows?: string;
  readonly json?: boolean;
}

export function explainCommand(): Command {
  const addFlow = (flow: string, flows: readonly string[]): readonly string[] => [...flows, flow];
  const command = new Command("explain").description("say which next hop a flow takes, and why");
  return addStateOptions(command)
    .option("--flow <flow>", 'a flow such as "tcp 10.0.0.2:1000 192.0.2.1:80"; may be given several times', addFlow, [])
    .addOption(new Option("--flows <file>", "many flows: CSV with the header protocol,src,srcPort,dst,dstPort").conflicts("flow"))
    .option("--json", "one JSON object a flow and line")
    .action(explain);
}

async function explain(options: ExplainOptions): Promise<void> {
  const state = await loadState(options);
  if (state === undefined) throw new CommandError("explain: nothing to decide by, wanted --config FILE, --state FILE or --live");
  const explainFlow = explainerOf(state, options);
  const format = options.json ? JSON.stringify : formatExplanation;
  await printLines(findFlows(options), (flow) => format(explainFlow(flow)));
}

function findFlows({ flow, flows }: ExplainOptions): AsyncIterable<readonly Flow[]> | Iterable<readonly Flow[]> {
  if (flows !== undefined) return readFlowFile(flows);
  if (flow.length === 0) throw new CommandError("explain: no flow, wanted --flow or --flows");
  return [flow.map(flowOf)];
}

function formatExplanation({ flow, prefix, rule, key, hash, nextHop, reason }: Explanation): string {
  return [
    flow,
    `  prefix    ${prefix ?? "none"}`,
    `  rule      ${rule ?? "none"}`,
    `  key       ${key}`,
    `  hash      ${hash} (0x${hash.toString(16).padStart(8, "0")})`,
    `  next hop  ${nextHop ?? "none"}`,
    `  because   ${reason}`,
  ].join("\n");
}
