/**
 * Which faults may be at work at once, by the parts that their rows take and need; everybody else's end would undo what is not his,
 * and no forecast knows what is left. Scenario files are held against it before a run, a running lab before a fault by hand. Pure.
 */
import { FAULTS, type FaultPart } from "./fault.ts";
import { consequenceOf, type ShutOut } from "./fault-consequence.ts";
import type { ToldFault } from "./fault-setting.ts";
import { type Lab, nodeNamed } from "./lab.ts";
import type { FaultStep } from "./scenario.ts";

const PART_WORDS: Readonly<Record<FaultPart, string>> = {
  speaker: "the speaker",
  routes: "the routes",
  pods: "the pods",
  link: "the link",
  port: "the router's port",
};

interface Parts {
  readonly takes: readonly FaultPart[];
  readonly needs: readonly FaultPart[];
}

function partsOf(lab: Lab, session: ShutOut, told: ToldFault): Parts {
  const { takes, needs = [], concerns } = FAULTS[told.fault];
  // Who is shut out is so for as long as the session lives that is not there any more.
  if (consequenceOf(told, session) === "is-shut-out") return { takes: [...takes, "routes"], needs };
  if (concerns?.(lab, nodeNamed(lab, told.node)).length === 0) return { takes: takes.filter((part) => part === "pods"), needs };
  return { takes, needs };
}

/** Why these two are not at work at once, in words; undefined: they may be. */
export function clashOf(lab: Lab, session: ShutOut, one: ToldFault, other: ToldFault): string | undefined {
  const isRouters = FAULTS[one.fault].befalls === "router" || FAULTS[other.fault].befalls === "router";
  if (FAULTS[one.fault].podsGo && FAULTS[other.fault].podsGo && (one.to === other.node || other.to === one.node)) {
    return `both want ${PART_WORDS.pods}`;
  }
  if (!isRouters && one.node !== other.node) return undefined;
  if (one.fault === other.fault) return "there is one of a kind";
  const [a, b] = [partsOf(lab, session, one), partsOf(lab, session, other)];
  const uses = (parts: Parts, part: FaultPart) => parts.takes.includes(part) || parts.needs.includes(part);
  const part = a.takes.find((each) => uses(b, each)) ?? b.takes.find((each) => uses(a, each));
  return part && `both want ${PART_WORDS[part]}`;
}

/** From when until when, in seconds, by the timeline. */
type Span = readonly [from: number, to: number];

function spanOf(step: FaultStep, session: ShutOut): Span {
  const { atSeconds, untilSeconds = Number.POSITIVE_INFINITY } = step;
  if (FAULTS[step.fault].passes) return [atSeconds, atSeconds];
  return [atSeconds, consequenceOf(step, session) === "is-shut-out" ? Number.POSITIVE_INFINITY : untilSeconds];
}

/** One that ends in the moment in which another begins makes way for it. */
function meet([aFrom, aTo]: Span, [bFrom, bTo]: Span): boolean {
  return aFrom === bFrom || (aFrom < bTo && bFrom < aTo);
}

/** What stands in the way of each step among those before it, as where a time is wanted says it. */
export function obstaclesIn(lab: Lab, session: ShutOut, steps: readonly FaultStep[]): (string | undefined)[] {
  const spans = steps.map((step) => spanOf(step, session));
  return steps.map((step, i) => {
    for (let j = 0; j < i; j++) {
      const clash = meet(spans[j], spans[i]) && clashOf(lab, session, steps[j], step);
      if (clash) return `a time when ${steps[j].fault} of ${steps[j].node} (${describeSpan(spans[j])}) is not at work: ${clash}`;
    }
    return undefined;
  });
}

function describeSpan([from, to]: Span): string {
  if (from === to) return `at ${from}`;
  return Number.isFinite(to) ? `${from} to ${to} s` : `from ${from} s on, without end`;
}
