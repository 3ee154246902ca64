/** BIRD 2: announces its static routes, takes none, dials at once (its own default waits five seconds, after an error sixty). */
import { fullTable } from "../full-table.ts";
import { linkBandwidthWords } from "./link-bandwidth.ts";
import type { SpeakerKind, SpeakerPlan } from "./plan.ts";

export const bird: SpeakerKind = {
  implementation: "BIRD",
  debianPackage: "bird2",
  programs: ["bird", "birdc"],
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
  withdraw: (plan) => [ask(plan, "disable", "services")],
  announce: (plan) => [ask(plan, "enable", "services")],
  reset: (plan) => [ask(plan, "restart", "upstream")],
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

protocol static services {
  ipv4;
${[...plan.prefixes, ...fullTable(plan.tableSize)].map((prefix) => `  route ${prefix} blackhole;`).join("\n")}
}

protocol bgp upstream {
  local ${plan.address} as ${plan.asn};
  neighbor ${plan.routerAddress} as ${plan.routerAsn};
  hold time ${plan.holdTimeSeconds};
  connect delay time 1;
  connect retry time 1;
  error wait time 1, 4;
  ipv4 {
    import none;
    export filter {
      if source != RTS_STATIC then reject;
${[...plan.linkBandwidths].map((entry) => `${linkBandwidth(plan.asn, ...entry)}\n`).join("")}      accept;
    };
  };
}
`;
}
