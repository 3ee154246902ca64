/** `ecmp replay`: a capture through the forwarding core, and what became of every packet of it. */
import { availableParallelism } from "node:os";
import { Command, Option } from "commander";
import { vlansOfConfig } from "../experiment/configured.ts";
import { ReplayOutputError, ReplayStateError, replayCapture } from "../experiment/replay.ts";
import type { ReplayReport } from "../experiment/replay-report.ts";
import { loadConfig } from "./config-file.ts";
import { fileProblem } from "./file-problem.ts";
import { wholeNumber } from "./flag-value.ts";
import { inputOf } from "./input-file.ts";
import { CommandError, formatTable, print, printJson, warn } from "./output.ts";
import { loadSavedState, stateOf } from "./state-file.ts";
import { describeUnknownLinks, SUPPORTED_LINKS } from "./unknown-links.ts";

interface ReplayCommandOptions {
  readonly config?: string;
  readonly state?: string;
  readonly in: string;
  readonly out?: string;
  readonly threads: number;
  readonly headersOnly?: boolean;
  readonly json?: boolean;
}

export function replayCommand(): Command {
  return new Command("replay")
    .description("send a capture through the forwarding core, and count what becomes of its packets")
    .option("--config <file>", "forward by this configuration's static routes")
    .addOption(new Option("--state <file>", "forward by a saved `ecmp show groups --json`").conflicts("config"))
    .requiredOption("--in <file>", "the capture: pcap or pcapng; Ethernet, raw IP or Linux cooked packets")
    .option(
      "--out <directory>",
      "write what each next hop gets to a capture there, named by its address; refused where such captures are",
    )
    .option(
      "--threads <count>",
      "threads that forward; the answer does not depend on it",
      wholeNumber(1, 64),
      availableParallelism(),
    )
    .option("--headers-only", "the capture was cut on purpose: packets that have their ports count as whole")
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      `
Every next hop of the routes counts as reachable, and each packet's own destination MAC as the router's. What goes to a subnet of
the router's ports (of a saved state, or of \`addresses\` in the configuration) is counted as slow: a router would ask for its
host first. A packet arrives on the first port whose \`vlan\` is that of its tags, loses them there, and goes on without; where no port has them it is dropped, as
tagged packets are by a saved state, which knows no ports. Bytes are those of Ethernet frames on the wire, of next hops without
tags. Flows are those of forwarded packets; beyond four million they are estimated, within 0.1 %.
Packets of other link types than ${SUPPORTED_LINKS}
are dropped, and named.
A capture that ends in the middle of a record, or is damaged, is replayed up to there; the offset is said, and the exit is 2.`,
    )
    .action(replay);
}

async function replay(options: ReplayCommandOptions): Promise<void> {
  const { in: capture, out: directory, threads } = options;
  const decider = options.state ?? options.config;
  if (decider === undefined) throw new CommandError("replay: nothing to forward by, wanted --config FILE or --state FILE");
  const progress = process.stderr.isTTY ? createProgress(capture) : undefined;
  const outcome = await replayCapture({
    ...(options.state === undefined ? loadRouter(decider) : { state: loadSavedState(decider) }),
    capture: inputOf(capture),
    threads,
    ...(directory !== undefined && { directory }),
    ...(options.headersOnly && { headersOnly: true }),
    ...(progress && { onProgress: progress.show }),
  }).catch((error: Error) => {
    if (error instanceof ReplayStateError) throw new CommandError(`${decider}: ${error.message}`);
    if (error instanceof ReplayOutputError) throw new CommandError(`--out: ${error.message}`);
    throw new CommandError(`${capture}: ${fileProblem(error)}`);
  });
  progress?.clear();
  if (options.json) printJson(outcome.report);
  else print(formatReport(outcome.report) + (options.headersOnly ? "" : hintOfCut(outcome.report)));
  warn(describeUnknownLinks(capture, outcome.report.unknownLinkTypes ?? [], "dropped"));
  if (!outcome.fault) return;
  const { offset, problem } = outcome.fault;
  throw new CommandError(`${capture}: offset ${offset}: ${problem}; the report is of the packets before it`);
}

function loadRouter(file: string) {
  const config = loadConfig(file);
  return { state: stateOf(file, config), vlans: vlansOfConfig(config) };
}

/** One line on the terminal, written anew when a percent has passed. */
function createProgress(capture: string): { show(readBytes: number, sizeBytes: number): void; clear(): void } {
  let shown = "";
  return {
    show(readBytes, sizeBytes) {
      const mebibytes = (readBytes / 2 ** 20).toFixed(0);
      const text = sizeBytes > 0 ? `${Math.floor((readBytes / sizeBytes) * 100)} %` : `${mebibytes} MiB`;
      if (text === shown) return;
      shown = text;
      process.stderr.write(`\r\u001b[K${capture}: ${text}`);
    },
    clear: () => void process.stderr.write("\r\u001b[K"),
  };
}

function hintOfCut({ dropped }: ReplayReport): string {
  if (!dropped.truncated) return "";
  return `\n\n${dropped.truncated} packets are shorter than they say; if the capture was cut on purpose, --headers-only forwards them.`;
}

function formatReport(report: ReplayReport): string {
  const about = report.flowsEstimated ? "about " : "";
  const reasons = [...Object.entries(report.slow), ...Object.entries(report.dropped)];
  const nameOf = (reason: string): string => (reason in report.slow ? `slow: ${reason}` : `dropped: ${reason}`);
  const outcomes = formatTable(
    ["outcome", "packets"],
    [
      ["forwarded", report.forwarded],
      ["punted", report.punted],
      ...reasons.map(([reason, count]) => [nameOf(reason), count]),
      ["all", report.packets],
    ],
  );
  const nextHops = formatTable(
    ["next hop", "packets", "bytes", "flows"],
    report.nextHops.map(({ address, packets, bytes, flows }) => [address, packets, bytes, flows]),
  );
  return `${report.packets} packets, ${report.bytes} bytes, ${about}${report.flows} flows\n\n${outcomes}\n\n${nextHops}`;
}
