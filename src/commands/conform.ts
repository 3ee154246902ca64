/** `ecmp conform`: judges a live BGP speaker by named checks, each with its clause, its verdict and the evidence. */
import { Command } from "commander";
import { ALL_CHECKS, CHECK_GROUPS, type ListedCheck } from "../conform/catalog.ts";
import { type Result, VERDICTS } from "../conform/check.ts";
import { describeCapability } from "../conform/describe.ts";
import { type Assignment, type Judgment, judge } from "../conform/judge.ts";
import { type Address, formatAddress, isLinkLocal, parseAddress, zoneOf } from "../net/address.ts";
import { systemClock } from "../net/clock.ts";
import { wholeNumber } from "./flag-value.ts";
import { CommandError, EXIT, formatTable, print, printJson } from "./output.ts";

interface ConformOptions {
  readonly peer?: string;
  readonly port: number;
  readonly localAs?: number;
  readonly remoteAs?: number;
  readonly local: readonly string[];
  readonly observer?: string;
  readonly observerAs?: number;
  readonly listen?: number | true;
  readonly check?: readonly string[];
  readonly skip?: readonly string[];
  readonly deadline: number;
  readonly evidence?: true;
  readonly list?: true;
  readonly json?: true;
}

const BGP_PORT = 179;
const asNumber = wholeNumber(1, 0xffffffff);
const portNumber = wholeNumber(1, 0xffff);

export function conformCommand(): Command {
  return new Command("conform")
    .description("judge a live BGP speaker, check by check; exits 1 when one fails or cannot be judged")
    .option("--peer <address>", "the speaker")
    .option("--port <n>", "where it listens", portNumber, BGP_PORT)
    .option("--local-as <asn>", "what the speaker has configured as our AS number", asNumber)
    .option("--remote-as <asn>", "the speaker's own", asNumber)
    .option("--local <address...>", "ours, each a neighbor that the speaker is configured with: checks run side by side", [])
    .option("--observer <address>", "one more neighbor, which only looks: what the speaker passes on")
    .option("--observer-as <asn>", "the observer's AS number, better not that of the others", asNumber)
    .option("--listen [port]", "the speaker dials us: take its connections (port 179 unless told)", portNumber)
    .option("--check <name...>", "only these")
    .option("--skip <name...>", "all but these")
    .option("--deadline <seconds>", "for one check", wholeNumber(5, 600), 40)
    .option("--evidence", "show what was sent and received in every check, not only in those that do not pass")
    .option("--list", "the checks there are, with the steps of each, and judge nothing")
    .option("--json", "one JSON array, with all evidence")
    .action(conform);
}

async function conform(options: ConformOptions): Promise<void> {
  const checks = checksOf(options);
  if (options.list) return list(checks, options.json === true);
  const assignment: Assignment = {
    checks,
    us: {
      peer: { address: addressOf("--peer", options.peer), port: options.port },
      localAsn: wanted("--local-as", options.localAs, "our AS number"),
      remoteAsn: wanted("--remote-as", options.remoteAs, "the speaker's AS number"),
      ...(options.listen === undefined ? {} : { listenPort: options.listen === true ? BGP_PORT : options.listen }),
    },
    lanes: options.local.map((text) => addressOf("--local", text)),
    ...observerOf(options),
    deadlineMs: options.deadline * 1000,
    clock: systemClock,
    onResult: ({ verdict, name }, done) => process.stderr.write(`[${done}/${checks.length}] ${verdict.padEnd(14)} ${name}\n`),
  };
  const judgment = await judge(assignment);
  if (typeof judgment === "string") {
    const where = `${options.peer} port ${options.port}`;
    throw new CommandError(`${where}: ${judgment}, wanted a BGP session with AS ${options.remoteAs}`);
  }
  if (options.json) printJson(judgment.results);
  else print(formatJudgment(assignment, judgment, options.evidence === true));
  const isGood = judgment.results.every(({ verdict }) => verdict !== "fail" && verdict !== "no-answer");
  process.exitCode = isGood ? EXIT.done : EXIT.no;
}

