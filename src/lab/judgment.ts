/**
 * The forecast against what happened, connection by connection: by which node each one entered, and which ones broke. Pure.
 * A difference is told with the connection's name; a lab run without differences is the only one that counts as good.
 */
import type { FlowForecast } from "../experiment/forecast.ts";
import { brokenAtMs, type ConnectionRecord, isBroken } from "./connection.ts";
import { type Lab, nodesByNextHop, type Service } from "./lab.ts";
import { entryNode } from "./witness.ts";

export interface ConnectionOutcome {
  readonly forecast: FlowForecast;
  readonly record: ConnectionRecord;
  readonly clientAddress: string;
}

export interface Judgment {
  readonly opened: number;
  /** Connections by the node they entered by, in the lab's order. */
  readonly perNode: Readonly<Record<string, number>>;
  readonly checked: number;
  /** Entered by the node that the forecast named. */
  readonly equal: number;
  /** The pod saw the client's own address. */
  readonly clientAddressSeen: number;
  readonly broken: {
    readonly observed: number;
    readonly forecast: number;
    readonly onDepartedNode: number;
    readonly onSurvivors: number;
    readonly reset: number;
    readonly timedOut: number;
  };
  readonly differences: readonly string[];
}

export function judge(lab: Lab, service: Service, outcomes: readonly ConnectionOutcome[], struckAtMs: number): Judgment {
  const nodeOf = nodesByNextHop(lab);
  const nameOf = (nextHop: string | undefined) => (nextHop === undefined ? "nowhere" : (nodeOf.get(nextHop) ?? nextHop));
  const perNode: Record<string, number> = {};
  const differences: string[] = [];
  let equal = 0;

  for (const { forecast, record, clientAddress } of outcomes) {
    const say = (text: string) => differences.push(`${record.flow}: ${text}`);
    if (!record.opened) {
      say(`did not open (${record.error ?? "no answer"}); forecast: by ${nameOf(forecast.before)}`);
      continue;
    }
    const entry = entryNode(lab, service, clientAddress, record);
    if (entry) perNode[entry] = (perNode[entry] ?? 0) + 1;
    if (entry === nameOf(forecast.before)) equal += 1;
    else say(`forecast by ${nameOf(forecast.before)}, entered by ${entry ?? "?"} (${record.pod} saw ${record.sourceSeen})`);

    const endedAtMs = brokenAtMs(record);
    const how = endedAtMs === undefined ? "" : `${describeEnd(record)} ${(endedAtMs - struckAtMs).toFixed(0)} ms after the event`;
    if (endedAtMs !== undefined && endedAtMs < struckAtMs) say(`broke before the event (${how})`);
    else if (forecast.moved && endedAtMs === undefined) {
      say(
        `forecast to move from ${nameOf(forecast.before)} to ${nameOf(forecast.after)}, but it lived (last echo ${(record.lastEchoAtMs - struckAtMs).toFixed(0)} ms after the event)`,
      );
    } else if (!forecast.moved && endedAtMs !== undefined) say(`forecast to stay on ${nameOf(forecast.before)}, but ${how}`);
  }

  const opened = outcomes.filter(({ record }) => record.opened);
  const broken = opened.filter(({ record }) => isBroken(record));
  const departed = lab.experiment.event.node;
  const onDeparted = broken.filter(({ forecast }) => nameOf(forecast.before) === departed).length;
  return {
    opened: opened.length,
    perNode: Object.fromEntries(lab.nodes.flatMap(({ name }) => (perNode[name] ? [[name, perNode[name]]] : []))),
    checked: opened.length,
    equal,
    clientAddressSeen: opened.filter(({ record, clientAddress }) => record.sourceSeen === clientAddress).length,
    broken: {
      observed: broken.length,
      forecast: outcomes.filter(({ forecast }) => forecast.moved).length,
      onDepartedNode: onDeparted,
      onSurvivors: broken.length - onDeparted,
      reset: broken.filter(({ record }) => record.resetAtMs !== undefined).length,
      timedOut: broken.filter(({ record }) => record.timedOutAtMs !== undefined).length,
    },
    differences,
  };
}

const describeEnd = ({ resetAtMs, timedOutAtMs }: ConnectionRecord): string =>
  resetAtMs !== undefined ? "reset" : timedOutAtMs !== undefined ? "timed out" : "closed by the other side";
