/**
 * What a lab found, as people read it and as scripts do. The JSON object is a contract: scripts of others read its keys. The
 * first service of the lab is the one a run is about; one with externalTrafficPolicy Local comes along as `local`.
 */
import { formatAddress } from "../net/address.ts";
import { FAULTS } from "./fault.ts";
import type { Lab, Nat } from "./lab.ts";
import type { Judgment, RunResult } from "./run.ts";
import type { SpeakerReport } from "./speakers.ts";

export interface LabResult {
  readonly lab: Lab;
  readonly speakers: readonly SpeakerReport[];
  readonly runs: readonly RunResult[];
}

export const differencesOf = (result: LabResult): string[] =>
  result.runs.flatMap(({ selector, differences }) => differences.map((difference) => `${selector.name}: ${difference}`));

export function toJson(result: LabResult) {
  return {
    lab: result.lab.name,
    speakers: result.speakers,
    runs: result.runs.map(({ selector, state, digest, event, services }) => {
      const [{ service, judgment }] = services;
      const sum = (pick: (each: Judgment) => number) => services.reduce((total, each) => total + pick(each.judgment), 0);
      const local = services.find((each) => each.service.externalTrafficPolicy === "Local");
      return {
        selector: selector.name,
        service: formatAddress(service.address),
        opened: judgment.opened,
        perNode: judgment.perNode,
        explained: { checked: sum((each) => each.checked), equal: sum((each) => each.equal), digest },
        event: { ...event, detectedMs: event.detectedMs && round(event.detectedMs), convergedMs: round(event.convergedMs) },
        broken: judgment.broken,
        ...(local && {
          local: {
            service: formatAddress(local.service.address),
            opened: local.judgment.opened,
            perNode: local.judgment.perNode,
            clientAddressSeen: local.judgment.clientAddressSeen,
            broken: local.judgment.broken,
          },
        }),
        state,
      };
    }),
    differences: differencesOf(result),
  };
}

/** The lines a person reads; `bold` marks what the eye should find first (a terminal's bold, or nothing). */
export function renderTable(result: LabResult, bold: (text: string) => string): string[] {
  const line = (label: string, text: string) => `${bold(label.padEnd(15))} ${text}`;
  const speakers = line("speakers", result.speakers.map(describeSpeaker).join(" · "));
  const [first, ...others] = result.runs;
  if (!first) return [speakers];

  const { hash } = result.lab.experiment;
  const { selector, event } = first;
  const [{ service, nextHops, judgment }, ...further] = first.services;
  const policy = `hash ${hash.algorithm} over ${hash.fields}, selector ${selector.name}`;
  const seen = event.detectedMs === undefined ? "" : `seen after ${event.detectedMs.toFixed(1)} ms, `;
  const times = `${seen}converged after ${event.convergedMs.toFixed(1)} ms`;
  return [
    speakers,
    line(formatAddress(service.address), `${nextHops} next hops, ${policy}`),
    line("connections", describeOpened(judgment, result.lab.nat)),
    line("event", `${event.node}'s ${FAULTS[event.kind].past}: ${times}`),
    line("broken", describeBroken(judgment, event.node)),
    ...others.map((run) => line(`with ${run.selector.name}`, describeBroken(run.services[0].judgment, event.node))),
    ...further.map((each) => line(formatAddress(each.service.address), describeFurther(each))),
  ];
}

const describeSpeaker = ({ node, implementation, version, state }: SpeakerReport): string =>
  `${node} ${implementation} ${version.split(".").slice(0, 2).join(".")} ${state}`;

const describeNodes = (perNode: Judgment["perNode"]): string =>
  Object.entries(perNode)
    .map(([node, count]) => `${node} ${count}`)
    .join(" · ");

function describeOpened({ opened, perNode, equal, checked }: Judgment, nat: Nat | undefined): string {
  const when = nat ? `once ${nat.host} had said what it made of them` : "before they were opened";
  return `${opened} opened: ${describeNodes(perNode)}  (explained ${when}: ${equal} of ${checked} as forecast)`;
}

function describeBroken({ opened, broken }: Judgment, departed: string): string {
  const ways = broken.timedOut > 0 ? `, ${broken.reset} reset and ${broken.timedOut} timed out` : "";
  const where = `${broken.onDepartedNode} were on ${departed} · ${broken.onSurvivors} were on nodes that never failed`;
  return `${broken.observed} of ${opened} (forecast ${broken.forecast}${ways}) · ${where}`;
}

function describeFurther({ service, nextHops, judgment }: RunResult["services"][number]): string {
  const { opened, perNode, broken, clientAddressSeen } = judgment;
  const source = service.externalTrafficPolicy === "Local" ? `, the client's own address seen in ${clientAddressSeen}` : "";
  return `${nextHops} next hops, ${opened} opened: ${describeNodes(perNode)}${source}; broken ${broken.observed} (forecast ${broken.forecast})`;
}

const round = (milliseconds: number): number => Math.round(milliseconds * 100) / 100;
