/** `ecmp disrupt`: how many flows a change of the next hops breaks, by selector, side by side. From flags or a scenario file. */
import { dirname, resolve } from "node:path";
import { Command } from "commander";
import { formatMistake } from "../config/read.ts";
import type { HashOptions } from "../ecmp/flow-hash.ts";
import { SELECTORS } from "../ecmp/selector.ts";
import { describeUnbanked, describeUnevenness } from "../ecmp/unevenness.ts";
import type { CaptureFlows } from "../experiment/capture-flows.ts";
import { type Hashing, hashFlows } from "../experiment/flow-hashes.ts";
import { describeRepeats } from "../experiment/flows.ts";
import { captureRow, formatCsv, memberRows, outcomeRow, refusalRow } from "../experiment/report.ts";
import {
  hashingsOf,
  type MemberEvent,
  type Outcome,
  type PlayedScenario,
  playScenario,
  type Scenario,
} from "../experiment/scenario.ts";
import { parseScenario } from "../experiment/scenario-file.ts";
import { describeUnknownFields } from "../experiment/unknown-fields.ts";
import type { Flow } from "../net/flow.ts";
import { isCapture, loadCaptureFlows } from "./capture-flows.ts";
import { readText } from "./config-file.ts";
import {
  addExperimentOptions,
  addressAfter,
  type ExperimentOptions,
  membersOf,
  orderOf,
  recipeOf,
  refuseBeside,
  reportRefusals,
} from "./experiment-options.ts";
import { wholeNumber } from "./flag-value.ts";
import { readFlowFile } from "./flow-file.ts";
import { hashOf } from "./hash-flags.ts";
import { CommandError, formatTable, print, printJson, warn } from "./output.ts";
import { selectorsOf } from "./selector-flags.ts";
import { tableOfRouter } from "./told-router.ts";
import { withRouter } from "./with-router.ts";

interface DisruptOptions extends ExperimentOptions {
  readonly remove?: number;
  readonly add?: true;
  readonly threads?: number;
  readonly perMember?: true;
}

/** Where its flows are of a capture, with that. */
type Asked = Scenario & { readonly capture?: CaptureFlows };
type Played = PlayedScenario & { readonly capture: CaptureFlows | undefined };

/** What a scenario file does not say. */
const BESIDE_SCENARIO = ["threads", "headersOnly", "perMember", "json", "csv"];

export function disruptCommand(): Command {
  const command = new Command("disrupt")
    .description("count the flows that a change of the next hops breaks, selectors side by side")
    .argument("[scenario]", "a scenario file (YAML), instead of the flags for members, selectors, flows and hash");
  return addExperimentOptions(command)
    .option("--remove <i>", "the next hop that departs, from 1 as they are written", wholeNumber(1, 65534))
    .option("--add", "a next hop arrives, with an address after all others")
    .option("--threads <n>", "as many as the machine has, unless told", wholeNumber(1, 64))
    .option("--per-member", "a row for each next hop: its flows before and after")
    .addHelpText(
      "after",
      `
moved = unavoidable + excess. Unavoidable are flows whose next hop has departed: the minimum that any table must move, since none
can keep them where they were. Excess are all others that moved, though their next hop is still there; when one arrives or weighs
more, that is all that moves, of which what the newcomer is entitled to (1/n of the flows among n equals) is the minimum.`,
    )
    .action(disrupt);
}

async function disrupt(file: string | undefined, options: DisruptOptions, command: Command): Promise<void> {
  if (file !== undefined) refuseBeside(command, BESIDE_SCENARIO, "a scenario file, which says it");
  const { outcomes, refusals, capture } = await refusingRanges(async () => {
    const { capture, ...scenario } = file === undefined ? scenarioOfFlags(options) : await loadScenario(file, options);
    if (typeof scenario.flows !== "function") warn(describeRepeats(scenario.flows));
    return { ...(await playScenario(scenario, options.threads)), capture };
  });
  warn(describeTables(outcomes));
  report({ outcomes, refusals, capture }, options);
  reportRefusals("disrupt", refusals);
}

function report({ outcomes, refusals, capture }: Played, options: DisruptOptions): void {
  const rows = options.perMember ? outcomes.flatMap(memberRows) : outcomes.map(outcomeRow);
  const captured = capture && { capture: captureRow(capture) };
  const refused = refusals.map(refusalRow);
  if (options.json) printJson([...rows.map((row) => ({ ...row, ...captured })), ...refused]);
  else if (options.csv) print(formatCsv([...rows, ...refused]));
  else if (outcomes.length > 0) {
    print(formatOutcomes(outcomes));
    print(`\n${formatMembers(outcomes)}`);
  }
}

