/**
 * Labs as containerlab files, held against containerlab's own schema where CONTAINERLAB_SCHEMA names it (schemas/clab.schema.json
 * of srl-labs/containerlab; it is in no package), and always against our words for what it says of the keys that we write.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { labNames, loadLab } from "#src/lab/catalog.ts";
import { renderContainerlab } from "#src/lab/containerlab.ts";
import { routersOf } from "#src/lab/lab.ts";
import { checkBySchema } from "../common/json-schema.ts";

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
  env: z.record(z.string(), z.string()).optional(),
  sysctls: z.record(z.string(), z.number()).optional(),
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
        mtu: z.int().min(1).max(65535).optional(),
      }),
    ),
  }),
});

/** An interface's name is at most 15 bytes (IFNAMSIZ less the zero). */
const LONGEST_INTERFACE = 15;

describe.each(labNames())("the lab %s as a containerlab file", (name) => {
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
    expect(playing.sort()).toEqual(
      [...routersOf(lab).map((router) => router.name), ...lab.hosts, ...lab.nodes.map((each) => each.name), ...pods].sort(),
    );
    for (const { name: machine, pods } of lab.nodes) {
      expect(nodes[machine].sysctls).toMatchObject({ "net.ipv4.ip_forward": 1 });
      for (const pod of pods) expect(nodes[pod.name].exec?.join("\n")).toContain(" dev eth0");
    }
  });
});

/** Of the last one, its schema says what is wrong in a word that its own draft has not (`prefixItems`). */
const MISTAKES = [
  ["a key that containerlab has not", "nodes:\n", "knots: {}\n  nodes:\n", true],
  ["a network mode that it has not", "network-mode: none", "network-mode: bridge0", true],
  ["a list of settings in the place of names", "sysctls:\n", "sysctls: []\n      labels:\n", true],
  ["an endpoint without an interface", "client:eth0", "client", false],
] as const;

describe("the check itself", () => {
  it.each(MISTAKES)("finds %s", (_, good, bad) => {
    const text = renderContainerlab(loadLab("metallb-bgp"));
    expect(text).toContain(good);
    expect(clab.safeParse(parse(text.replace(good, bad))).success).toBe(false);
  });
});

const schemaFile = process.env.CONTAINERLAB_SCHEMA;

describe.skipIf(schemaFile === undefined)("containerlab's own schema (needs CONTAINERLAB_SCHEMA, its file)", () => {
  it("takes every lab, and finds what is wrong", () => {
    const check = checkBySchema(readFileSync(schemaFile ?? "", "utf8"));
    for (const name of labNames()) expect(check(parse(renderContainerlab(loadLab(name)))), name).toEqual([]);
    const text = renderContainerlab(loadLab("metallb-bgp"));
    const found = MISTAKES.map(([, good, bad]) => check(parse(text.replace(good, bad))).length > 0);
    expect(found).toEqual(MISTAKES.map(([, , , isTheirs]) => isTheirs));
  });
});
