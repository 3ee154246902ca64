/**
 * OpenBGPD: a process each for sessions and routes beside the first one, which give up root by `setgroups`; a user namespace of an
 * ordinary user forbids that, so it wants a lab of root. It waits for the router: left to
 * itself it dials 30 s after a session was lost. Without `allow` it says nothing to other ASes (RFC 8212). Over a
 * session of IPv4 it announces prefixes of IPv6 with the next hop ::1 on Linux (7.7), whatever it is told, so it is asked for none.
 */
import { fullTable } from "../full-table.ts";
import type { SpeakerKind, SpeakerPlan } from "./plan.ts";

/** Where Debian's package has its processes shut themselves in. */
const CHROOT = "/run/openbgpd";

export const openbgpd: SpeakerKind = {
  implementation: "OpenBGPD",
  debianPackage: "openbgpd",
  programs: ["/usr/sbin/bgpd", "bgpctl"],
  bfd: false,
  gracefulRestart: false,
  linkBandwidth: false,
  ipv6: false,
  needsRoot: true,
  listens: true,
  version: { command: ["/usr/sbin/bgpd", "-V"], pattern: /^OpenBGPD (\S+)/m },
  files: (plan) => ({ "bgpd.conf": renderOpenbgpdConf(plan) }),
  processes: ({ directory }) => [
    {
      name: "bgpd",
      // It takes no file that others may read.
      command: [
        ...["sh", "-c", 'chmod 600 "$1" && mkdir -p "$2" && exec /usr/sbin/bgpd -d -f "$1"', "sh"],
        ...[`${directory}/bgpd.conf`, CHROOT],
      ],
    },
  ],
  setUp: (plan) => [control(plan, "show")],
  withdraw,
  announce,
  repeat: (plan) => [...withdraw(plan), ...announce(plan)],
  reset: (plan) => plan.routers.map(({ address }) => control(plan, "neighbor", address, "clear")),
  flood: (plan, prefixes) => ({
    files: { flood: `${fullTable(prefixes).join("\n")}\n` },
    begin: [bulk(plan, "add")],
    end: [bulk(plan, "delete")],
  }),
};

function withdraw(plan: SpeakerPlan): string[][] {
  return plan.prefixes.map((prefix) => control(plan, "network", "delete", prefix));
}
function announce(plan: SpeakerPlan): string[][] {
  return plan.prefixes.map((prefix) => control(plan, "network", "add", prefix));
}

const bulk = (plan: SpeakerPlan, verb: "add" | "delete"): string[] => [
  ...["sh", "-c", 'file=$1; shift; exec "$@" <"$file"', "sh", `${plan.directory}/flood`],
  ...control(plan, "network", "bulk", verb),
];

const control = ({ directory }: SpeakerPlan, ...words: string[]): string[] => [
  "bgpctl",
  "-s",
  `${directory}/bgpd.sock`,
  ...words,
];

export const renderOpenbgpdConf = (plan: SpeakerPlan): string => `AS ${plan.asn}
router-id ${plan.address}
listen on ${plan.address}
socket "${plan.directory}/bgpd.sock"
fib-update no
connect-retry 1
holdtime ${plan.holdTimeSeconds}
holdtime min ${plan.holdTimeSeconds}

${plan.prefixes.map((prefix) => `network ${prefix}\n`).join("")}
${plan.routers.map((router) => neighbor(plan, router)).join("\n")}
deny from any
allow to any
`;

const neighbor = ({ address }: SpeakerPlan, router: SpeakerPlan["routers"][number]): string => `neighbor ${router.address} {
  remote-as ${router.asn}
  local-address ${address}
  passive
  announce IPv4 unicast
}
`;
