/** The lab as a drawing: clients, router, nodes, joined by flows as wide as they have connections; what broke of each is hatched. */
import { formatAddress } from "../../net/address.ts";
import { isBroken } from "../connection.ts";
import { FAULTS } from "../fault.ts";
import type { FaultKind, Lab } from "../lab.ts";
import type { SpeakerReport } from "../report.ts";
import type { RunResult } from "../run.ts";
import { CHART_WIDTH, chart, element, label } from "./svg.ts";

const ROW = 58;
const TOP = 8;
const CLIENT = { x: 0, width: 84 };
const ROUTER = { x: 140, width: 84 };
const NODE_X = 304;
/** Of a row's height, what the widest flow may take. */
const WIDEST = 30;

interface NodeFlow {
  readonly name: string;
  readonly kept: number;
  readonly broken: number;
}

export function drawTopology(lab: Lab, speakers: readonly SpeakerReport[], run: RunResult): string {
  const flows = lab.nodes.map((node) => countFlows(run, node.name, formatAddress(node.address.address)));
  const widest = Math.max(1, ...flows.map(({ kept, broken }) => kept + broken));
  const thick = (count: number) => (count / widest) * WIDEST;
  const height = TOP * 2 + ROW * flows.length;
  const middle = height / 2;
  const total = thick(flows.reduce((sum, { kept, broken }) => sum + kept + broken, 0));
  const parts = [trunk(middle, total)];
  let leaves = middle - total / 2;
  flows.forEach((flow, index) => {
    const arrives = TOP + ROW * (index + 0.5) - thick(flow.kept + flow.broken) / 2;
    parts.push(ribbon(leaves, arrives, thick(flow.kept), `flow node-${index % 8}`));
    parts.push(ribbon(leaves + thick(flow.kept), arrives + thick(flow.kept), thick(flow.broken), "flow broken"));
    leaves += thick(flow.kept + flow.broken);
    parts.push(...nodeBox(flow, TOP + ROW * index, speakers[index], run.event.node === flow.name ? run.event.kind : undefined));
  });
  parts.push(machine(CLIENT, middle, total, [...new Set(lab.clients.map(({ node }) => node))].join(", "), "client"));
  parts.push(machine(ROUTER, middle, total, lab.router.name, `AS ${lab.router.asn}`));
  const told = flows.map(({ name, kept, broken }) => `${name}: ${kept + broken} connections, ${broken} broken`);
  return chart(height, "Topology with flow widths", told.join("; "), ...parts);
}

/** By the node that the router was forecast to use; the judgment says where the witness saw another one. */
function countFlows({ services }: RunResult, name: string, nextHop: string): NodeFlow {
  const through = services
    .flatMap(({ outcomes }) => outcomes)
    .filter(({ forecast, record }) => record.opened && forecast.before === nextHop);
  const broken = through.filter(({ record }) => isBroken(record)).length;
  return { name, kept: through.length - broken, broken };
}

const trunk = (middle: number, thickness: number): string =>
  element("rect", {
    class: "trunk",
    x: CLIENT.x + CLIENT.width,
    y: middle - thickness / 2,
    width: ROUTER.x - CLIENT.x - CLIENT.width,
    height: thickness,
  });

/** A band that leaves the router at `from` and arrives at the node at `to`, `thickness` wide all the way. */
function ribbon(from: number, to: number, thickness: number, className: string): string {
  if (thickness === 0) return "";
  const start = ROUTER.x + ROUTER.width;
  const bend = (start + NODE_X) / 2;
  const there = `M${start} ${from}C${bend} ${from} ${bend} ${to} ${NODE_X} ${to}`;
  const back = `V${to + thickness}C${bend} ${to + thickness} ${bend} ${from + thickness} ${start} ${from + thickness}Z`;
  return element("path", { class: className, d: `${there}${back}` });
}

function machine({ x, width }: typeof CLIENT, middle: number, thickness: number, name: string, what: string): string {
  const height = Math.max(52, thickness + 12);
  const box = element("rect", { class: "machine", x: x + 0.5, y: middle - height / 2, width, height, rx: 4 });
  const at = x + width / 2;
  const title = label(at, middle - 3, name, { class: "strong", "text-anchor": "middle" });
  return box + title + label(at, middle + 14, what, { class: "quiet", "text-anchor": "middle" });
}

function nodeBox({ name, kept, broken }: NodeFlow, top: number, speaker: SpeakerReport, fault: FaultKind | undefined): string[] {
  const box = { x: NODE_X, y: top + 5, width: CHART_WIDTH - NODE_X - 1, height: ROW - 10, rx: 4 };
  const departed = fault !== undefined;
  const said = departed ? `${FAULTS[fault].past}` : `${speaker.implementation} ${speaker.version}`;
  return [
    element("rect", { class: departed ? "machine departed" : "machine", ...box }),
    label(NODE_X + 10, top + ROW / 2 - 4, name, { class: "strong" }),
    label(NODE_X + 34, top + ROW / 2 - 4, said, { class: departed ? "alarm" : "quiet" }),
    label(NODE_X + 10, top + ROW / 2 + 13, `${kept + broken} flows · ${broken} broken`),
  ];
}
