/**
 * GoBGP: listens for the router, so that one session of the lab is dialed by us (left to itself it dials after five to ten
 * seconds). Its configuration file has no routes: they are added through its own client.
 */
import { ipv6Of, type SpeakerKind, type SpeakerPlan } from "./plan.ts";

const API = "127.0.0.1:50051";

export const gobgp: SpeakerKind = {
  implementation: "GoBGP",
  debianPackage: "gobgpd",
  programs: ["gobgpd", "gobgp"],
  bfd: false,
  gracefulRestart: false,
  linkBandwidth: false,
  ipv6: true,
  needsRoot: false,
  listens: true,
  version: { command: ["gobgpd", "--version"], pattern: /^gobgpd version (\S+)/m },
  files: (plan) => ({ "gobgp.toml": renderGobgpToml(plan) }),
  processes: ({ directory }) => [
    {
      name: "gobgpd",
      command: ["gobgpd", "-f", `${directory}/gobgp.toml`, "--log-plain", "--pprof-disable", "--api-hosts", API],
    },
  ],
  setUp: announce,
  withdraw: (plan) => plan.prefixes.map((prefix) => ["gobgp", "global", "rib", "del", prefix, ...familyOf(prefix)]),
  announce,
  repeat: ({ routers }) => routers.map(({ address }) => ["gobgp", "neighbor", address, "softresetout"]),
  reset: ({ routers }) => routers.map(({ address }) => ["gobgp", "neighbor", address, "reset"]),
};

function announce(plan: SpeakerPlan): string[][] {
  return plan.prefixes.map((prefix) => [
    ...["gobgp", "global", "rib", "add", prefix, "origin", "igp"],
    ...(ipv6Of([prefix]).length > 0 ? ["nexthop", plan.address6 ?? ""] : []),
    ...familyOf(prefix),
  ]);
}

const familyOf = (prefix: string): string[] => (ipv6Of([prefix]).length > 0 ? ["-a", "ipv6"] : []);

export function renderGobgpToml(plan: SpeakerPlan): string {
  return `[global.config]
  as = ${plan.asn}
  router-id = "${plan.address}"

${plan.routers.map((router) => neighbor(plan, router)).join("\n")}`;
}

const neighbor = (plan: SpeakerPlan, { address, asn }: SpeakerPlan["routers"][number]): string => `[[neighbors]]
  [neighbors.config]
    neighbor-address = "${address}"
    peer-as = ${asn}
  [neighbors.timers.config]
    hold-time = ${plan.holdTimeSeconds}
    keepalive-interval = ${Math.floor(plan.holdTimeSeconds / 3)}
  [neighbors.transport.config]
    local-address = "${plan.address}"
    passive-mode = true
${plan.address6 ? ["ipv4-unicast", "ipv6-unicast"].map(afiSafi).join("") : ""}`;

const afiSafi = (family: string): string => `  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "${family}"
`;
