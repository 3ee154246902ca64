/** The answers of `ecmp show` as people read them: tables, in the manner of FRR. */
import type { FibState } from "../fib/state.ts";
import { formatTable } from "./output.ts";
import { formatBfd, formatBfdDrops } from "./show-bfd-text.ts";
import { formatBgpNeighbors } from "./show-neighbors-text.ts";

interface BgpPeer {
  readonly remoteAs: number;
  readonly msgRcvd: number;
  readonly msgSent: number;
  readonly peerUptime: string;
  readonly state: string;
  readonly pfxRcd: number;
  readonly pfxSnt: number;
  readonly pfxRefused: number;
  readonly hasImportPolicy: boolean;
  readonly desc?: string;
}

const FORMATTERS: readonly (readonly [string, (value: never) => string])[] = [
  ["bgp summary", formatSummary],
  ["bgp neighbors", formatBgpNeighbors],
  ["bgp routes", formatBgpRoutes],
  ["bgp announced", formatAnnounced],
  ["routes", formatRoutes],
  ["bfd drops", formatBfdDrops],
  ["bfd", formatBfd],
  ["groups", formatGroups],
  ["ports", formatPorts],
  ["neighbors", formatNeighbors],
  ["counters", formatCounters],
  ["events", formatEvents],
];

export function formatShown(words: readonly string[], value: unknown): string {
  const text = words.join(" ");
  const row = FORMATTERS.find(([name]) => text === name || text.startsWith(`${name} `));
  return (row?.[1] ?? formatPretty)(value as never);
}

function formatPretty(value: unknown): string {
  return JSON.stringify(value, null, 2);
}

interface BgpSummary {
  readonly routerId: string;
  readonly as: number;
  readonly peers: Record<string, BgpPeer>;
  readonly refusedStrangers: number;
}

function formatSummary({ routerId, as, peers, refusedStrangers }: BgpSummary): string {
  // As FRR does: the number of prefixes when Established, "(Policy)" where `accept` is missing, the state's name otherwise.
  const rows = Object.entries(peers).map(([address, peer]) => {
    const received = peer.hasImportPolicy ? String(peer.pfxRcd) : "(Policy)";
    const last = peer.state === "Established" ? received : peer.state;
    return [
      address,
      4,
      peer.remoteAs,
      peer.msgRcvd,
      peer.msgSent,
      peer.peerUptime,
      last,
      peer.pfxRefused,
      peer.pfxSnt,
      peer.desc ?? "",
    ];
  });
  const header = ["Neighbor", "V", "AS", "MsgRcvd", "MsgSent", "Up/Down", "State/PfxRcd", "Refused", "PfxSnt", "Desc"];
  const strangers = refusedStrangers === 0 ? "" : `; connections of strangers refused ${refusedStrangers}`;
  const title = `BGP router identifier ${routerId}, local AS number ${as}`;
  return `${title}\n\n${formatTable(header, rows)}\n\nTotal number of neighbors ${rows.length}${strangers}`;
}

interface ShownPath {
  readonly status: string;
  readonly stale?: true;
  readonly reason?: string;
  readonly peer: string;
  readonly nextHop: string;
  readonly asPath: string;
  readonly origin: string;
}

function formatBgpRoutes(routes: readonly { prefix: string; paths: readonly ShownPath[] }[]): string {
  const marks: Record<string, string> = { best: "*>", multipath: "*=", lost: "* ", ineligible: "  ", refused: "x " };
  const rows = routes.flatMap(({ prefix, paths }) =>
    paths.map((path, i) => [
      marks[path.status] ?? "",
      i === 0 ? prefix : "",
      path.nextHop,
      path.asPath,
      path.origin,
      path.peer,
      `${path.reason ?? path.status}${path.stale ? ", stale" : ""}`,
    ]),
  );
  return formatTable(["", "Network", "Next Hop", "Path", "Origin", "From", "Why"], rows);
}

function formatAnnounced(routes: readonly ({ prefix: string } & Pick<ShownPath, "nextHop" | "asPath" | "origin">)[]): string {
  const rows = routes.map(({ prefix, nextHop, asPath, origin }) => [prefix, nextHop, asPath, origin]);
  return formatTable(["Network", "Next Hop", "Path", "Origin"], rows);
}

interface ShownRoute {
  readonly prefix: string;
  readonly protocol?: string;
  readonly distance?: number;
  readonly group?: number;
  readonly action?: string;
  readonly nextHops: readonly { address: string; weight: number }[];
  readonly recursive?: readonly { nextHop: string; through?: string; gateways?: readonly string[]; reason?: string }[];
}

function formatRoutes(routes: readonly ShownRoute[]): string {
  const codes: Record<string, string> = { bgp: "B", static: "S", connected: "C" };
  const rows = routes.flatMap(({ prefix, protocol, distance, group, action, nextHops, recursive = [] }) => {
    const start = [codes[protocol ?? ""] ?? " ", prefix, `[${distance ?? "-"}]`, group === undefined ? "" : `group ${group}`];
    const nowhere = protocol === "connected" ? "directly connected" : (action ?? "no usable path");
    const ways = nextHops.map(({ address, weight }) => [`via ${address}`, `weight ${weight}`]);
    const far = recursive.map(({ nextHop, through, gateways = [], reason }) => [
      `${nextHop} ${reason === undefined ? `through ${through}, by ${gateways.join(" ")}` : `not used: ${reason}`}`,
      "",
    ]);
    return [...(ways.length > 0 ? ways : [[nowhere, ""]]), ...far].map((cells, i) => [
      ...(i === 0 ? start : ["", "", "", ""]),
      ...cells,
    ]);
  });
  return formatTable(["", "Prefix", "Distance", "Group", "Next hop", ""], rows);
}