/** Of each selector: its table before all events, and who gets nothing at any time. */
function describeTables(outcomes: readonly Outcome[]): string[] {
  const firsts = outcomes.filter(({ choice }, i) => choice !== outcomes[i - 1]?.choice);
  return firsts.flatMap(({ choice, change }) => {
    const own = outcomes.filter((outcome) => outcome.choice === choice);
    const members = own.flatMap(({ change: { before, after } }) => [...before.members, ...after.members]);
    const unbanked = describeUnbanked(choice.options, members);
    const uneven = describeUnevenness(SELECTORS[choice.name], choice.options, change.before);
    return [...(unbanked === undefined ? [] : [`${choice.name}: ${unbanked}`]), ...(uneven === undefined ? [] : [uneven])];
  });
}

async function refusingRanges(play: () => Promise<Played>): Promise<Played> {
  try {
    return await play();
  } catch (error) {
    if (error instanceof RangeError) throw new CommandError(`disrupt: ${error.message}`);
    throw error;
  }
}

function scenarioOfFlags(given: DisruptOptions): Asked {
  const options = withRouter(given);
  const { router } = options;
  const members = membersOf(options);
  const plan: Omit<Scenario, "flows"> = {
    members,
    memberOrder: orderOf(options),
    selectors: selectorsOf(options),
    ...(router && { tableOf: (choice, ordered) => tableOfRouter(router, choice, orderOf(options), ordered) }),
    events: [eventOfFlags(options, members)],
    hash: hashOf(options),
  };
  if (options.in !== undefined) return { ...plan, ...capturedFlows(options.in, plan, options) };
  return { ...plan, flows: listed(recipeOf(options), plan.hash) };
}

/** Of flows that are told as 5-tuples, and no more. */
function listed<Flows>(flows: Flows, hash: HashOptions): Flows {
  warn(describeUnknownFields(hash));
  return flows;
}

function capturedFlows(file: string, plan: Omit<Scenario, "flows">, options: DisruptOptions): Pick<Asked, "flows" | "capture"> {
  const { headersOnly = false } = options;
  const capture = loadCaptureFlows(file, { hashings: hashingsOf(plan), headersOnly, routes: options.router?.routes });
  return { flows: capture.hash, capture };
}

function eventOfFlags({ remove, add }: DisruptOptions, members: Scenario["members"]): MemberEvent {
  if ((remove === undefined) === (add === undefined))
    throw new CommandError("disrupt: wanted either --remove I, --add or a scenario file");
  if (remove === undefined) return { kind: "add", label: "add", address: addressAfter(members), weight: 1 };
  if (remove > members.length) throw new CommandError(`--remove: ${remove}, wanted a next hop from 1 to ${members.length}`);
  return { kind: "remove", label: `remove ${remove}`, address: members[remove - 1].address };
}

async function loadScenario(file: string, options: DisruptOptions): Promise<Asked> {
  const result = parseScenario(readText(file));
  if ("mistakes" in result) throw new CommandError(result.mistakes.map((mistake) => formatMistake(file, mistake)).join("\n"));
  const { flows, ...plan } = result.scenario;
  if (!("file" in flows)) return { ...plan, flows: listed(flows, plan.hash) };
  const path = resolve(dirname(file), flows.file);
  if (isCapture(path)) return { ...plan, ...capturedFlows(path, plan, options) };
  const list = await loadFlows(path);
  return { ...plan, flows: listed((hashing: Hashing) => hashFlows(list, hashing), plan.hash) };
}

async function loadFlows(file: string): Promise<readonly Flow[]> {
  const flows: Flow[] = [];
  for await (const some of readFlowFile(file)) for (const flow of some) flows.push(flow);
  return flows;
}

const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;

function formatOutcomes(outcomes: readonly Outcome[]): string {
  const rows = outcomes
    .map(outcomeRow)
    .map((row) => [
      row.selector,
      row.members,
      row.event,
      row.flows,
      row.moved,
      percent(row.movedShare).padStart(8),
      row.unavoidable,
      row.excess,
      row.maxOverMean.toFixed(3),
    ]);
  const header = ["selector", "members", "event", "flows", "moved", "share", "unavoidable", "excess", "max/mean"];
  return `${formatTable(header, rows)}\n\nmember order ${outcomes[0].memberOrder}`;
}

/** Flows before and after, a column pair a selector and event. */
function formatMembers(outcomes: readonly Outcome[]): string {
  const rows = outcomes.flatMap(memberRows).map((row) => {
    const { selector, event, address, flowsBefore, flowsAfter } = row;
    return [selector, event, address, flowsBefore, flowsAfter, signed(flowsAfter - flowsBefore)];
  });
  return formatTable(["selector", "event", "next hop", "before", "after", "change"], rows);
}

const signed = (number: number): string => (number > 0 ? `+${number}` : String(number));
