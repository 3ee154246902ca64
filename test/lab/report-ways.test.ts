/** What a flow has surely passed, and the ways that the report draws of it: of ready labs, and of what nobody saw. */
import { describe, expect, it } from "vitest";
import { loadLab } from "#src/lab/catalog.ts";
import type { Lab } from "#src/lab/lab.ts";
import { passageOf } from "#src/lab/page/passage.ts";
import { waysOf } from "#src/lab/page/ways.ts";
import { makeLabResult } from "./lab-result.ts";

const TOR_PAIR = loadLab("metallb-l3-tor-pair");

describe("the passage to a node", () => {
  it.each([
    ["metallb-bgp", ["client", "router"], []],
    ["behind-nat", ["client", "nat", "router"], []],
    ["anycast-pmtu", ["client", "edge", "border", "router"], []],
    // Its client has a server of names, too: no way to the router.
    ["mitigations", ["client", "router"], []],
    ["metallb-l3-tor-pair", ["client", "spine"], ["tor1"]],
  ])("of %s is %j, and %j behind", (name, front, behind) => {
    const passage = passageOf(loadLab(name));
    expect([passage.front, passage.behind("n1")]).toEqual([front, behind]);
  });

  it("is by the router of the node's own rack", () => {
    const { behind } = passageOf(TOR_PAIR);
    expect(["n1", "n2", "n3", "n4"].map((node) => behind(node).join())).toEqual(["tor1", "tor1", "tor2", "tor2"]);
  });

  it("is by no router that there is another beside, and of no node by none", () => {
    const nodes = TOR_PAIR.nodes.map((node) => (node.name === "n1" ? { ...node, routers: ["tor1", "tor2"] } : node));
    const { behind } = passageOf({ ...TOR_PAIR, nodes });
    expect([behind("n1"), behind("n2"), behind(undefined)]).toEqual([[undefined], ["tor1"], [undefined]]);
  });

  it("has no host that there is another beside", () => {
    const [[client, nat], second] = loadLab("behind-nat").links;
    const other = [
      [client, { ...nat, node: "other" }],
      [{ ...second[0], node: "other" }, second[1]],
    ] as const;
    const lab = loadLab("behind-nat");
    const both: Lab = { ...lab, hosts: [...lab.hosts, "other"], links: [...lab.links, ...other] };
    expect(passageOf(both).front).toEqual(["client", "router"]);
  });
});

describe("a connection's way", () => {
  const { lab, runs } = makeLabResult(false, "metallb-l3-tor-pair");
  const [{ services }] = runs;
  const [{ connections }] = services;
  const titled = (title: string, some = connections) => waysOf(lab, some).find((each) => each.title === title)?.ways ?? [];

  it("has the router of either tier, as the forecast has, and ends in front of them when it broke", () => {
    const before = titled("Connections before");
    expect(before).toHaveLength(400);
    const rack = (node = "") => (node < "n3" ? "tor1" : "tor2");
    for (const [client, spine, tor, node] of before) expect([client, spine, tor]).toEqual(["client", "spine", rack(node)]);
    expect(new Set(before.map(([, , tor]) => tor))).toEqual(new Set(["tor1", "tor2"]));
    const after = titled("Connections after");
    const cut = after.filter(([, , , node]) => node === "broken");
    expect(cut).toHaveLength(services[0].judgment.broken.observed);
    for (const way of cut) expect(way).toEqual(["client", "spine", undefined, "broken", "for good"]);
  });

  it("has no node, and no router of the second tier, where no pod told it; and there is none where it never opened", () => {
    const [first, second] = connections;
    const unseen = { ...first, node: undefined, record: { ...first.record, pod: undefined } };
    const unopened = { ...second, record: { ...second.record, opened: false } };
    const some = [unseen, unopened] as unknown as typeof connections;
    expect(titled("Connections before", some)).toEqual([["client", "spine", undefined, undefined, undefined]]);
  });
});
