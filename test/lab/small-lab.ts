/**
 * A lab file: a client, a router, and as many nodes of kind `bird` as asked for, with a pod each; its event befalls the last one.
 */
export function smallLab(name: string, nodeCount: number): string {
  const nodes = Array.from({ length: nodeCount }, (_, index) => index + 1);
  return `name: ${name}
description: one client, ${nodeCount} nodes
topology:
  nodes:
    client: { kind: linux }
    router: { kind: ecmp-router, asn: 64513 }
    fabric: { kind: bridge }
${nodes.map((n) => `    n${n}: { kind: bird, asn: 64512, pods: { subnet: 10.244.${n}.0/24, count: 1 } }`).join("\n")}
  links:
    - { endpoints: ["client:eth0", "router:client0"], ipv4: [10.0.1.2/24, 10.0.1.1/24] }
    - { endpoints: ["router:fabric0", "fabric:router"], ipv4: [10.0.0.1/24] }
${nodes.map((n) => `    - { endpoints: ["n${n}:eth0", "fabric:n${n}"], ipv4: [10.0.0.1${n}/24] }`).join("\n")}
services:
  - { name: web, address: 198.51.100.10, port: 80, targetPort: 8080, externalTrafficPolicy: Cluster }
clients:
  - { node: client, service: web, connections: 10, firstSourcePort: 20000 }
experiment:
  hash: { algorithm: xxh32, fields: 5-tuple, seed: 42 }
  selectors: [{ name: modulo }]
  event: { kind: kill-speaker, node: n${nodeCount} }
`;
}
