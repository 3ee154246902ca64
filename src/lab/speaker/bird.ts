/** BIRD 2: announces its static routes, takes none, dials at once (its own default waits five seconds, after an error sixty). */
import { fullTable } from "../full-table.ts";
import { linkBandwidthWords } from "./link-bandwidth.ts";
import { ipv4Of, ipv6Of, type SpeakerKind, type SpeakerPlan } from "./plan.ts";

export const bird: SpeakerKind = {
  implementation: "BIRD",
  debianPackage: "bird2",
  programs: ["bird", "birdc"],
  bfd: false,
  gracefulRestart: false,
  linkBandwidth: true,
  ipv6: true,
  needsRoot: false,
  listens: false,
  version: { command: ["bird", "--version"], pattern: /^BIRD version (\S+)/m },
  files: (plan) => ({ "bird.conf": renderBirdConf(plan) }),
  processes: ({ directory }) => [
    {
      name: "bird",
      command: ["bird", "-f", "-c", `${directory}/bird.conf`, "-s", `${directory}/bird.ctl`, "-P", `${directory}/bird.pid`],
    },
  ],
  setUp: () => [],
  withdraw: (plan) => plan.prefixes.map((prefix) => ask(plan, "disable", protocolOf(prefix))),
  announce: (plan) => plan.prefixes.map((prefix) => ask(plan, "enable", protocolOf(prefix))),
  repeat: (plan) => [ask(plan, "reload", "out", '"upstream*"')],
  reset: (plan) => [ask(plan, "restart", '"upstream*"')],
  flood: (plan, prefixes) => ({
    files: { "flood.conf": renderBirdConf({ ...plan, tableSize: plan.tableSize + prefixes }) },
    begin: [ask(plan, "configure", `"${plan.directory}/flood.conf"`)],
    end: [ask(plan, "configure", `"${plan.directory}/bird.conf"`)],
  }),
};

const ask = ({ directory }: SpeakerPlan, ...words: string[]): string[] => ["birdc", "-s", `${directory}/bird.ctl`, ...words];

function linkBandwidth(asn: number, prefix: string, megabits: number): string {
  const words = linkBandwidthWords(asn, megabits).map((word) => `0x${word}`);
  return `      if net = ${prefix} then bgp_ext_community.add((generic, ${words.join(", ")}));`;
}

export function renderBirdConf(plan: SpeakerPlan): string {
  return `log stderr all;
router id ${plan.address};

protocol device {
}

${ipv4Of(plan.prefixes)
  .map((prefix) => `${staticRoutes(protocolOf(prefix), "ipv4", [prefix])}\n`)
  .join("")}${
  plan.address6
    ? ipv6Of(plan.prefixes)
        .map((prefix) => `${staticRoutes(protocolOf(prefix), "ipv6", [prefix])}\n`)
        .join("")
    : ""
}${plan.tableSize > 0 ? `${staticRoutes("full_table", "ipv4", fullTable(plan.tableSize))}\n` : ""}${plan.routers.map((router, index) => upstream(plan, router, index)).join("\n")}`;
}

/** One for each prefix, so that one can be withdrawn alone. */
const protocolOf = (prefix: string): string => `service_${prefix.replaceAll(/[.:/]/g, "_")}`;

const staticRoutes = (name: string, family: string, prefixes: readonly string[]): string => `protocol static ${name} {
  ${family};
${prefixes.map((prefix) => `  route ${prefix} blackhole;`).join("\n")}
}
`;

function upstream(plan: SpeakerPlan, { address, asn }: SpeakerPlan["routers"][number], index: number): string {
  const name = index === 0 ? "upstream" : `upstream${index + 1}`;
  const bandwidths = [...plan.linkBandwidths].map((entry) => `${linkBandwidth(plan.asn, ...entry)}\n`).join("");
  return `protocol bgp ${name} {
  local ${plan.address} as ${plan.asn};
  neighbor ${address} as ${asn};
  hold time ${plan.holdTimeSeconds};
  connect delay time 1;
  connect retry time 1;
  error wait time 1, 4;
  ipv4 {
    import none;
    export filter {
      if source != RTS_STATIC then reject;
${bandwidths}      accept;
    };
  };
${plan.address6 ? channel6(plan.address6) : ""}}
`;
}

const channel6 = (nextHop: string): string => `  ipv6 {
    import none;
    next hop address ${nextHop};
    export where source = RTS_STATIC;
  };
`;
