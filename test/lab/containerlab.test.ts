/**
 * Labs as containerlab files, held against containerlab's own rules: those of its schema that concern what we write, in our
 * words (schemas/clab.schema.json: which keys a file, a topology, a node and a link may have, and of what form).
 */
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { labNames, loadLab } from "#src/lab/catalog.ts";
import { renderContainerlab } from "#src/lab/containerlab.ts";
import { hasServers } from "#src/lab/lab.ts";

const uniqueStrings = z
  .array(z.string())
  .min(1)
  .refine((list) => new Set(list).size === list.length, "each once");
const node = z.strictObject({
  kind: z.enum(["linux", "bridge", "ovs-bridge", "host"]).optional(),
  image: z.string().optional(),
  entrypoint: z.string().optional(),
  cmd: z.string().optional(),
  "network-mode": z.union([z.literal(["host", "none"]), z.string().regex(/^container:\S+$/)]).optional(),
  exec: z.array(z.string()).min(1).optional(),
  binds: uniqueStrings.optional(),
});
const clab = z.strictObject({
  name: z.string().min(1),
  topology: z.strictObject({
    kinds: z.record(z.string(), node).optional(),
    defaults: node.optional(),
    nodes: z.record(z.string(), node),
    links: z.array(
      z.strictObject({
        endpoints: z
          .array(z.string().regex(/^\S+:\S+$/))
          .length(2)
          .refine(([a, b]) => a !== b, "two ends"),
      }),
    ),
  }),
});

/** An interface's name is at most 15 bytes (IFNAMSIZ less the zero). */
const LONGEST_INTERFACE = 15;

describe.each(labNames().filter((name) => loadLab(name).furtherRouters.length === 0 && !hasServers(loadLab(name))))(
  "the lab %s as a containerlab file",
  (name) => {
    const lab = loadLab(name);
    const text = renderContainerlab(lab);

    it("keeps containerlab's rules", () => expect(clab.safeParse(parse(text)).error).toBeUndefined());

    it("links nodes that there are, each interface once", () => {
      const { topology } = clab.parse(parse(text));
      const ends = topology.links.flatMap(({ endpoints }) => endpoints);
      expect(new Set(ends).size).toBe(ends.length);
      for (const end of ends) {
        const [machine, link] = end.split(":");
        expect(Object.keys(topology.nodes)).toContain(machine);
        expect(link.length).toBeLessThanOrEqual(LONGEST_INTERFACE);
      }
    });

    it("has every machine play its part, and every address of the lab in its place", () => {
      const { nodes } = clab.parse(parse(text)).topology;
      const playing = Object.entries(nodes).flatMap(([machine, { exec }]) =>
        exec?.at(-1)?.includes(`ecmp lab play ${name} ${machine} `) ? [machine] : [],
      );
      const pods = lab.nodes.flatMap((each) => each.pods.map((pod) => pod.name));
      expect(playing.sort()).toEqual([lab.router.name, ...lab.hosts, ...lab.nodes.map((each) => each.name), ...pods].sort());
      for (const { name: machine, pods } of lab.nodes) {
        expect(nodes[machine].exec).toContain("sysctl -q -w net.ipv4.ip_forward=1");
        for (const pod of pods) expect(nodes[pod.name].exec?.join("\n")).toContain(" dev eth0");
      }
    });
  },
);

describe("the check itself", () => {
  it.each([
    ["a key that containerlab has not", "nodes:\n", "knots: {}\n  nodes:\n"],
    ["a network mode that it has not", "network-mode: none", "network-mode: bridge0"],
    ["an endpoint without an interface", "client:eth0", "client"],
  ])("finds %s", (_, good, bad) => {
    const text = renderContainerlab(loadLab("metallb-bgp"));
    expect(text).toContain(good);
    expect(clab.safeParse(parse(text.replace(good, bad))).success).toBe(false);
  });
});
