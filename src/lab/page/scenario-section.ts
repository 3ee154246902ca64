/** What one strategy of a scenario did, drawn: its course, the ways of its flows, and the groups that they went by. */
import { FAULTS } from "../fault.ts";
import type { Lab } from "../lab.ts";
import type { ScenarioOutcome } from "../outcome.ts";
import type { PlayedScenario } from "../strategies.ts";
import type { FaultMark, NameMark } from "../timeline.ts";
import { wordsAsked } from "../traffic.ts";
import { figure, paragraph, section } from "./document.ts";
import { drawGroup } from "./group-figures.ts";
import { groupsOfScenario } from "./scenario-groups.ts";
import { element } from "./svg.ts";
import { type Course, drawTimeline, type Mark, sayMarks } from "./timeline-chart.ts";
import { wayFigures, waysOf } from "./ways.ts";

export function scenarioSection(lab: Lab, { scenario, outcome }: PlayedScenario): string {
  const course = courseOf(outcome);
  const timeline = drawTimeline(course);
  // What a chart would have told.
  const events = timeline ? [] : course.marks.map((mark) => paragraph(`${sayMarks([mark])}.`, "note"));
  const asked = wordsAsked(lab, scenario);
  const groups = groupsOfScenario(lab, { scenario, outcome }).filter(({ service }) => asked.has(service));
  const { connections, requests, datagrams } = outcome.judged;
  const figures = [
    ...(timeline ? [figure("Over time", timeline.drawing, `${timeline.caption}.`)] : []),
    ...wayFigures(lab, waysOf(lab, connections, requests, datagrams)),
    ...groups.flatMap((group) => drawGroup(lab, group)),
  ];
  const words = scenario.description || "The event that all strategies share.";
  return section(scenario.name, paragraph(words, "note"), ...events, element("div", { class: "figures" }, ...figures));
}

const STILL_TO_COME = 1.1;

function courseOf({ connections, marks, moves, brokenAtMs, reopenedAtMs, failedAtMs }: ScenarioOutcome): Course {
  const happened = [...brokenAtMs, ...reopenedAtMs, ...failedAtMs, ...[...marks, ...moves].map(({ toMs }) => toMs)];
  return {
    since: "the traffic began",
    fromMs: 0,
    toMs: Math.max(1000, ...happened) * STILL_TO_COME,
    opened: connections.opened,
    forecast: connections.forecast,
    brokenAtMs,
    reopenedAtMs,
    failedAtMs,
    marks: [...marks.map(sayFault), ...moves.map(sayMove)],
  };
}

const sayFault = ({ fault, node, what, fromMs, toMs }: FaultMark): Mark => ({
  words: what === "begins" ? `${node}'s ${FAULTS[fault].past}` : `end of ${node}'s ${fault}`,
  fromMs,
  toMs,
});

const sayMove = ({ name, to, fromMs, toMs }: NameMark): Mark => ({ words: `${name} leads to ${to}`, fromMs, toMs });
