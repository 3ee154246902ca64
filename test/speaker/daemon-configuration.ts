/**
 * Configurations of the speakers that people run, from the same plan: one address, one static route, its peers. Each has room for
 * what a test is about. `daemons.ts` has the speakers.
 */
import { join } from "node:path";
import type { DaemonPlan } from "./daemons.ts";

type Lines = readonly string[];

interface FrrWords {
  readonly routerId?: string;
  /** Of the router, before its neighbors. */
  readonly global?: Lines;
  /** Of every neighbor. */
  readonly neighbor?: Lines;
  readonly ipv4?: Lines;
  /** After that, as it stands. */
  readonly rest?: string;
}

const MULTIHOP = ["ebgp-multihop 2"];

/** `neighbor` in place of the two hops that it is allowed otherwise. */
export const frrConfiguration = (
  { address, asn, peers, prefix }: DaemonPlan,
  { routerId = address, global = [], neighbor = MULTIHOP, ipv4 = [`network ${prefix}`], rest = "" }: FrrWords = {},
): string => `
router bgp ${asn}
 bgp router-id ${routerId}
 no bgp ebgp-requires-policy
 no bgp network import-check
${global.map((line) => ` ${line}`).join("\n")}
${peers
  .flatMap((peer) =>
    [`remote-as ${peer.asn}`, `update-source ${address}`, "timers connect 1", ...neighbor].map(
      (line) => ` neighbor ${peer.address} ${line}`,
    ),
  )
  .join("\n")}
 address-family ipv4 unicast
${ipv4.map((line) => `  ${line}`).join("\n")}
 exit-address-family
${rest}
`;

interface BirdWords {
  readonly routerId?: string;
  /** Of IPv4, each of a protocol of its own: "service0", "service1". */
  readonly routes?: Lines;
  /** Other protocols. */
  readonly protocols?: string;
  /** Of every neighbor. */
  readonly session?: string;
  readonly channels?: string;
}

const TWO_HOPS = "multihop 2;";

/** `session` in place of the two hops that it is allowed otherwise. */
export const birdConfiguration = (
  { address, asn, peers, prefix }: DaemonPlan,
  {
    routerId = address,
    routes = [prefix],
    protocols = "",
    session = TWO_HOPS,
    channels = "ipv4 { import all; export all; next hop self; };",
  }: BirdWords = {},
): string => `
router id ${routerId};
protocol device {}
${routes.map((route, index) => `protocol static service${index} { ipv4; route ${route} blackhole; }`).join("\n")}
${protocols}
${peers
  .map(
    (peer, index) => `protocol bgp upstream${index} {
  local ${address} as ${asn}; neighbor ${peer.address} as ${peer.asn};
  strict bind yes; connect delay time 1; connect retry time 1; error wait time 1, 1;
  ${session}
  ${channels}
}`,
  )
  .join("\n")}
`;

interface GobgpWords {
  readonly routerId?: string;
  /** Of every neighbor's own table. */
  readonly config?: string;
  /** Tables of every neighbor. */
  readonly neighbor?: string;
  /** How far it may be, a table too. */
  readonly distance?: string;
  /** After that, as it stands. */
  readonly rest?: string;
}

const GOBGP_TWO_HOPS = "[neighbors.ebgp-multihop.config]\nenabled = true\nmultihop-ttl = 2";

export const gobgpConfiguration = (
  { address, asn, peers }: DaemonPlan,
  { routerId = address, config = "", neighbor = "", distance = GOBGP_TWO_HOPS, rest = "" }: GobgpWords = {},
): string => `
[global.config]
  as = ${asn}
  router-id = "${routerId}"
  local-address-list = ["${address}"]
${peers
  .map(
    (peer) => `[[neighbors]]
  [neighbors.config]
    neighbor-address = "${peer.address}"
    peer-as = ${peer.asn}
    ${config}
  [neighbors.timers.config]
    connect-retry = 1
  [neighbors.transport.config]
    local-address = "${address}"
  ${distance}
  ${neighbor}`,
  )
  .join("\n")}
${rest}
`;

/** `families` of two words: "ipv4-unicast". */
export const gobgpFamilies = (families: Lines, more = ""): string =>
  families
    .map((family) => `[[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = "${family}"\n${more}`)
    .join("\n");

interface ExabgpWords {
  readonly routerId?: string;
  /** Of every neighbor. */
  readonly neighbor?: Lines;
  /** Of every neighbor too, each in braces of its own. */
  readonly blocks?: Lines;
}

/** Its commands are what a program of the user's choice prints: here, whatever is appended to a file. */
export const exabgpConfiguration = (
  { address, asn, peers, folder }: DaemonPlan,
  { routerId = address, neighbor = [], blocks = [] }: ExabgpWords = {},
): string => `
process commands {
  run /usr/bin/tail --lines=+1 --follow ${join(folder, "commands")};
  encoder text;
}
${peers
  .map((peer) =>
    [
      `neighbor ${peer.address} {`,
      `router-id ${routerId}; local-address ${address}; local-as ${asn}; peer-as ${peer.asn};`,
      "listen 179; hold-time 90; api { processes [ commands ]; }",
      ...neighbor.map((words) => `${words};`),
      ...blocks,
      "}",
    ].join("\n"),
  )
  .join("\n")}
`;

interface OpenbgpdWords {
  readonly routerId?: string;
  /** Of every neighbor, in place of the two hops that it is allowed otherwise. */
  readonly neighbor?: Lines;
  /** After that, as it stands. */
  readonly rest?: string;
}

/** Without `allow` it neither takes nor sends anything (RFC 8212). It dials again after two minutes, unless told. */
export const openbgpdConfiguration = (
  { address, asn, peers, folder, prefix }: DaemonPlan,
  { routerId = address, neighbor = ["multihop 2"], rest = "" }: OpenbgpdWords = {},
): string => `
AS ${asn}
router-id ${routerId}
listen on ${address}
socket "${join(folder, "control")}"
fib-update no
connect-retry 1
network ${prefix}
${peers
  .map((peer) => [`neighbor ${peer.address} {`, `remote-as ${peer.asn}`, `local-address ${address}`, ...neighbor, "}"].join("\n"))
  .join("\n")}
allow from any
allow to any
${rest}
`;
