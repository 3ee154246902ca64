/** Which way each flow went, at first and at the end: what flow charts are drawn of. */
import { isBroken } from "../connection.ts";
import type { DatagramOutcome } from "../datagram-outcome.ts";
import type { Lab } from "../lab.ts";
import type { JudgedConnection, JudgedRequest } from "../outcome.ts";
import { figure } from "./document.ts";
import { BROKEN, drawFlows, FAILED, type Way } from "./flow-chart.ts";
import { passageOf } from "./passage.ts";
import { count } from "./words.ts";

export interface Ways {
  readonly title: string;
  readonly caption: string;
  readonly ways: readonly Way[];
}

const PASSED =
  "The node is the one that each entered by, as its pod saw it; before it stand the hosts and routers that no other way goes around.";

/** Of the kinds of traffic that there were; a connection that never opened went no way. */
export function waysOf(
  lab: Lab,
  connections: readonly JudgedConnection[],
  requests: readonly JudgedRequest[] = [],
  datagrams: readonly DatagramOutcome[] = [],
): Ways[] {
  const { whole, cut } = waysIn(lab);
  const opened = connections.filter(({ record }) => record.opened);
  const broken = opened.filter(({ record }) => isBroken(record));
  const failed = requests.filter(({ record }) => record.failed !== undefined);
  const moved = datagrams.filter(({ nodes }) => nodes.length > 1);
  const all = [
    {
      title: "Connections before",
      caption: `${count(opened.length, "connection")}. ${PASSED}`,
      ways: opened.map(({ node, record }) => whole(node, record.pod)),
    },
    {
      title: "Connections after",
      caption: sayCut(broken.length, opened.length, "broke", "the others are where they were"),
      ways: opened.map(({ node, record }) =>
        isBroken(record) ? cut(BROKEN, record.reopenedAtMs === undefined ? "for good" : "reopened") : whole(node, record.pod),
      ),
    },
    {
      title: "Datagrams before",
      caption: `${count(datagrams.length, "flow")}, by the node that each entered first. ${PASSED}`,
      ways: datagrams.map(({ nodes, record }) => whole(nodes[0], record.entrances[0]?.pod)),
    },
    {
      title: "Datagrams after",
      caption: `By the node that each entered last; ${moved.length} of ${datagrams.length} changed their node meanwhile.`,
      ways: datagrams.map(({ nodes, record }) => whole(nodes.at(-1), record.entrances.at(-1)?.pod)),
    },
    {
      title: "Requests",
      caption: `At whatever time. ${sayCut(failed.length, requests.length, "failed", "some of them may have been answered when asked again")}`,
      ways: requests.map(({ node, record }) => (record.failed === undefined ? whole(node, record.pod) : cut(FAILED))),
    },
  ];
  return all.filter(({ ways }) => ways.length > 0);
}

function sayCut(cut: number, whole: number, did: string, further: string): string {
  if (cut === 0) return `None of ${whole} ${did}.`;
  return cut === whole ? `All ${whole} ${did} (hatched).` : `${cut} of ${whole} ${did} (hatched); ${further}.`;
}

/** Their flow charts; nodes have the order and the colors of the lab. */
export const wayFigures = (lab: Lab, all: readonly Ways[]): string[] =>
  all.map(({ title, caption, ways }) => {
    const nodes = lab.nodes.map(({ name }) => name);
    return figure(title, drawFlows(title, ways, nodes), caption);
  });

function waysIn(lab: Lab) {
  const { front, behind } = passageOf(lab);
  return {
    whole(name?: string, pod?: string): Way {
      const node = lab.nodes.find((each) => each.name === name)?.name;
      return [...front, ...behind(node), node, pod];
    },
    /** What is broken is nowhere: where its packets end, nobody sees. */
    cut: (how: string, then?: string): Way => [...front, ...behind(undefined), how, then],
  };
}
