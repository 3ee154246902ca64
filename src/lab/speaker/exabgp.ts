/**
 * ExaBGP: what it announces is what a program of the user's choice prints; here, whatever is in a file and is appended to it. It
 * dials. It runs as root, because in a user namespace there is nobody else.
 */
import { linkBandwidthWords } from "./link-bandwidth.ts";
import type { SpeakerKind, SpeakerPlan } from "./plan.ts";

const SETTINGS = ["exabgp.daemon.user=root", "exabgp.api.ack=false", "exabgp.api.cli=false", "exabgp.log.level=WARNING"];

export const exabgp: SpeakerKind = {
  implementation: "ExaBGP",
  debianPackage: "exabgp",
  programs: ["exabgp", "tail"],
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
  withdraw: (plan) => plan.prefixes.map((prefix) => command(plan, `withdraw route ${prefix} next-hop self`)),
  announce: (plan) => announcements(plan).map((line) => command(plan, line)),
  reset: (plan) => [command(plan, `neighbor ${plan.routerAddress} teardown 4`)],
};

const command = ({ directory }: SpeakerPlan, line: string): string[] => [
  ...["sh", "-c", 'echo "$1" >>"$2"', "sh"],
  ...[line, `${directory}/commands`],
];

function announcements({ asn, prefixes, linkBandwidths }: SpeakerPlan): string[] {
  return prefixes.map((prefix) => {
    const megabits = linkBandwidths.get(prefix);
    const community = megabits === undefined ? "" : ` extended-community [ 0x${linkBandwidthWords(asn, megabits).join("")} ]`;
    return `announce route ${prefix} next-hop self${community}`;
  });
}

export function renderExabgpConf(plan: SpeakerPlan): string {
  return `process commands {
  run /usr/bin/tail --lines=+1 --follow ${plan.directory}/commands;
  encoder text;
}

neighbor ${plan.routerAddress} {
  router-id ${plan.address};
  local-address ${plan.address};
  local-as ${plan.asn};
  peer-as ${plan.routerAsn};
  hold-time ${plan.holdTimeSeconds};
  api {
    processes [ commands ];
  }
}
`;
}
