/**
 * The shape of a lab file, a row each key: `lab-file.ts` reads with it, and `lab/schema.json` is the same as JSON Schema, for
 * editors (`ecmp lab schema` prints it). What refers to what is checked by the reader; an editor cannot know it.
 */
import { z } from "zod";
import { type Ipv4Address, parseIpv4 } from "../net/address.ts";
import { type Prefix, parseInterfaceAddress, parsePrefix } from "../net/prefix.ts";
import { LARGEST_TABLE } from "./full-table.ts";
import { FAULT_KINDS, SPEAKER_KINDS } from "./lab.ts";

const ipv4 = z
  .string()
  .meta({ examples: ["198.51.100.10"] })
  .transform((text, context): Ipv4Address => {
    const address = parseIpv4(text);
    if (address === undefined) context.addIssue({ code: "custom", message: "an IPv4 address, like 10.0.0.1" });
    return address ?? 0;
  });
const interfaceAddress = z
  .string()
  .meta({ examples: ["10.0.0.1/24"] })
  .transform((text, context): Prefix => {
    const address = parseInterfaceAddress(text);
    if (typeof address?.address !== "number")
      context.addIssue({ code: "custom", message: "an IPv4 address with its length, like 10.0.0.1/24" });
    return address ?? { address: 0, length: 0 };
  });
const subnet = z
  .string()
  .meta({ examples: ["10.244.1.0/24"] })
  .transform((text, context): Prefix => {
    const prefix = parsePrefix(text);
    if (typeof prefix?.address !== "number" || prefix.length > 28) {
      context.addIssue({ code: "custom", message: "an IPv4 subnet of /28 or larger without host bits, like 10.244.1.0/24" });
    }
    return prefix ?? { address: 0, length: 0 };
  });

const nodeName = z.string().regex(/^[a-z][a-z0-9]{0,8}$/, "a name of 1 to 9 lower-case letters and digits");
const asn = z.int().min(1).max(0xffffffff);
const port = z.int().min(1).max(65535);
const podPlan = z
  .strictObject({ subnet, count: z.int().min(1).max(9) })
  .describe("the node's pods: its first host is their gateway, the next ones are theirs");

const node = z.discriminatedUnion(
  "kind",
  [
    z.strictObject({ kind: z.literal("linux") }).describe("a host"),
    z.strictObject({ kind: z.literal("bridge") }).describe("a shared segment"),
    z
      .strictObject({
        kind: z.literal("ecmp-router"),
        asn,
        holdTimeSeconds: z.int().min(3).max(65535).default(90),
        maximumPaths: z.int().min(1).max(256).default(16),
      })
      .describe("our router; a lab has one"),
    z
      .strictObject({
        kind: z.enum(SPEAKER_KINDS),
        asn,
        pods: podPlan,
        tableSize: z
          .int()
          .min(0)
          .max(LARGEST_TABLE)
          .default(0)
          .describe("so many more prefixes it announces, as a transit would: 16.0.0.0/24 and those after it; bird only"),
      })
      .describe("a node of the cluster, by its speaker: it announces, forwards and masquerades"),
  ],
  { error: "one of linux, bridge, ecmp-router, frr, bird, gobgp, exabgp" },
);

const endpoint = z.string().regex(/^[a-z][a-z0-9]{0,8}:[a-z][a-z0-9-]{0,14}$/, "node:interface, like n1:eth0");

const service = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]*$/, "a name of lower-case letters, digits and dashes"),
  address: ipv4,
  port,
  targetPort: port,
  externalTrafficPolicy: z
    .enum(["Cluster", "Local"])
    .describe("Local: only nodes with a pod of it announce it, and pods see the client"),
  linkBandwidth: z
    .enum(["by-pods"])
    .optional()
    .describe("nodes announce it with a link bandwidth community, in proportion to their pods of it"),
  podsOn: z.array(nodeName).min(1).optional().describe("the nodes that run its pods; all of them when absent"),
});

const experiment = z.strictObject({
  hash: z.strictObject({ algorithm: z.string(), fields: z.string(), seed: z.int().min(0).max(0xffffffff) }),
  selectors: z
    .array(z.strictObject({ name: z.string(), buckets: z.int().min(1).optional() }))
    .min(1)
    .describe("one run for each"),
  event: z.strictObject({ kind: z.enum(FAULT_KINDS), node: nodeName }).describe("what befalls a node's speaker"),
});

export const labSchema = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]*$/, "a name of lower-case letters, digits and dashes"),
  description: z.string(),
  topology: z.strictObject({
    nodes: z.record(nodeName, node),
    links: z.array(
      z.strictObject({ endpoints: z.tuple([endpoint, endpoint]), ipv4: z.array(interfaceAddress).max(2).default([]) }),
    ),
  }),
  services: z.array(service).min(1),
  clients: z
    .array(z.strictObject({ node: nodeName, service: z.string(), connections: z.int().min(1).max(20000), firstSourcePort: port }))
    .min(1),
  experiment,
});

export type LabFile = z.infer<typeof labSchema>;
export type PodPlan = z.infer<typeof podPlan>;

/** As an editor wants it: what may be written, not what is made of it. */
export const renderJsonSchema = (): string =>
  `${JSON.stringify({ title: "A lab of ecmp-router", ...z.toJSONSchema(labSchema, { io: "input" }) }, null, 2)}\n`;
