/**
 * ExaBGP: what it announces is what a program of the user's choice prints; here, whatever is in a file and is appended to it. It
 * dials. It runs as root, because in a user namespace there is nobody else.
 */
import { fullTable } from "../full-table.ts";
import { linkBandwidthWords } from "./link-bandwidth.ts";
import type { SpeakerKind, SpeakerPlan } from "./plan.ts";

const SETTINGS = ["exabgp.daemon.user=root", "exabgp.api.ack=false", "exabgp.api.cli=false", "exabgp.log.level=WARNING"];

export const exabgp: SpeakerKind = {
  implementation: "ExaBGP",
  debianPackage: "exabgp",
  programs: ["exabgp", "tail"],
  bfd: false,
  gracefulRestart: false,
  linkBandwidth: true,
  ipv6: true,
  needsRoot: false,
  listens: false,
  version: { command: ["exabgp", "--version"], pattern: /^ExaBGP : (\S+)/m },
  files: (plan) => ({
    "exabgp.conf": renderExabgpConf(plan),
    commands: announcements(plan)
      .map((line) => `${line}\n`)
      .join(""),
  }),
  processes: ({ directory }) => [{ name: "exabgp", command: ["env", ...SETTINGS, "exabgp", `${directory}/exabgp.conf`] }],
  setUp: () => [],
  withdraw,
  announce,
  repeat: (plan) => [...withdraw(plan), ...announce(plan)],
  reset: (plan) => plan.routers.map(({ address }) => command(plan, `neighbor ${address} teardown 4`)),
  flood: (plan, prefixes) => {
    const lines = (verb: string) => fullTable(prefixes).map((prefix) => `${verb} route ${prefix} next-hop self\n`);
    return {
      files: { flood: lines("announce").join(""), ebb: lines("withdraw").join("") },
      begin: [append(plan, "flood")],
      end: [append(plan, "ebb")],
    };
  },
};

function withdraw(plan: SpeakerPlan): string[][] {
  return plan.prefixes.map((prefix) => command(plan, `withdraw route ${prefix} next-hop ${nextHopOf(plan, prefix)}`));
}

function announce(plan: SpeakerPlan): string[][] {
  return announcements(plan).map((line) => command(plan, line));
}

const append = ({ directory }: SpeakerPlan, file: string): string[] => [
  ...["sh", "-c", 'cat "$1" >>"$2"', "sh"],
  ...[`${directory}/${file}`, `${directory}/commands`],
];

const command = ({ directory }: SpeakerPlan, line: string): string[] => [
  ...["sh", "-c", 'echo "$1" >>"$2"', "sh"],
  ...[line, `${directory}/commands`],
];

/** Of IPv6 over a session of IPv4, `self` is no address. */
const nextHopOf = ({ address6 }: SpeakerPlan, prefix: string): string => (prefix.includes(":") && address6 ? address6 : "self");

function announcements(plan: SpeakerPlan): string[] {
  const { asn, prefixes, linkBandwidths } = plan;
  return prefixes.map((prefix) => {
    const megabits = linkBandwidths.get(prefix);
    const community = megabits === undefined ? "" : ` extended-community [ 0x${linkBandwidthWords(asn, megabits).join("")} ]`;
    return `announce route ${prefix} next-hop ${nextHopOf(plan, prefix)}${community}`;
  });
}

export function renderExabgpConf(plan: SpeakerPlan): string {
  return `process commands {
  run /usr/bin/tail --lines=+1 --follow ${plan.directory}/commands;
  encoder text;
}

${plan.routers.map((router) => neighbor(plan, router)).join("\n")}`;
}

const neighbor = (plan: SpeakerPlan, { address, asn }: SpeakerPlan["routers"][number]): string => `neighbor ${address} {
  router-id ${plan.address};
  local-address ${plan.address};
  local-as ${plan.asn};
  peer-as ${asn};
  hold-time ${plan.holdTimeSeconds};
${plan.address6 ? "  family {\n    ipv4 unicast;\n    ipv6 unicast;\n  }\n" : ""}  api {
    processes [ commands ];
  }
}
`;
