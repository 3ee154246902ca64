/** `ecmp replay-bgp`: a recording of BGP, a journal of ours or MRT of anyone, and the routes that come of it. */
import { Command } from "commander";
import { type Prefix, parseInterfaceAddress } from "../net/prefix.ts";
import { type ReplayBgpReport, replayBgp } from "../router/replay-bgp.ts";
import { loadConfig } from "./config-file.ts";
import { fileProblem } from "./file-problem.ts";
import { parsedBy } from "./flag-value.ts";
import { CommandError, formatTable, print, printJson } from "./output.ts";
import { formatShown } from "./show-text.ts";

interface ReplayBgpCommandOptions {
  readonly config?: string;
  readonly interface: readonly Prefix[];
  readonly json?: boolean;
}

export function replayBgpCommand(): Command {
  return new Command("replay-bgp")
    .description("tell a recording of BGP (a journal, or MRT of any collector) to a RIB, and show its routes")
    .argument(
      "<file...>",
      "recordings, the oldest first: JSON lines or MRT, sessions or tables, gzip or not; - is the standard input",
    )
    .option("--config <file>", "decide by this configuration's `bgp` and `routes`; without it all paths may share a prefix")
    .option(
      "--interface <address/length>",
      "an address of the router, by which next hops are reachable; repeatable",
      addInterface,
      [],
    )
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      `
Without --interface every next hop counts as reachable. Routes outlive a graceful restart where the OPENs of both sides are in the
recording, by its time. A journal that was rotated is given as FILE.2 FILE.1 FILE. Records that are damaged, or cut off at the end,
are named with their offset, the others are told all the same, and the exit is 2; so it is where there is no record at all.`,
    )
    .action(run);
}

const interfaceAddress = parsedBy(parseInterfaceAddress, "an address with its length, such as 10.0.0.1/24");

const addInterface = (text: string, before: readonly Prefix[]): Prefix[] => [...before, interfaceAddress(text)];

async function run(files: string[], options: ReplayBgpCommandOptions): Promise<void> {
  const config = options.config === undefined ? {} : { config: loadConfig(options.config) };
  const report = await replayBgp({ files, interfaces: options.interface, ...config }).catch((error: NodeJS.ErrnoException) => {
    throw new CommandError(`${error.path ?? files.join(" ")}: ${fileProblem(error)}`);
  });
  const isEmpty = Object.values(report.records).every((count) => count === 0);
  if (options.json) printJson(report);
  else if (!isEmpty) print(formatReport(report));
  if (isEmpty) throw new CommandError(`${files.join(" ")}: no records, wanted a recording of BGP`);
  if (report.records.fault === 0) return;
  const named = report.problems.map(({ file, offset, problem }) => `${file}: offset ${offset}: ${problem}`);
  const more = report.records.fault - named.length;
  throw new CommandError([...named, ...(more > 0 ? [`and ${more} more`] : [])].join("\n"));
}

function formatReport({ records, peers, routes }: ReplayBgpReport): string {
  const kinds = Object.entries(records).filter(([, count]) => count > 0);
  const rows = peers.map(({ peer, asn, up, updates, announced, withdrawn, losses, updateFaults }) => {
    const faults = Object.values(updateFaults).reduce((sum, count) => sum + count, 0);
    return [peer, asn, up ? "up" : "down", updates, announced, withdrawn, losses, faults];
  });
  const header = ["Peer", "AS", "At the end", "Updates", "Announced", "Withdrawn", "Losses", "Faults"];
  return [
    kinds.map(([kind, count]) => `${kind} ${count}`).join(", "),
    formatTable(header, rows),
    formatShown(["bgp", "routes"], routes),
  ].join("\n\n");
}
