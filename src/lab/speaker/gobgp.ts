/**
 * GoBGP: listens for the router, so that one session of the lab is dialed by us (left to itself it dials after five to ten
 * seconds). Its configuration file has no routes: they are added through its own client.
 */
import type { SpeakerKind, SpeakerPlan } from "./plan.ts";

const API = "127.0.0.1:50051";

export const gobgp: SpeakerKind = {
  implementation: "GoBGP",
  debianPackage: "gobgpd",
  programs: ["gobgpd", "gobgp"],
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
  withdraw: (plan) => plan.prefixes.map((prefix) => ["gobgp", "global", "rib", "del", prefix]),
  announce,
  reset: ({ routerAddress }) => [["gobgp", "neighbor", routerAddress, "reset"]],
};

function announce({ prefixes }: SpeakerPlan): string[][] {
  return prefixes.map((prefix) => ["gobgp", "global", "rib", "add", prefix, "origin", "igp"]);
}

export function renderGobgpToml(plan: SpeakerPlan): string {
  return `[global.config]
  as = ${plan.asn}
  router-id = "${plan.address}"

[[neighbors]]
  [neighbors.config]
    neighbor-address = "${plan.routerAddress}"
    peer-as = ${plan.routerAsn}
  [neighbors.timers.config]
    hold-time = ${plan.holdTimeSeconds}
    keepalive-interval = ${Math.floor(plan.holdTimeSeconds / 3)}
  [neighbors.transport.config]
    local-address = "${plan.address}"
    passive-mode = true
`;
}
