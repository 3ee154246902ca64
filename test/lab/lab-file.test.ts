/** lab.yaml: the shipped one is read for what it means, and a bad one is told all its mistakes at once. */
import { describe, expect, it } from "vitest";
import { formatMistake } from "#src/config/read.ts";
import { labNames, loadLab } from "#src/lab/catalog.ts";
import { announcersOf, podsOf } from "#src/lab/lab.ts";
import { readLab } from "#src/lab/lab-file.ts";
import { formatAddress } from "#src/net/address.ts";
import { formatPrefix } from "#src/net/prefix.ts";
import { smallLab } from "./small-lab.ts";

/** As a person reads them, without their lines. */
const mistakesOf = (text: string): readonly string[] => {
  const result = readLab(text);
  return "mistakes" in result
    ? result.mistakes.map((mistake) => formatMistake("", { ...mistake, line: 0 }).slice(":0: ".length))
    : [];
};

const SMALL = smallLab("small", 1);

describe("the lab metallb-bgp", () => {
  const lab = loadLab("metallb-bgp");

  it("is in the catalog", () => expect(labNames()).toContain("metallb-bgp"));

  it("has four nodes of three implementations, with two pods each", () => {
    const nodes = lab.nodes.map(({ name, kind, address, pods }) => [
      name,
      kind,
      formatPrefix(address),
      pods.map((pod) => pod.name),
    ]);
    expect(nodes).toEqual([
      ["n1", "frr-metallb", "10.0.0.11/24", ["n1-a", "n1-b"]],
      ["n2", "frr-metallb", "10.0.0.12/24", ["n2-a", "n2-b"]],
      ["n3", "bird", "10.0.0.13/24", ["n3-a", "n3-b"]],
      ["n4", "gobgp", "10.0.0.14/24", ["n4-a", "n4-b"]],
    ]);
    expect(lab.nodes[2].pods.map((pod) => formatPrefix(pod.address))).toEqual(["10.244.3.2/24", "10.244.3.3/24"]);
  });

  it("announces the Cluster service from every node, and the Local one only where its pods are", () => {
    const [cluster, local] = lab.services;
    expect(announcersOf(lab, cluster).map(({ name }) => name)).toEqual(["n1", "n2", "n3", "n4"]);
    expect(announcersOf(lab, local).map(({ name }) => name)).toEqual(["n1", "n3"]);
    expect(podsOf(lab, local).map(({ name }) => name)).toEqual(["n1-a", "n1-b", "n3-a", "n3-b"]);
  });

  it("puts the client on a router port of its own", () => {
    expect(lab.router.ports.map((port) => [port.interface, formatAddress(port.address.address)])).toEqual([
      ["client0", "10.0.1.1"],
      ["fabric0", "10.0.0.1"],
    ]);
  });
});

describe("a lab file", () => {
  it("without mistakes has none", () => expect(mistakesOf(SMALL)).toEqual([]));

  it("tells every mistake of its shape at once, with the path, what was found and what was wanted", () => {
    const bad = SMALL.replace("kind: bird", "kind: brid")
      .replace("10.0.1.2/24", "10.0.1.256/24")
      .replace("10.244.1.0/24", "10.244.1.1/24")
      .replace("externalTrafficPolicy: Cluster", "externalTrafficPolicy: cluster, color: red")
      .replace("description: one client, 1 nodes\n", "");
    expect(mistakesOf(bad)).toEqual([
      "description: wanted a description",
      'topology.nodes.n1.kind: "brid", wanted one of linux, bridge, ecmp-router, frr-metallb, frr, bird, gobgp, exabgp, openbgpd',
      'topology.links[0].ipv4[0]: "10.0.1.256/24", wanted an IPv4 address with its length, like 10.0.0.1/24',
      'services[0].externalTrafficPolicy: "cluster", wanted Cluster or Local',
      'services[0].color: "red", wanted no such key here',
    ]);
  });

  it("tells every name that refers to nothing and everything that is claimed twice", () => {
    const bad = SMALL.replace('"fabric:n1"', '"fabrik:n1"')
      .replace("ipv4: [10.0.0.11/24]", "ipv4: [10.0.0.1/24]")
      .replace("service: web, connections: 10, firstSourcePort: 20000", "service: wep, connections: 10, firstSourcePort: 65530")
      .replace("node: n1 }", "node: n7 }");
    expect(mistakesOf(bad)).toEqual([
      'topology.links[2].endpoints[1]: "fabrik:n1", wanted a node of topology.nodes (client, router, fabric, n1)',
      'topology.links[2].ipv4[0]: "10.0.0.1/24", wanted an address that router:fabric0 does not have',
      'clients[0].service: "wep", wanted one of web',
      "clients[0].firstSourcePort: 65530, wanted 10 ports below 65536",
      'experiment.event.node: "n7", wanted one of n1',
    ]);
  });

  it("tells of names and of an ingress that lead nowhere", () => {
    const names = "names: [{ name: www.example.test, server: n1, service: wep }]\n";
    const ingress =
      "  - { name: in, address: 198.51.100.40, port: 80, targetPort: 8084, externalTrafficPolicy: Cluster, ingressTo: in }\n";
    expect(mistakesOf(SMALL.replace("clients:", `${ingress}${names}clients:`))).toEqual([
      'services[1].ingressTo: "in", wanted another service, one of pods',
      'services[1].externalTrafficPolicy: "Cluster", wanted Local, for an ingress',
      'names[0].server: "n1", wanted a node of kind linux',
      'names[0].service: "wep", wanted one of web, in',
    ]);
  });

  it("asks for a link bandwidth of those only who announce the service", () => {
    const weighted = (nodes: string) =>
      smallLab("small", 2)
        .replace("n2: { kind: bird", "n2: { kind: gobgp")
        .replace("node: n2", "node: n1")
        .replace("Cluster }", `Local, podsOn: [${nodes}], linkBandwidth: by-pods }`);
    expect(mistakesOf(weighted("n1"))).toEqual([]);
    expect(mistakesOf(weighted("n1, n2"))).toEqual([expect.stringContaining("nodes whose speaker can say it (n2 is gobgp)")]);
  });

  it("that is no YAML says where", () => expect(readLab("name:\n  [")).toMatchObject({ mistakes: [{ line: 2, path: "" }] }));
});
