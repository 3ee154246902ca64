/**
 * The report of a lab as one HTML page that needs nothing else: no script, no font, no picture from anywhere. Pure: the same
 * result gives the same page. `report-file.ts` writes it; its charts are the other files of this folder.
 */
import { computeStrip } from "../../experiment/bucket-strip.ts";
import { forecastTables } from "../../experiment/forecast.ts";
import { type Address, formatAddress } from "../../net/address.ts";
import { formatPrefix, hostPrefix } from "../../net/prefix.ts";
import { differencesOf, type LabResult, toJson } from "../report.ts";
import type { RunResult, ServiceResult } from "../run.ts";
import { planConnections } from "../traffic.ts";
import { drawBalance, type NodeLoad } from "./balance-chart.ts";
import { drawStrip } from "./bucket-strip.ts";
import { renderCsv } from "./connections.ts";
import { downloads, figure, list, type Provenance, paragraph, renderDocument, section, settingsList, table } from "./document.ts";
import { element, escapeText } from "./svg.ts";
import { drawTimeline } from "./timeline-chart.ts";
import { drawTopology } from "./topology-chart.ts";

export function renderPage(result: LabResult, provenance: Provenance): string {
  const body = [
    introduction(result),
    strategies(result),
    ...result.runs.map((run) => runSection(result, run)),
    differences(result),
    settings(result, provenance),
    downloads([
      {
        file: `${result.lab.name}.json`,
        type: "application/json",
        text: JSON.stringify({ ...toJson(result), provenance }),
        words: "JSON",
      },
      { file: `${result.lab.name}.csv`, type: "text/csv", text: renderCsv(result), words: "CSV, a line for each connection" },
    ]),
  ];
  return renderDocument(`${result.lab.name}: what broke, and what was forecast`, body);
}

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? "" : "s"}`;
const percent = (part: number, whole: number): string => (whole === 0 ? "–" : `${((100 * part) / whole).toFixed(1)} %`);

function introduction(result: LabResult): string {
  const { lab } = result;
  const wrong = differencesOf(result).length;
  const flows = result.runs.reduce((sum, { services }) => sum + services.reduce((all, each) => all + each.outcomes.length, 0), 0);
  const verdict =
    wrong === 0
      ? `Every one of ${count(flows, "connection")} did what was forecast before it was opened.`
      : `${count(wrong, "difference")} between the forecast and what happened to ${count(flows, "connection")}; they are listed below.`;
  return element(
    "header",
    {},
    paragraph(`Lab ${lab.name}`, "kicker"),
    element("h1", {}, escapeText(headline(result))),
    paragraph(`${lab.description}.`, "lead"),
    element("p", { class: wrong === 0 ? "verdict" : "verdict alarm" }, escapeText(`${wrong === 0 ? "✓" : "✗"} ${verdict}`)),
  );
}

/** The answer in a line: the first service's breakage by selector. */
function headline({ lab, runs }: LabResult): string {
  if (runs.length === 0) return lab.name;
  const told = runs.map(({ selector, services: [{ judgment }] }) => {
    return `${percent(judgment.broken.observed, judgment.opened)} with ${selector.name}`;
  });
  const { service } = runs[0].services[0];
  return `${lab.experiment.event.node} left, and connections to ${service.name} broke: ${told.join(", ")}`;
}

interface Column {
  readonly title: string;
  readonly numeric: boolean;
  readonly cell: (run: RunResult, service: ServiceResult) => string;
}

const COLUMNS: readonly Column[] = [
  { title: "Selector", numeric: false, cell: ({ selector }) => selector.name },
  { title: "Service", numeric: false, cell: (_, { service }) => `${service.name} (${service.externalTrafficPolicy})` },
  { title: "Opened", numeric: true, cell: (_, { judgment }) => String(judgment.opened) },
  { title: "Broken", numeric: true, cell: (_, { judgment }) => String(judgment.broken.observed) },
  { title: "Share", numeric: true, cell: (_, { judgment }) => percent(judgment.broken.observed, judgment.opened) },
  { title: "Forecast", numeric: true, cell: (_, { judgment }) => String(judgment.broken.forecast) },
  { title: "On departed", numeric: true, cell: (_, { judgment }) => String(judgment.broken.onDepartedNode) },
  { title: "On survivors", numeric: true, cell: (_, { judgment }) => String(judgment.broken.onSurvivors) },
  { title: "Timed out", numeric: true, cell: (_, { judgment }) => String(judgment.broken.timedOut) },
  { title: "Converged", numeric: true, cell: ({ event }) => `${event.convergedMs.toFixed(1)} ms` },
];

function strategies({ runs }: LabResult): string {
  const rows = runs.flatMap((run) => run.services.map((service) => COLUMNS.map(({ cell }) => cell(run, service))));
  const numeric = COLUMNS.map((column) => column.numeric);
  const note = "A connection on a survivor breaks only because its selector gave it to another node: that part is avoidable.";
  const titles = COLUMNS.map(({ title }) => title);
  return section("Strategies", table("Strategies", [titles, ...rows], numeric), paragraph(note, "note"));
}

function runSection(result: LabResult, run: RunResult): string {
  const { lab } = result;
  const departed = lab.nodes.find(({ name }) => name === run.event.node);
  const tables = forecastTables(
    run.state,
    departed?.address.address ?? 0,
    planConnections(lab).map(({ flow }) => flow),
  );
  const nodeOf = (address: Address) => {
    const index = lab.nodes.findIndex((node) => node.address.address === address);
    return { name: lab.nodes[index]?.name ?? formatAddress(address), index: Math.max(0, index) };
  };
  const figures = [
    figure(
      "Flows",
      drawTopology(lab, result.speakers, run),
      "All services together. Width is connections; the hatched part broke.",
    ),
    figure("Alive and broken", drawTimeline(run), "As the client saw it. Connections are asked in turn, ten times a second."),
  ];
  for (const each of run.services) {
    const { name, address } = each.service;
    const change = tables.find(({ prefixes }) => prefixes.includes(formatPrefix(hostPrefix(address))));
    if (!change) continue;
    const strip = computeStrip(change);
    const sampled = strip.exact ? "" : " Sampled at equal distances: the tables are finer.";
    const moved = strip.before.filter((owner, cell) => owner !== strip.after[cell]).length;
    const buckets = `${moved} of ${strip.before.length} parts change hands; before as the router told it, after as forecast. Colors as in the balance.${sampled}`;
    figures.push(figure(`Buckets of ${name}, ${formatAddress(address)}`, drawStrip(strip, nodeOf), buckets));
    figures.push(figure(`Balance of ${name}`, drawBalance(loadsOf(lab, run, each)), BAND));
  }
  const title = `With ${run.selector.name}${run.selector.buckets ? `, ${run.selector.buckets} buckets` : ""}`;
  return section(title, element("div", { class: "figures" }, ...figures));
}

const BAND =
  "Outlined: where 95 % of fair draws fall, the central part of the binomial distribution of that many connections and the node's share of the hash space; the tick is its mean. One node in twenty lies outside by chance.";

/** The members of the service's group, in the lab's order. */
function loadsOf(lab: LabResult["lab"], run: RunResult, { service, judgment }: ServiceResult): NodeLoad[] {
  const group = run.state.groups.find(({ prefixes }) => prefixes.includes(formatPrefix(hostPrefix(service.address))));
  const whole = group?.members.reduce((sum, { share }) => sum + share, 0) ?? 0;
  return lab.nodes.flatMap(({ name, address }, index) => {
    const member = group?.members.find((candidate) => candidate.address === formatAddress(address.address));
    return member ? [{ name, index, count: judgment.perNode[name] ?? 0, share: member.share / whole }] : [];
  });
}

function differences(result: LabResult): string {
  const all = differencesOf(result);
  const none = "None: each connection entered by the node that was forecast, and broke if and only if that was forecast.";
  return section("Forecast and observed: every difference", all.length === 0 ? paragraph(none) : list(all));
}

function settings({ lab, speakers, runs }: LabResult, provenance: Provenance): string {
  const { hash, event } = lab.experiment;
  const clients = lab.clients.map((each) => `${each.connections} to ${each.service} from port ${each.firstSourcePort}`);
  const rows: [string, string][] = [
    ["Run again", `ecmp lab run ${lab.name} --report report.html`],
    ["Hash", `${hash.algorithm} over ${hash.fields}, seed ${hash.seed}`],
    ["Event", `${event.kind} of ${event.node}`],
    ["Connections", clients.join("; ")],
    ...speakers.map((each): [string, string] => [each.node, `${each.implementation} ${each.version}, ${each.state}`]),
    ...runs.map(({ selector, digest }): [string, string] => [`Forecast of ${selector.name}`, `sha256 ${digest}`]),
  ];
  return section("Settings, versions and seed", settingsList(rows, provenance));
}
