/**
 * The router as Prometheus scrapes it: one row of the table a metric, in the text exposition format (version 0.0.4). Labels and
 * the states 0 and 1 of the BGP rows are those of frr_exporter, so that its dashboards need a new prefix and no more; the
 * rest is what no exporter has: frames by verdict and reason, packets by next hop, buckets by member.
 */
import { formatAddress } from "../net/address.ts";
import type { Router } from "./router.ts";

interface Sample {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

interface Metric {
  readonly name: string;
  readonly type: "gauge" | "counter";
  readonly help: string;
  readonly samples: (view: View) => readonly Sample[];
}

/** What all rows are made from, asked once a scrape. */
interface View {
  readonly summary: ReturnType<Router["bgpSummary"]>;
  readonly counters: ReturnType<ReturnType<Router["dataplane"]>["counters"]>;
  readonly ports: ReturnType<ReturnType<Router["dataplane"]>["ports"]>;
  readonly groups: ReturnType<ReturnType<Router["dataplane"]>["groupSizes"]>;
}

const one = (value: number): Sample[] => [{ labels: {}, value }];

type Peer = View["summary"]["peers"][string];

const perPeer =
  (read: (peer: Peer) => number) =>
  ({ summary }: View): Sample[] =>
    Object.entries(summary.peers).map(([peer, row]) => ({
      labels: { peer, peer_as: row.remoteAs, local_as: row.localAs, description: row.desc ?? "" },
      value: read(row),
    }));

type PortCounters = View["ports"][number]["counters"];

const perPort =
  (read: (counters: PortCounters) => number) =>
  ({ ports }: View): Sample[] =>
    ports.map((port) => ({ labels: { interface: port.interface }, value: read(port.counters) }));

const perNextHop =
  (read: (hop: View["counters"]["nextHops"][number]) => number) =>
  ({ counters }: View): Sample[] =>
    counters.nextHops.map((hop) => ({ labels: { next_hop: hop.address }, value: read(hop) }));

const VERDICTS = ["punted", "slow", "dropped"] as const;

const METRICS: readonly Metric[] = [
  {
    name: "ecmp_bgp_peer_state",
    type: "gauge",
    help: "1: the session is Established.",
    samples: perPeer(({ state }) => (state === "Established" ? 1 : 0)),
  },
  {
    name: "ecmp_bgp_peer_uptime_seconds",
    type: "gauge",
    help: "Since the session came up or was lost.",
    samples: perPeer(({ peerUptimeMsec }) => peerUptimeMsec / 1000),
  },
  {
    name: "ecmp_bgp_peer_messages_received_total",
    type: "counter",
    help: "BGP messages of all types.",
    samples: perPeer(({ msgRcvd }) => msgRcvd),
  },
  {
    name: "ecmp_bgp_peer_messages_sent_total",
    type: "counter",
    help: "BGP messages of all types.",
    samples: perPeer(({ msgSent }) => msgSent),
  },
  {
    name: "ecmp_bgp_peer_prefixes_received",
    type: "gauge",
    help: "Prefixes that the peer announces.",
    samples: perPeer(({ pfxRcd }) => pfxRcd),
  },
  {
    name: "ecmp_bgp_peer_sessions_lost_total",
    type: "counter",
    help: "Established sessions that ended.",
    samples: perPeer(({ connectionsDropped }) => connectionsDropped),
  },
  {
    name: "ecmp_group_prefixes",
    type: "gauge",
    help: "Prefixes that lead to the group.",
    samples: ({ groups }) => groups.map(({ id, prefixCount }) => ({ labels: { group: id }, value: prefixCount })),
  },
  {
    name: "ecmp_groups_refused",
    type: "gauge",
    help: "Groups that the selector cannot serve, and that go by the hash's remainder.",
    samples: ({ groups }) => one(groups.filter(({ isRefused }) => isRefused).length),
  },
  {
    name: "ecmp_group_member_share_ratio",
    type: "gauge",
    help: "Share of the hash's range that leads to the member.",
    samples: ({ groups }) =>
      groups.flatMap(({ id, members }) =>
        members.map(({ address, share }) => ({ labels: { group: id, next_hop: formatAddress(address) }, value: share })),
      ),
  },
  {
    name: "ecmp_frames_received_total",
    type: "counter",
    help: "Frames taken from all ports: forwarded + punted + slow + dropped.",
    samples: ({ counters }) => one(counters.received),
  },
  {
    name: "ecmp_frames_forwarded_total",
    type: "counter",
    help: "Frames sent on their way by a worker.",
    samples: ({ counters }) => one(counters.forwarded),
  },
  {
    name: "ecmp_flow_offload_frames_total",
    type: "counter",
    help: "Of these, the ones that the kernel carried, with flowOffload: true.",
    samples: ({ counters: { flowOffload } }) => (flowOffload ? one(flowOffload.packets) : []),
  },
  {
    name: "ecmp_flow_offload_flows",
    type: "gauge",
    help: "Flows that the kernel carries now, with flowOffload: true.",
    samples: ({ counters: { flowOffload } }) => (flowOffload ? one(flowOffload.flows) : []),
  },
  ...VERDICTS.map(
    (verdict): Metric => ({
      name: `ecmp_frames_${verdict}_total`,
      type: "counter",
      help: `Frames that were ${verdict === "slow" ? "left to the slow path" : verdict}, by reason.`,
      samples: ({ counters }) => Object.entries(counters[verdict]).map(([reason, value]) => ({ labels: { reason }, value })),
    }),
  ),
  {
    name: "ecmp_frames_originated_total",
    type: "counter",
    help: "Frames that the router itself sent.",
    samples: ({ counters }) => one(counters.slowPath.originated),
  },
  {
    name: "ecmp_next_hop_packets_total",
    type: "counter",
    help: "Packets forwarded, by next hop.",
    samples: perNextHop(({ packets }) => packets),
  },
  {
    name: "ecmp_next_hop_bytes_total",
    type: "counter",
    help: "Bytes of these frames.",
    samples: perNextHop(({ bytes }) => bytes),
  },
  {
    name: "ecmp_port_up",
    type: "gauge",
    help: "Whether the port can be used: its interface, and what captures there.",
    samples: ({ ports }) => ports.map((port) => ({ labels: { interface: port.interface }, value: port.state === "up" ? 1 : 0 })),
  },
  {
    name: "ecmp_port_capture_deaths_total",
    type: "counter",
    help: "Processes of libpcap that have died, of ports of that kind.",
    samples: ({ ports }) =>
      ports.flatMap(({ interface: name, capture }) => (capture ? [{ labels: { interface: name }, value: capture.deaths }] : [])),
  },
  {
    name: "ecmp_port_receive_drops_total",
    type: "counter",
    help: "Frames lost before we saw them: the ring, or the buffer of libpcap, was full.",
    samples: perPort(({ receiveDrops }) => receiveDrops),
  },
  {
    name: "ecmp_port_transmit_errors_total",
    type: "counter",
    help: "Frames that the interface refused.",
    samples: perPort(({ transmitErrors }) => transmitErrors),
  },
  {
    name: "ecmp_fib_words_written_total",
    type: "counter",
    help: "Words written to the shared image, by part.",
    samples: ({ counters }) => Object.entries(counters.writes).map(([part, value]) => ({ labels: { part }, value })),
  },
];

/** Throws where the router does not run (yet). */
export function renderMetrics(router: Router): string {
  const dataplane = router.dataplane();
  const view: View = {
    summary: router.bgpSummary(),
    counters: dataplane.counters(),
    ports: dataplane.ports(),
    groups: dataplane.groupSizes(),
  };
  return METRICS.map((metric) => renderMetric(metric, view)).join("");
}

function renderMetric({ name, type, help, samples }: Metric, view: View): string {
  const lines = samples(view).map(({ labels, value }) => `${name}${renderLabels(labels)} ${value}\n`);
  return lines.length === 0 ? "" : `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

function renderLabels(labels: Sample["labels"]): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(String(value))}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

const escapeLabel = (text: string): string => text.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
