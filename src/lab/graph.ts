/** A lab as a Mermaid flowchart, for a README or a terminal: who is linked to whom, by which interface and address. Pure. */
import { formatPrefix } from "../net/prefix.ts";
import { type Endpoint, type Lab, routersOf } from "./lab.ts";

export function renderMermaid(lab: Lab): string {
  const nodes = [
    ...lab.hosts.map((name) => `${name}["${name}"]`),
    ...routersOf(lab).map(({ name, asn }) => `${name}["${name}<br>AS ${asn}"]`),
    ...lab.bridges.map((name) => `${name}(["${name}"])`),
    ...lab.nodes.map(({ name, kind, asn }) => `${name}["${name}<br>${kind}, AS ${asn}"]`),
    ...lab.nodes.flatMap(({ pods }) => pods.map(({ name }) => `${name}(("${name}"))`)),
  ];
  const links = lab.links.map(([a, b]) => `${a.node} ---|"${describeLink(a, b)}"| ${b.node}`);
  const pods = lab.nodes.flatMap((node) => node.pods.map((pod) => `${node.name} --- ${pod.name}`));
  return `flowchart LR\n${[...nodes, ...links, ...pods].map((line) => `  ${line}\n`).join("")}`;
}

const describeLink = (a: Endpoint, b: Endpoint): string =>
  [a, b]
    .flatMap(({ interface: name, address, address6 }) => {
      const addresses = [address, address6].flatMap((each) => (each ? [formatPrefix(each)] : []));
      return addresses.length > 0 ? [[name, ...addresses].join(" ")] : [];
    })
    .join("<br>");
