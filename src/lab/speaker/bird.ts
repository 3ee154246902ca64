/** BIRD 2: announces its static routes, takes none, dials at once (its own default waits five seconds). */
import { fullTable } from "../full-table.ts";
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

/** BIRD 2.0 has no name for it: type, subtype and AS in one word, and bytes a second as an IEEE float in the other. */
function linkBandwidth(asn: number, prefix: string, megabits: number): string {
  const bytes = new DataView(new ArrayBuffer(4));
  bytes.setFloat32(0, (megabits * 1e6) / 8);
  const words = [0x00040000 + (asn & 0xffff), bytes.getUint32(0)].map((word) => `0x${word.toString(16).padStart(8, "0")}`);
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
