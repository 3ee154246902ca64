/**
 * The report of a lab as one HTML page that needs nothing else: no script, no font, no picture from anywhere. Pure: the same
 * result gives the same page. `report-file.ts` writes it; its charts are the other files of this folder.
 */
import { brokenAtMs } from "../connection.ts";
import { FAULTS } from "../fault.ts";
import { differencesOf, type LabResult } from "../report.ts";
import type { RunResult, ServiceResult } from "../run.ts";
import { renderCsv } from "./connections.ts";
import { labReport } from "./data.ts";
import { downloads, figure, list, type Provenance, paragraph, renderDocument, section, settingsList, table } from "./document.ts";
import { drawGroup } from "./group-figures.ts";
import { groupsOfRun } from "./run-groups.ts";
import { element, escapeText } from "./svg.ts";
import { type Course, drawTimeline } from "./timeline-chart.ts";
import { wayFigures, waysOf } from "./ways.ts";
import { count, duration, percent } from "./words.ts";

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
        text: JSON.stringify({ ...labReport(result), provenance }),
        words: "JSON",
      },
      { file: `${result.lab.name}.csv`, type: "text/csv", text: renderCsv(result), words: "CSV, a line for each connection" },
    ]),
  ];
  return renderDocument(`${result.lab.name}: what broke, and what was forecast`, body);
}

function introduction(result: LabResult): string {
  const { lab } = result;
  const wrong = differencesOf(result).length;
  const flows = result.runs.reduce(
    (sum, { services }) => sum + services.reduce((all, each) => all + each.connections.length, 0),
    0,
  );
  // What a NAT makes of a connection is its lot, and known when that is open.
  const when = lab.nat ? "before anything happened" : "before it was opened";
  const verdict =
    wrong === 0
      ? `Every one of ${count(flows, "connection")} did what was forecast ${when}.`
      : `${count(wrong, "difference")} between the forecast and what happened to ${count(flows, "connection")}; they are listed below.`;
  return element(
    "header",
    {},
    paragraph(`Lab ${lab.name}`, "kicker"),
    element("h1", {}, escapeText(headline(result))),
    paragraph(lab.description, "lead"),
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
  const { node, kind } = lab.experiment.event;
  return `${node}'s ${FAULTS[kind].past}, and connections to ${service.name} broke: ${told.join(", ")}`;
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
  { title: "Converged", numeric: true, cell: ({ event }) => duration(event.convergedMs) },
];

function strategies({ runs }: LabResult): string {
  const rows = runs.flatMap((run) => run.services.map((service) => COLUMNS.map(({ cell }) => cell(run, service))));
  const numeric = COLUMNS.map((column) => column.numeric);
  const note = "A connection on a survivor breaks only because its selector gave it to another node: that part is avoidable.";
  const titles = COLUMNS.map(({ title }) => title);
  return section("Strategies", table("Strategies", [titles, ...rows], numeric), paragraph(note, "note"));
}

function runSection({ lab }: LabResult, run: RunResult): string {
  const connections = run.services.flatMap((service) => service.connections);
  const timeline = drawTimeline(courseOf(run));
  const asked = "Connections are asked in turn, ten times a second.";
  const figures = [
    ...(timeline ? [figure("Over time", timeline.drawing, `${timeline.caption}. ${asked}`)] : []),
    ...wayFigures(lab, waysOf(lab, connections)),
    ...groupsOfRun(lab, run).flatMap((group) => drawGroup(lab, group)),
  ];
  const title = `With ${run.selector.name}${run.selector.buckets ? `, ${run.selector.buckets} buckets` : ""}`;
  return section(title, element("div", { class: "figures" }, ...figures));
}

/** Before the event there is little to be seen. */
const BEFORE_MS = 50;

function courseOf({ event, services, struckAtMs }: RunResult): Course {
  const opened = services.flatMap(({ connections }) => connections).filter(({ record }) => record.opened);
  const broken = opened.flatMap(({ record }) => {
    const atMs = brokenAtMs(record);
    return atMs === undefined ? [] : [atMs - struckAtMs];
  });
  const reopened = opened.flatMap(({ record: { reopenedAtMs: atMs } }) => (atMs === undefined ? [] : [atMs - struckAtMs]));
  return {
    since: "the event",
    fromMs: -BEFORE_MS,
    toMs: Math.max(100, event.convergedMs * 2, ...[...broken, ...reopened].map((atMs) => atMs * 1.15)),
    opened: opened.length,
    forecast: opened.filter(({ expectation }) => expectation.fate === "breaks").length,
    brokenAtMs: broken,
    reopenedAtMs: reopened,
    failedAtMs: [],
    marks: [{ words: `${event.node}'s ${FAULTS[event.kind].past}`, fromMs: 0, toMs: event.convergedMs }],
  };
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
