/**
 * FRR, configured as MetalLB's FRR mode does it (metallb, internal/bgp/frr/templates and testdata): the same frr.conf, and bgpd
 * with `-p 0`, so that it dials and never listens. Daemons and vtysh are those of `frr.ts`.
 *
 * A service's link bandwidth, which MetalLB never announces, is an entry of the route map before its own. Other differences are
 * those that `frr.ts` gives the reasons of: the log goes to stdout, two lines make for a quick start (`timers connect` is MetalLB's
 * `connectTime`), and networks come before neighbors.
 */
import { TABLE_RANGE } from "../full-table.ts";
import { bfdProfile, frr, frrDaemon, frrFlood, networks, sessionExtras } from "./frr.ts";
import { ipv4Of, ipv6Of, type SpeakerKind, type SpeakerPlan } from "./plan.ts";

export const frrMetallb: SpeakerKind = {
  ...frr,
  files: (plan) => ({ ...frr.files(plan), "frr.conf": renderMetallbConf(plan) }),
  processes: (plan) =>
    frr
      .processes(plan)
      .map((each) => (each.name === "bgpd" ? { ...each, command: frrDaemon(plan.directory, "bgpd", "-p", "0") } : each)),
  // The route map before each router lets nothing but the services out, until it is told so.
  flood: (plan, prefixes) => {
    const listOf = (address: string) => `ip prefix-list ${address}-pl-ipv4 seq 1000000 permit ${TABLE_RANGE} le 24`;
    return frrFlood(
      plan,
      prefixes,
      plan.routers.map(({ address }) => listOf(address)),
    );
  },
};

/** As MetalLB writes one neighbor: its lists, its route maps, its sessions. */
function routeMaps(plan: SpeakerPlan, peer: string): string {
  const list = (name: string, family: "ip" | "ipv6", prefixes: readonly string[]) =>
    prefixes.map((prefix, index) => `${family} prefix-list ${name} seq ${index + 1} permit ${prefix}`);
  const [ours4, ours6] = [ipv4Of(plan.prefixes), ipv6Of(plan.prefixes)];
  const weighted = [...plan.linkBandwidths].map(([prefix, megabits], index) => {
    return { name: `${peer}-bw-${index + 1}`, prefix, megabits };
  });
  const lists4 = [...list(`${peer}-pl-ipv4`, "ip", ours4), ...weighted.flatMap(({ name, prefix }) => list(name, "ip", [prefix]))];
  const lists6 =
    ours6.length > 0
      ? list(`${peer}-pl-ipv4`, "ipv6", ours6)
      : [`ipv6 prefix-list ${peer}-pl-ipv4 seq ${ours4.length + 1} deny any`];
  const entries = weighted.map(
    ({ name, megabits }, index) =>
      `route-map ${peer}-out permit ${index + 1}\n  match ip address prefix-list ${name}\n  set extcommunity bandwidth ${megabits}\n`,
  );
  return `route-map ${peer}-in deny 20

${lists4.join("\n")}

${lists6.join("\n")}

${entries.join("")}route-map ${peer}-out permit ${weighted.length + 1}
  match ip address prefix-list ${peer}-pl-ipv4
route-map ${peer}-out permit ${weighted.length + 2}
  match ipv6 address prefix-list ${peer}-pl-ipv4
`;
}

const neighborLines = (plan: SpeakerPlan, { address, asn }: SpeakerPlan["routers"][number]): string => `
  neighbor ${address} remote-as ${asn}
  neighbor ${address} port 179
  neighbor ${address} timers ${Math.floor(plan.holdTimeSeconds / 3)} ${plan.holdTimeSeconds}
  neighbor ${address} timers connect 1
  neighbor ${address} update-source ${plan.address}
${sessionExtras(plan, address)}`;

function activations({ routers }: SpeakerPlan, name: "ipv4" | "ipv6"): string {
  const activate = routers.map(
    ({ address }) => `    neighbor ${address} activate
    neighbor ${address} route-map ${address}-in in
    neighbor ${address} route-map ${address}-out out
`,
  );
  return `  address-family ${name} unicast
${activate.join("")}  exit-address-family
`;
}

export function renderMetallbConf(plan: SpeakerPlan): string {
  return `log stdout informational
log timestamp precision 3
hostname ${plan.node}
bgp route-map delay-timer 0
ip nht resolve-via-default
ipv6 nht resolve-via-default
${plan.routers.map(({ address }) => routeMaps(plan, address)).join("")}
${plan.bfd ? bfdProfile(plan.bfd) : ""}router bgp ${plan.asn}
  no bgp ebgp-requires-policy
  no bgp network import-check
  no bgp default ipv4-unicast
  bgp graceful-restart preserve-fw-state

  bgp router-id ${plan.address}
${networks("ipv4", ipv4Of(plan.prefixes))}${plan.address6 ? networks("ipv6", ipv6Of(plan.prefixes)) : ""}${plan.routers.map((router) => neighborLines(plan, router)).join("")}
${activations(plan, "ipv4")}${plan.address6 ? activations(plan, "ipv6") : ""}`;
}
