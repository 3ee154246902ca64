/** The Mermaid drawing of a lab, golden (`vitest -u` writes it anew). */
import { expect, it } from "vitest";
import { loadLab } from "#src/lab/catalog.ts";
import { renderMermaid } from "#src/lab/graph.ts";

const lab = loadLab("metallb-bgp");

it("draws every machine and every link of the lab", async () => {
  const text = renderMermaid(lab);
  await expect(text).toMatchFileSnapshot(`${import.meta.dirname}/expected/graph.mmd`);
  const pods = lab.nodes.flatMap((node) => node.pods);
  expect(text.match(/ ---/g)).toHaveLength(lab.links.length + pods.length);
  for (const { name } of [lab.router, ...lab.nodes, ...pods]) expect(text).toMatch(new RegExp(`^ {2}${name}[[(]`, "m"));
});
