/**
 * The router's answers to `ecmp show`: values for people and scripts, with FRR's key names where FRR has the thing
 * (`show bgp summary json`, `show bgp neighbors json`), so that what reads FRR reads this.
 */
import { formatCommunity, linkBandwidth } from "../bgp/communities.ts";
import type { PathAttributes } from "../bgp/path.ts";
import { formatAddress, parseAddress, zoneOf } from "../net/address.ts";
import { formatPrefix, hostPrefix, type Prefix, parsePrefix } from "../net/prefix.ts";
import type { FarNextHop, PathView, RouteView } from "../rib/view.ts";
import type { ControlAnswer } from "./control.ts";
import type { Router } from "./router.ts";

type Answer = (router: Router, words: readonly string[]) => ControlAnswer;

const value = (answer: unknown): ControlAnswer => ({ value: answer });

/** By the words after `show`; the rest of the words are the answer's own. */
const ANSWERS: readonly (readonly [string, Answer])[] = [
  ["bgp summary", (router) => value(router.bgpSummary())],
  ["bgp neighbors", (router, [address]) => router.bgpNeighbors(address)],
  ["bgp routes", (router, [text]) => ofPrefix(text, (prefix) => value(router.ribRoutes(prefix).map(describeBgpRoute)))],
  ["bgp announced", (router, [text]) => announcedTo(router, text)],
  [
    "routes",
    (router, [text]) => ofPrefix(text, (prefix) => value(router.ribRoutes(prefix).map((view) => describeRoute(router, view)))),
  ],
  ["bfd drops", (router) => value(router.bfd.drops())],
  ["bfd", (router, [address]) => bfdSessions(router, address)],
  ["groups", (router) => value(router.dataplane().groups())],
  ["ports", (router) => value(router.dataplane().ports())],
  ["neighbors", (router) => value(router.dataplane().neighbors())],
  ["counters", (router) => value(router.dataplane().counters())],
  ["journal", (router) => value(router.journal())],
  ["events", (router) => value(router.events.past())],
];

export function answerShow(router: Router, words: readonly string[]): ControlAnswer {
  const text = words.join(" ");
  const row = ANSWERS.find(([name]) => text === name || text.startsWith(`${name} `));
  if (!row) return { error: `show: ${JSON.stringify(text)}, wanted one of ${wantedBeside(words[0]).join(", ")}` };
  return row[1](router, words.slice(row[0].split(" ").length));
}

/** What there is to show that begins so, or else all there is. */
function wantedBeside(first: string | undefined): string[] {
  const all = ANSWERS.map(([name]) => name);
  const beside = all.filter((name) => name.split(" ")[0] === first);
  return beside.length > 0 ? beside : all;
}

/** An address alone is the prefix of that one host. */
function parseShownPrefix(text: string): Prefix | undefined {
  const address = parseAddress(text);
  return address === undefined || zoneOf(address) !== undefined ? parsePrefix(text) : hostPrefix(address);
}

function ofPrefix(text: string | undefined, answer: (prefix: Prefix | undefined) => ControlAnswer): ControlAnswer {
  const prefix = text === undefined ? undefined : parseShownPrefix(text);
  if (text !== undefined && !prefix) return { error: `prefix: ${JSON.stringify(text)}, wanted a prefix such as 198.51.100.0/24` };
  return answer(prefix);
}

function announcedTo(router: Router, text = ""): ControlAnswer {
  const told = router.announced(text);
  if (!told) return { error: `neighbor: ${JSON.stringify(text)}, wanted the address of a neighbor` };
  return value(told.map(({ prefix, attributes }) => ({ prefix: formatPrefix(prefix), ...describeAttributes(attributes) })));
}

function bfdSessions(router: Router, text: string | undefined): ControlAnswer {
  const sessions = router.bfd.sessions();
  const chosen = text === undefined ? sessions : sessions.filter(({ peer }) => peer === text);
  if (text === undefined || chosen.length > 0) return value(chosen);
  const known = sessions.map(({ peer }) => peer).join(", ");
  return { error: `peer: ${JSON.stringify(text)}, wanted one of ${known || "none: BFD is configured for nobody"}` };
}

function describeRoute(router: Router, { prefix, protocol, distance, nextHops, action, far }: RouteView) {
  return {
    prefix: formatPrefix(prefix),
    protocol,
    distance,
    ...(action ? { action } : {}),
    group: router.dataplane().groupIdOf(prefix),
    nextHops: nextHops.map(({ address, weight }) => ({ address: formatAddress(address), weight })),
    ...(far.length > 0 ? { recursive: far.map(describeFar) } : {}),
  };
}

function describeFar({ address, resolution }: FarNextHop) {
  const nextHop = formatAddress(address);
  if (!resolution.eligible) return { nextHop, reason: resolution.reason };
  const { gateways, through } = resolution;
  return {
    nextHop,
    through: through ? formatPrefix(through) : null,
    gateways: gateways.map((gateway) => formatAddress(gateway.address)),
  };
}

/** As `show bgp routes` prints it. */
export const describeBgpRoute = ({ prefix, paths }: RouteView) => ({
  prefix: formatPrefix(prefix),
  paths: paths.map(describePath),
});

function describePath(path: PathView) {
  const { peer, attributes, status } = path;
  return {
    status,
    ...("reason" in path ? { reason: path.reason } : {}),
    peer: formatAddress(peer.address),
    peerType: peer.type,
    ...(path.pathId === undefined ? {} : { pathId: path.pathId }),
    ...(path.stale ? { stale: true } : {}),
    ...(path.isBlackhole ? { blackhole: true } : {}),
    ...describeAttributes(attributes),
  };
}

function describeAttributes(attributes: PathAttributes) {
  const bandwidth = linkBandwidth(attributes);
  return {
    nextHop: formatAddress(attributes.nextHop),
    asPath: attributes.asPath.map(({ asns }) => asns.join(" ")).join(" "),
    origin: ["IGP", "EGP", "incomplete"][attributes.origin],
    ...(attributes.localPreference === undefined ? {} : { localPreference: attributes.localPreference }),
    ...(attributes.multiExitDiscriminator === undefined ? {} : { med: attributes.multiExitDiscriminator }),
    ...(attributes.communities === undefined ? {} : { communities: attributes.communities.map(formatCommunity) }),
    ...(attributes.largeCommunities === undefined
      ? {}
      : { largeCommunities: attributes.largeCommunities.map((parts) => parts.join(":")) }),
    ...(attributes.extendedCommunities === undefined
      ? {}
      : { extendedCommunities: formatExtendedCommunities(attributes.extendedCommunities) }),
    ...(bandwidth === undefined ? {} : { linkBandwidth: bandwidth }),
    ...(attributes.originatorId === undefined ? {} : { originatorId: formatAddress(attributes.originatorId) }),
    ...(attributes.clusterList === undefined ? {} : { clusterList: attributes.clusterList.map(formatAddress) }),
    ...(attributes.unrecognized === undefined
      ? {}
      : { unrecognized: attributes.unrecognized.map(({ type, flags, value }) => ({ type, flags, value: hexOf(value) })) }),
  };
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Sixteen hex digits each: what most of them mean is between others. */
const formatExtendedCommunities = (bytes: Uint8Array): readonly string[] => hexOf(bytes).match(/.{16}/g) ?? [];
