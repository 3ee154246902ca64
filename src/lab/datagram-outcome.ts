/**
 * What became of each flow of datagrams: the nodes that it entered one after the other beside those of its forecast, what was lost,
 * came twice or behind others. Pure. The witness of the way in is the pod that answered (`witness.ts`).
 */
import { formatAddress } from "../net/address.ts";
import { formatFlow } from "../net/flow.ts";
import { type DatagramRecord, lostOf } from "./datagram.ts";
import { type DatagramForecast, isToMove } from "./datagram-forecast.ts";
import { explainDatagrams, type ReasonName } from "./difference.ts";
import { type Lab, nodesByNextHop } from "./lab.ts";
import type { RouterSettings } from "./router-settings.ts";
import type { ScenarioDatagrams } from "./scenario-traffic.ts";
import { entryNextHop } from "./witness.ts";

/** All flows together. */
export interface DatagramFigures {
  readonly flows: number;
  readonly sent: number;
  readonly answered: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
  /** Flows that changed their node, and those that were to. */
  readonly moved: number;
  readonly forecast: number;
}

export interface DatagramOutcome {
  readonly service: string;
  readonly record: DatagramRecord;
  readonly forecast: DatagramForecast;
  /** That it was to enter in turn. */
  readonly forecastNodes: readonly string[];
  /** The next hops by which it entered in turn; neighbors in it differ. */
  readonly entered: readonly (string | undefined)[];
  /** The same as nodes. */
  readonly nodes: readonly string[];
  readonly reason: ReasonName | undefined;
}

/** What others than client and pods saw of the flows. */
export interface DatagramWitnesses {
  readonly struck: ReadonlySet<string>;
  readonly departures?: ReadonlyMap<string, ReadonlySet<string>> | undefined;
  /** The next hops whose kernels track it. */
  readonly trackedBy: ReadonlyMap<string, ReadonlySet<string>>;
  /** The forecast with what surprised the router, where anything did. */
  readonly surprised?: { readonly datagramForecasts: readonly DatagramForecast[] } | undefined;
}

export function judgeDatagrams(
  lab: Lab,
  router: RouterSettings,
  planned: readonly ScenarioDatagrams[],
  forecasts: readonly DatagramForecast[],
  records: readonly DatagramRecord[],
  { struck, departures, trackedBy, surprised }: DatagramWitnesses,
): DatagramOutcome[] {
  const nodeOf = nodesByNextHop(lab);
  const recordOf = new Map(records.map((record) => [record.flow, record]));
  return planned.map(({ service, order, flow }, index) => {
    const [name, source] = [formatFlow(flow), formatAddress(flow.source)];
    const record = recordOf.get(order.flow);
    if (!record) throw new Error(`the load client never heard of ${order.flow}`);
    const forecast = forecasts[index];
    const entered = record.entrances
      .map((entrance) => entryNextHop(lab, service, source, entrance))
      .filter((nextHop, i, all) => i === 0 || nextHop !== all[i - 1]);
    const reason = explainDatagrams({
      visits: forecast.visits,
      entered,
      everyMs: order.everyMs,
      router,
      trackedBy: trackedBy.get(name) ?? new Set(),
      leftFor: departures?.get(name),
      lostPackets: struck.has(name),
      surprised: surprised?.datagramForecasts[index].visits,
    });
    const nameOf = (nextHop = "") => nodeOf.get(nextHop) ?? "?";
    const forecastNodes = forecast.visits.map(({ nextHop }) => nameOf(nextHop));
    return { service: service.name, record, forecast, forecastNodes, entered, nodes: entered.map(nameOf), reason };
  });
}

export function sumUp(outcomes: readonly DatagramOutcome[]): DatagramFigures {
  const sum = (count: (record: DatagramRecord) => number) => outcomes.reduce((all, { record }) => all + count(record), 0);
  return {
    flows: outcomes.length,
    sent: sum(({ sent }) => sent),
    answered: sum(({ answered }) => answered),
    lost: sum(lostOf),
    duplicated: sum(({ duplicated }) => duplicated),
    reordered: sum(({ reordered }) => reordered),
    moved: outcomes.filter(({ entered }) => entered.length > 1).length,
    forecast: outcomes.filter(({ forecast }) => isToMove(forecast)).length,
  };
}

export function describeDatagrams({ record, forecast, entered }: DatagramOutcome): string {
  const wanted = forecast.visits.map(({ nextHop }) => nextHop).join(" > ");
  const seen = entered.map((nextHop) => nextHop ?? "?").join(" > ");
  return `${record.flow}: forecast ${wanted || "nowhere"}; it entered by ${seen || "none"}, ${lostOf(record)} of ${record.sent} lost`;
}