function checksOf({ check: only, skip = [] }: ConformOptions): readonly ListedCheck[] {
  for (const [option, names] of [
    ["--check", only ?? []],
    ["--skip", skip],
  ] as const) {
    const unknown = names.find((name) => !ALL_CHECKS.some(({ check }) => check.name === name));
    if (unknown !== undefined) throw new CommandError(`${option}: ${unknown}, wanted one of those in \`ecmp conform --list\``);
  }
  return ALL_CHECKS.filter(({ check: { name } }) => (only?.includes(name) ?? true) && !skip.includes(name));
}

function observerOf({ observer, observerAs, localAs }: ConformOptions): Pick<Assignment, "observer"> {
  if (observer === undefined) return {};
  return { observer: { address: addressOf("--observer", observer), asn: observerAs ?? wanted("--local-as", localAs, "ours") } };
}

function wanted<T>(where: string, value: T | undefined, what: string): T {
  if (value === undefined) throw new CommandError(`${where}: missing, wanted ${what}`);
  return value;
}

function addressOf(where: string, text: string | undefined): Address {
  const address = parseAddress(wanted(where, text, "an IP address"));
  if (address === undefined) throw new CommandError(`${where}: ${text}, wanted an IP address`);
  if (isLinkLocal(address) && zoneOf(address) === undefined)
    throw new CommandError(`${where}: ${text}, wanted its link too, such as fe80::1%eth1`);
  return address;
}

function list(checks: readonly ListedCheck[], json: boolean): void {
  const rows = checks.map(({ group, check }) => ({ ...check, group, steps: check.steps.map(({ text }) => text) }));
  if (json) return printJson(rows);
  for (const { title } of CHECK_GROUPS) {
    const some = rows.filter(({ group }) => group === title);
    if (some.length > 0) print(`${title}\n`);
    for (const { name, clause, wanted: text, steps } of some) {
      print(`  ${name}  (${clause})\n    ${text}\n${steps.map((step) => `      - ${step}`).join("\n")}\n`);
    }
  }
}

function formatJudgment({ us }: Assignment, { open, observed, results }: Judgment, withEvidence: boolean): string {
  const capabilities = open.capabilities.map(describeCapability).join(", ") || "no capabilities";
  const speaker = `${formatAddress(us.peer.address)} port ${us.peer.port}: AS ${open.asn}, identifier ${formatAddress(open.routerId)}, hold time ${open.holdTimeSeconds} s, ${capabilities}`;
  const sight = observed
    ? "what it passes on is seen"
    : "what it passes on is not seen: of routes only the life of the session is judged";
  const shown = results.filter(({ verdict }) => withEvidence || !["pass", "not-applicable"].includes(verdict));
  return [speaker, sight, "", formatResults(results), ...shown.map(formatEvidence), "", formatSum(results)].join("\n");
}

const MARKS = { pass: "ok", warn: "warn", fail: "FAIL", "no-answer": "no answer", "not-applicable": "-" } as const;

function formatResults(results: readonly Result[]): string {
  const rows = results.map(({ verdict, name, clause, saw, measured }) => [
    MARKS[verdict],
    name,
    clause,
    measured === undefined ? saw : `${saw} (${measured})`,
  ]);
  const [header, ...lines] = formatTable(["verdict", "check", "clause", "what it did"], rows).split("\n");
  const blocks = lines.map((line, index) =>
    results[index - 1]?.group === results[index].group ? [line] : ["", results[index].group, line],
  );
  return [header, ...blocks.flat()].join("\n");
}

function formatEvidence({ name, verdict, wanted: text, evidence }: Result): string {
  const lines = evidence.map(({ atMs, direction, text: what, hex }) => {
    const arrow = { sent: ">", received: "<", event: " " }[direction];
    return `  ${`${atMs}`.padStart(6)} ms ${arrow} ${what}${hex === undefined ? "" : `\n              ${hex}`}`;
  });
  return `\n${name}: ${verdict}; wanted: ${text}\n${lines.join("\n")}`;
}

function formatSum(results: readonly Result[]): string {
  const counts = VERDICTS.map((verdict) => [verdict, results.filter((one) => one.verdict === verdict).length] as const);
  return `${results.length} checks: ${counts
    .filter(([, count]) => count > 0)
    .map(([verdict, count]) => `${count} ${verdict}`)
    .join(", ")}`;
}
