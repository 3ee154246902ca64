import { describe, expect, it } from "vitest";
import { readConfig } from "#src/config/read.ts";
import type { Config } from "#src/config/schema.ts";
import { reconcile } from "#src/router/reconcile.ts";

function config(changes = ""): Config {
  const result = readConfig(`
ports: [{interface: eth0}]
bgp:
  asn: 64513
  routerId: 10.0.0.1
  neighbors: [{address: 10.0.0.11, remoteAsn: 64512}, {address: 10.0.0.12, remoteAsn: 64512}]
${changes}`);
  if ("mistakes" in result) throw new Error(JSON.stringify(result.mistakes));
  return result.config;
}
const withNeighbors = (...neighbors: string[]): Config => {
  const parsed = readConfig(
    `{ports: [{interface: eth0}], bgp: {asn: 64513, routerId: 10.0.0.1, neighbors: [${neighbors.join(",")}]}}`,
  );
  return (parsed as { config: Config }).config;
};
/** A data plane in the place of another. */
const BESIDE = ["start-dataplane", "fill-dataplane", "configure-routes", "open-ports", "configure-ports"];
const kinds = (before: Config | undefined, after: Config | undefined): string[] =>
  reconcile(before, after).map(({ kind }) => kind);

describe("reconcile", () => {
  it("starts from nothing and stops to nothing by the same road", () => {
    expect(kinds(undefined, config())).toEqual([
      "guard-namespace",
      "start-dataplane",
      "configure-ports",
      "fill-dataplane",
      "configure-routes",
      "open-ports",
      "start-speaker",
      "add-neighbor",
      "add-neighbor",
    ]);
    expect(kinds(config(), undefined)).toEqual(["stop-speaker", "stop-dataplane", "release-namespace"]);
    expect(kinds(undefined, undefined)).toEqual([]);
  });

  it("changes the journal without a word to the sessions, before they begin and after they end", () => {
    const journal = "journal: {file: bgp.jsonl}";
    expect(kinds(config(), config(journal))).toEqual(["configure-journal"]);
    expect(kinds(config(journal), config())).toEqual(["configure-journal"]);
    expect(kinds(undefined, config(journal)).at(0)).toBe("configure-journal");
    expect(kinds(config(journal), undefined).at(-1)).toBe("configure-journal");
  });

  it("does nothing when nothing changed", () => {
    expect(reconcile(config(), config())).toEqual([]);
  });

  it("puts taps and faults around ports without a new data plane", () => {
    const port = (text: string): Config => (readConfig(`ports: [{interface: eth0${text}}]`) as { config: Config }).config;
    expect(kinds(port(""), port(", tap: {file: a}"))).toEqual(["configure-ports"]);
    expect(kinds(port(", fault: {losePct: 1}"), port(""))).toEqual(["configure-ports"]);
    expect(kinds(undefined, port(", fault: {losePct: 1}"))).toEqual([
      "guard-namespace",
      "start-dataplane",
      "configure-ports",
      "fill-dataplane",
      "configure-routes",
      "open-ports",
    ]);
    expect(kinds(port(""), port(", vlan: 5"))).toEqual(BESIDE);
  });

  it("touches only the neighbor that changed", () => {
    const before = withNeighbors("{address: 10.0.0.11, remoteAsn: 1}", "{address: 10.0.0.12, remoteAsn: 1}");
    const after = withNeighbors(
      "{address: 10.0.0.11, remoteAsn: 1}",
      "{address: 10.0.0.12, remoteAsn: 2}",
      "{address: 10.0.0.13, remoteAsn: 1}",
    );
    expect(kinds(before, after)).toEqual(["change-neighbor", "add-neighbor"]);
    expect(reconcile(before, after)[0]).toMatchObject({ neighbor: { address: 0x0a00000c, remoteAsn: 2 } });
    expect(reconcile(after, before)).toMatchObject([
      { kind: "remove-neighbor", address: 0x0a00000d },
      { kind: "change-neighbor" },
    ]);
  });

  it("touches only the range that changed, and not the speaker", () => {
    const ranges = (...texts: string[]): Config => {
      const bgp = `{asn: 64513, routerId: 10.0.0.1, dynamicNeighbors: [${texts.join(",")}]}`;
      return (readConfig(`{ports: [{interface: eth0}], bgp: ${bgp}}`) as { config: Config }).config;
    };
    const [one, other] = ["{prefix: 10.0.0.0/24, remoteAsn: 1}", "{prefix: 10.0.1.0/24, remoteAsn: 1}"];
    expect(kinds(ranges(one, other), ranges(one, other))).toEqual([]);
    expect(reconcile(ranges(one, other), ranges("{prefix: 10.0.0.0/24, remoteAsn: 1, limit: 2}", other))).toMatchObject([
      { kind: "remove-range", prefix: { length: 24 } },
      { kind: "add-range", range: { limit: 2 } },
    ]);
  });

  it("changes static routes without touching sessions or workers", () => {
    expect(kinds(config(), config("routes: [{prefix: 192.0.2.0/24, nextHops: [{address: 10.0.0.9}]}]"))).toEqual([
      "configure-routes",
    ]);
  });

  it("makes a new data plane when what it is made of changed, and leaves the sessions up", () => {
    expect(kinds(config(), config("workers: 2"))).toEqual(BESIDE);
  });

  it("starts no data plane beside another where libpcap serves a port of either", () => {
    const port = (kind: string, changes = ""): Config =>
      (readConfig(`{ports: [{interface: eth0, kind: ${kind}}]${changes}}`) as { config: Config }).config;
    const afterwards = [
      "stop-dataplane",
      "start-dataplane",
      "configure-ports",
      "fill-dataplane",
      "configure-routes",
      "open-ports",
    ];
    expect(kinds(port("pcap-live"), port("packet-ring"))).toEqual(afterwards);
    expect(kinds(port("packet-ring"), port("pcap-live"))).toEqual(afterwards);
    expect(kinds(port("packet-ring"), port("packet-ring", ", workers: 2"))).toEqual(BESIDE);
  });

  it("touches nothing before it has the data plane that takes another's place", () => {
    expect(kinds(config(), config("workers: 2\njournal: {file: a}"))).toEqual([
      "start-dataplane",
      "configure-journal",
      ...BESIDE.slice(1),
    ]);
  });

  it("makes a new speaker when what it says of itself changed", () => {
    const other = readConfig("{ports: [{interface: eth0}], bgp: {asn: 64999, routerId: 10.0.0.1}}") as { config: Config };
    expect(kinds(withNeighbors("{address: 10.0.0.11, remoteAsn: 1}"), other.config)).toEqual([
      "stop-speaker",
      "configure-routes",
      "start-speaker",
    ]);
  });
});
