/**
 * The shape of a lab file, a row each key: `lab-file.ts` reads with it, and `lab/schema.json` is the same as JSON Schema, for
 * editors (`ecmp lab schema` prints it). What refers to what is checked by the reader; an editor cannot know it.
 */
import { z } from "zod";
import { parsed, whole } from "../config/scalar.ts";
import { type Ipv4Address, isIpv4, parseIpv4 } from "../net/address.ts";
import { type Prefix, parseInterfaceAddress, parsePrefix } from "../net/prefix.ts";
import { LARGEST_TABLE } from "./full-table.ts";
import { FAULT_KINDS, SPEAKER_KINDS } from "./lab.ts";

const ipv4 = parsed<Ipv4Address>(parseIpv4, "an IPv4 address, like 198.51.100.10");
const interfaceAddress = parsed<Prefix>(
  (text) => ofIpv4(parseInterfaceAddress(text)),
  "an IPv4 address with its length, like 10.0.0.1/24",
);
const subnet = parsed<Prefix>((text) => {
  const prefix = ofIpv4(parsePrefix(text));
  return prefix && prefix.length <= 28 ? prefix : undefined;
}, "an IPv4 subnet of /28 or larger without host bits, like 10.244.1.0/24");

const ofIpv4 = (prefix: Prefix | undefined): Prefix | undefined => (prefix && isIpv4(prefix.address) ? prefix : undefined);

const NODE_KINDS = ["linux", "bridge", "ecmp-router", ...SPEAKER_KINDS];
const name = z
  .string({ error: "wanted a name" })
  .regex(/^[a-z][a-z0-9-]*$/, { error: "wanted a name of lower-case letters, digits and dashes" });
const nodeName = z
  .string({ error: "wanted a node's name" })
  .regex(/^[a-z][a-z0-9]{0,8}$/, { error: "wanted a name of 1 to 9 lower-case letters and digits" });
const asn = whole(1, 0xffffffff);
const port = whole(1, 65535);
const podPlan = z
  .strictObject({ subnet, count: whole(1, 9) })
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
        holdTimeSeconds: whole(3, 65535).default(90),
        maximumPaths: whole(1, 256).default(16),
      })
      .describe("our router; a lab has one"),
    z
      .strictObject({
        kind: z.enum(SPEAKER_KINDS),
        asn,
        pods: podPlan,
        tableSize: whole(0, LARGEST_TABLE)
          .default(0)
          .describe("so many more prefixes it announces, as a transit would: 16.0.0.0/24 and those after it; bird only"),
      })
      .describe("a node of the cluster, by its speaker: it announces, forwards and masquerades"),
  ],
  { error: `wanted one of ${NODE_KINDS.join(", ")}` },
);

const endpoint = z.string().regex(/^[a-z][a-z0-9]{0,8}:[a-z][a-z0-9-]{0,14}$/, { error: "wanted node:interface, like n1:eth0" });

const service = z.strictObject({
  name,
  address: ipv4,
  port,
  targetPort: port,
  externalTrafficPolicy: z
    .enum(["Cluster", "Local"], { error: "wanted Cluster or Local" })
    .describe("Local: only nodes with a pod of it announce it, and pods see the client"),
  linkBandwidth: z
    .enum(["by-pods"], { error: "wanted by-pods" })
    .optional()
    .describe("nodes announce it with a link bandwidth community, in proportion to their pods of it"),
  podsOn: z.array(nodeName).min(1).optional().describe("the nodes that run its pods; all of them when absent"),
});

const experiment = z.strictObject({
  hash: z.strictObject({ algorithm: z.string(), fields: z.string(), seed: whole(0, 0xffffffff) }),
  selectors: z
    .array(z.strictObject({ name: z.string(), buckets: whole(1, 0xffffffff).optional() }))
    .min(1)
    .describe("one run for each"),
  event: z
    .strictObject({ kind: z.enum(FAULT_KINDS, { error: `wanted one of ${FAULT_KINDS.join(", ")}` }), node: nodeName })
    .describe("what befalls a node's speaker"),
});

export const labSchema = z.strictObject({
  name,
  description: z.string({ error: "wanted a description" }),
  topology: z.strictObject({
    nodes: z.record(nodeName, node),
    links: z.array(
      z.strictObject({ endpoints: z.tuple([endpoint, endpoint]), ipv4: z.array(interfaceAddress).max(2).default([]) }),
    ),
  }),
  services: z.array(service).min(1),
  clients: z
    .array(z.strictObject({ node: nodeName, service: z.string(), connections: whole(1, 20_000), firstSourcePort: port }))
    .min(1),
  experiment,
});

export type LabFile = z.infer<typeof labSchema>;
export type PodPlan = z.infer<typeof podPlan>;

/** As an editor wants it: what may be written, not what is made of it. */
export const renderJsonSchema = (): string =>
  `${JSON.stringify({ title: "A lab of ecmp-router", ...z.toJSONSchema(labSchema, { io: "input" }) }, null, 2)}\n`;
