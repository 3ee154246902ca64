/** Which way each flow of a scenario went, at first and at the end: what its flow charts are drawn of. */

import { isBroken } from "../connection.ts";
import type { Lab } from "../lab.ts";
import type { JudgedConnection, ScenarioOutcome } from "../outcome.ts";
import { BROKEN, type Way } from "./flow-chart.ts";

export interface Ways {
  readonly title: string;
  readonly caption: string;
  readonly ways: readonly Way[];
}

/** Of the kinds of traffic that there were. */
export function waysOf(lab: Lab, { judged: { connections, requests, datagrams } }: ScenarioOutcome): Ways[] {
  const start = [lab.clients[0].node, lab.router.name];
  const way = (node = "unknown", pod = "unknown"): Way => [...start, node, pod];
  const after = (each: JudgedConnection): Way =>
    isBroken(each.record)
      ? [...start, BROKEN, each.record.reopenedAtMs === undefined ? "for good" : "open again"]
      : way(each.node, each.record.pod);
  const moved = datagrams.filter(({ nodes }) => nodes.length > 1).length;
  const all = [
    {
      title: "Connections before",
      caption: "By the node that each entered by, and its pod.",
      ways: connections.map(({ node, record }) => way(node, record.pod)),
    },
    { title: "Connections after", caption: "Hatched: who broke.", ways: connections.map(after) },
    {
      title: "Datagrams before",
      caption: "Flows by the node that each entered first.",
      ways: datagrams.map(({ nodes, record }) => way(nodes[0], record.entrances[0]?.pod)),
    },
    {
      title: "Datagrams after",
      caption: `By the node that each entered last; ${moved} of ${datagrams.length} changed their node meanwhile.`,
      ways: datagrams.map(({ nodes, record }) => way(nodes.at(-1), record.entrances.at(-1)?.pod)),
    },
    {
      title: "Requests",
      caption: "All, at whatever time; hatched: who failed.",
      ways: requests.map(({ node, record }) => (record.failed === undefined ? way(node, record.pod) : [...start, BROKEN])),
    },
  ];
  return all.filter(({ ways }) => ways.length > 0);
}
