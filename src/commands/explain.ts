/** `ecmp explain`: which next hop will this flow take, and why? From a configuration, a saved state, or the running router. */
import { Command, Option } from "commander";
import { createExplainer, type Explanation } from "../experiment/explain.ts";
import { describeUnknownFields } from "../experiment/unknown-fields.ts";
import type { FibState } from "../fib/state.ts";
import type { Flow } from "../net/flow.ts";
import { DEFAULT_CONTROL_SOCKET } from "../router/control.ts";
import { askOnce } from "./control-client.ts";
import { flowOf } from "./flow-argument.ts";
import { readFlowFile } from "./flow-file.ts";
import { CommandError, printLines, warn } from "./output.ts";
import { loadConfiguredState, loadSavedState } from "./state-file.ts";

interface ExplainOptions {
  readonly config?: string;
  readonly state?: string;
  readonly live?: boolean;
  readonly control: string;
  readonly flow: readonly string[];
  readonly flows?: string;
  readonly json?: boolean;
}

export function explainCommand(): Command {
  const addFlow = (flow: string, flows: readonly string[]): readonly string[] => [...flows, flow];
  return new Command("explain")
    .description("say which next hop a flow takes, and why")
    .option("--config <file>", "decide by this configuration and its static routes")
    .addOption(new Option("--state <file>", "decide by a saved `ecmp show groups --json`").conflicts("config"))
    .addOption(new Option("--live", "decide by the running router's groups").conflicts(["config", "state"]))
    .option("--control <socket>", "with --live: the router's control socket", process.env.ECMP_CONTROL ?? DEFAULT_CONTROL_SOCKET)
    .option("--flow <flow>", 'a flow such as "tcp 10.0.0.2:1000 192.0.2.1:80"; may be given several times', addFlow, [])
    .addOption(new Option("--flows <file>", "many flows: CSV with the header protocol,src,srcPort,dst,dstPort").conflicts("flow"))
    .option("--json", "one JSON object a flow and line")
    .action(explain);
}

async function explain(options: ExplainOptions): Promise<void> {
  const explainFlow = await loadExplainer(options);
  const format = options.json ? JSON.stringify : formatExplanation;
  await printLines(findFlows(options), (flow) => format(explainFlow(flow)));
}

async function loadExplainer(options: ExplainOptions): Promise<(flow: Flow) => Explanation> {
  const state = await loadState(options);
  try {
    warn(describeUnknownFields(state.hash));
    return createExplainer(state);
  } catch (error) {
    throw new CommandError(
      `${options.state ?? (options.live ? undefined : options.config) ?? "the router"}: ${(error as Error).message}`,
    );
  }
}

async function loadState({ config, state, live, control }: ExplainOptions): Promise<FibState> {
  if (state !== undefined) return loadSavedState(state);
  if (live) return (await askOnce(control, { show: ["groups"] })) as FibState;
  if (config !== undefined) return loadConfiguredState(config);
  throw new CommandError("explain: nothing to decide by, wanted --config FILE, --state FILE or --live");
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