function formatGroups({ hash, selector, memberOrder, groups }: FibState): string {
  const rows = groups.flatMap(({ id, prefixes, members, owners }) =>
    members.map(({ address, weight, share }, i) => [
      i === 0 ? String(id) : "",
      i === 0 ? `${prefixes.slice(0, 3).join(" ")}${prefixes.length > 3 ? ` and ${prefixes.length - 3} more` : ""}` : "",
      address,
      weight,
      share,
      i === 0 ? owners.length : "",
    ]),
  );
  const title = `hash ${hash.algorithm} over ${hash.fields.join(", ")}, seed ${hash.seed}; selector ${selector.name}; member order ${memberOrder}`;
  const refusals = groups.flatMap(({ id, refusal }) =>
    refusal === undefined ? [] : [`group ${id} goes by the hash's remainder: ${refusal}`],
  );
  const table = formatTable(["Group", "Prefixes", "Member", "Weight", "Share", "Buckets"], rows);
  return [title, table, ...(refusals.length > 0 ? [refusals.join("\n")] : [])].join("\n\n");
}

interface ShownPort {
  readonly interface: string;
  readonly kind: string;
  readonly files?: {
    readonly read?: { readonly file: string; readonly state: string; readonly problem: string | null };
    readonly write?: { readonly file: string; readonly problem: string | null };
  };
  readonly state: string;
  readonly mac: string;
  /** Of the interface; tags may take their part of it. */
  readonly mtu: number;
  readonly packetMtu: number;
  readonly addresses: readonly string[];
  readonly counters: Record<string, number>;
}

function formatPorts(ports: readonly ShownPort[]): string {
  const rows = ports.map(({ interface: name, state, mac, packetMtu, addresses, counters }) => [
    name,
    state,
    mac,
    packetMtu,
    counters.receivedFrames,
    counters.transmittedFrames,
    counters.transmitErrors,
    counters.receiveDrops,
    addresses.join(" "),
  ]);
  const table = formatTable(
    ["Port", "State", "MAC", "Packet MTU", "Received", "Sent", "Send errors", "Ring drops", "Addresses"],
    rows,
  );
  return [table, ...ports.flatMap(describeFiles)].join("\n");
}

/** Of a port that has no interface: what comes and goes instead. */
function describeFiles({ interface: name, kind, files }: ShownPort): string[] {
  if (files === undefined) return [];
  const { read, write } = files;
  const said = (problem: string | null): string => (problem === null ? "" : `, ${problem}`);
  const parts = [
    ...(read ? [`reads ${read.file}: ${read.state}${said(read.problem)}`] : []),
    ...(write ? [`writes ${write.file}${said(write.problem)}`] : []),
  ];
  return [`${name}: ${kind}, ${parts.join("; ")}`];
}

function formatNeighbors(neighbors: readonly { address: string; interface: string; state: string; mac?: string }[]): string {
  const rows = neighbors.map((neighbor) => [neighbor.address, neighbor.interface, neighbor.state, neighbor.mac ?? ""]);
  return formatTable(["Neighbor", "Port", "State", "MAC"], rows);
}

interface ShownCounters {
  readonly received: number;
  readonly forwarded: number;
  readonly punted: Record<string, number>;
  readonly slow: Record<string, number>;
  readonly dropped: Record<string, number>;
  readonly slowPath: Record<string, number>;
  readonly flowOffload?: { readonly packets: number };
  readonly nextHops: readonly { address: string; packets: number; bytes: number }[];
}

function formatCounters({ received, forwarded, punted, slow, dropped, slowPath, flowOffload, nextHops }: ShownCounters): string {
  const named = (group: string, counts: Record<string, number>) =>
    Object.entries(counts)
      .filter(([, count]) => count > 0)
      .map(([name, count]) => [`${group} ${name}`, count] as const);
  const frames = [
    ["received", received],
    ["forwarded", forwarded],
    ...(flowOffload ? [["... carried by the kernel", flowOffload.packets] as const] : []),
    ...named("punted", punted),
    ...named("slow", slow),
    ...named("dropped", dropped),
    ...named("slow path:", slowPath),
  ] as const;
  const hops = nextHops.map(({ address, packets, bytes }) => [address, packets, bytes]);
  return `${formatTable(["Frames", "Count"], frames)}\n\n${formatTable(["Next hop", "Packets", "Bytes"], hops)}`;
}

interface ShownEvent {
  readonly time: string;
  readonly kind: string;
  readonly atMs: number;
}

function formatEvents(events: readonly ShownEvent[]): string {
  return events.map(formatEvent).join("\n");
}

/** One event a line, as `ecmp run` logs it and `ecmp show events` prints it. */
export function formatEvent({ time, kind, atMs: _, ...details }: ShownEvent): string {
  const words = Object.entries(details).map(
    ([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  return [time, kind, ...words].join(" ");
}
