/**
 * The shape of a lab file, a row each key: `lab-file.ts` reads with it, and `lab/schema.json` is the same as JSON Schema, for
 * editors (`ecmp lab schema` prints it). What refers to what is checked by the reader; an editor cannot know it.
 */
import { z } from "zod";
import { hashSchema, selectorSchema } from "../config/ecmp-schema.ts";
import { address, parsed, prefix, whole } from "../config/scalar.ts";
import { type AddressFamily, addressFamily } from "../net/address.ts";
import { type Prefix, parseInterfaceAddress, parsePrefix } from "../net/prefix.ts";
import { EVENTS } from "./fault.ts";
import { LARGEST_TABLE } from "./full-table.ts";
import { renderJsonSchema, takes } from "./json-schema.ts";
import { SERVICE_PROTOCOLS, SPEAKER_KINDS } from "./lab.ts";

/** An interface's or a network's address of one family. */
const ofFamily = (parse: (text: string) => Prefix | undefined, family: AddressFamily, longest: number, wanted: string) =>
  parsed<Prefix>((text) => {
    const prefix = parse(text);
    return prefix && addressFamily(prefix.address) === family && prefix.length <= longest ? prefix : undefined;
  }, wanted);

const ipv4 = ofFamily(parseInterfaceAddress, "ipv4", 32, "an IPv4 address with its length, like 10.0.0.1/24");
const ipv6 = ofFamily(parseInterfaceAddress, "ipv6", 128, "an IPv6 address with its length, like 2001:db8::1/64");
const subnet = ofFamily(parsePrefix, "ipv4", 28, "an IPv4 subnet of /28 or larger without host bits, like 10.244.1.0/24");
const subnet6 = ofFamily(parsePrefix, "ipv6", 64, "an IPv6 subnet of /64 or larger without host bits, like 2001:db8:1::/64");

const NODE_KINDS = ["linux", "bridge", "ecmp-router", ...SPEAKER_KINDS];
const name = z
  .string({ error: "wanted a name" })
  .regex(/^[a-z][a-z0-9-]*$/, { error: "wanted a name of lower-case letters, digits and dashes" });
const NODE_NAME_ERROR = "wanted a name of 1 to 9 lower-case letters and digits, a letter first";
const nodeName = z.string({ error: "wanted a node's name" }).regex(/^[a-z][a-z0-9]{0,8}$/, { error: NODE_NAME_ERROR });
const nodeNames = z.array(nodeName, { error: "wanted a list of nodes" }).min(1, { error: "wanted a node at least" });
const asn = whole(1, 0xffffffff);
const port = whole(1, 65535);
const podPlan = z
  .strictObject({ subnet, subnet6: subnet6.optional(), count: whole(1, 9) })
  .describe("the node's pods: its first host is their gateway, the next ones are theirs");

const node = z.discriminatedUnion(
  "kind",
  [
    z
      .strictObject({
        kind: z.literal("linux"),
        exec: z
          .array(z.string({ error: "wanted a command" }), { error: "wanted a list of commands" })
          .default([])
          .describe("what it runs once its links are in place"),
        sysctls: z
          .record(z.string().regex(/^net\.[a-z0-9_.-]+$/i), whole(0, 0x7fffffff), {
            error: "wanted settings of the network, like {net.ipv4.ip_forward: 1}",
          })
          .default({})
          .describe("what it tells its kernel"),
        masquerade: z
          .string({ error: "wanted one of its interfaces" })
          .optional()
          .describe("the interface by which it masquerades what it passes on: a NAT in front of the clients"),
      })
      .describe("a host, or whatever its commands make of it"),
    z.strictObject({ kind: z.literal("bridge") }).describe("a shared segment"),
    z
      .strictObject({
        kind: z.literal("ecmp-router"),
        asn,
        holdTimeSeconds: whole(3, 65535).default(90),
        maximumPaths: whole(1, 256).default(16),
        routes: z
          .array(z.strictObject({ prefix, via: address }), { error: "wanted a list of routes, {prefix, via} each" })
          .default([])
          .describe("the way to what is not attached to it"),
      })
      .describe("our router; the clients enter by the first one, others are behind it"),
    z
      .strictObject({
        kind: z.enum(SPEAKER_KINDS, { error: `wanted one of ${SPEAKER_KINDS.join(", ")}` }),
        asn,
        pods: podPlan,
        routers: nodeNames.optional().describe("those it speaks with; all on its network when absent"),
        tableSize: whole(0, LARGEST_TABLE)
          .default(0)
          .describe("so many more prefixes it announces, as a transit would: 16.0.0.0/24 and those after it; bird only"),
      })
      .describe("a node of the cluster, by its speaker: it announces, forwards and masquerades"),
  ],
  { error: `wanted one of ${NODE_KINDS.join(", ")}` },
);

const ENDPOINT_ERROR = "wanted node:interface, like n1:eth0";
const endpoint = z
  .string({ error: ENDPOINT_ERROR })
  .regex(/^[a-z][a-z0-9]{0,8}:[a-z][a-z0-9-]{0,14}$/, { error: ENDPOINT_ERROR });

const service = z.strictObject({
  name,
  address,
  port,
  targetPort: port,
  protocols: z
    .array(z.enum(SERVICE_PROTOCOLS, { error: `wanted ${SERVICE_PROTOCOLS.join(" or ")}` }), {
      error: "wanted a list of protocols",
    })
    .min(1, { error: "wanted a protocol at least" })
    .default(["tcp"]),
  externalTrafficPolicy: z
    .enum(["Cluster", "Local"], { error: "wanted Cluster or Local" })
    .describe("Local: only nodes with a pod of it announce it, and pods see the client"),
  appProtocol: z
    .enum(["http"], { error: "wanted http" })
    .optional()
    .describe("what its pods speak over TCP: HTTP/1.1; when absent, an echo behind a line that says who they are"),
  linkBandwidth: z
    .enum(["by-pods"], { error: "wanted by-pods" })
    .optional()
    .describe("nodes announce it with a link bandwidth community, in proportion to their pods of it"),
  podsOn: nodeNames.optional().describe("the nodes that run its pods; all of them when absent"),
  ingressTo: name.optional().describe("a HAProxy on each of its nodes, before the pods of that service"),
});

const DOTTED_ERROR = "wanted a name with a dot, like www.example.test";
const labName = z.strictObject({
  name: z.string({ error: DOTTED_ERROR }).regex(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/, { error: DOTTED_ERROR }),
  server: nodeName.describe("the host that answers for it, by dnsmasq"),
  ttlSeconds: whole(0, 86_400).default(1),
  service: name.describe("whose address it has"),
});

const word = z.string({ error: "wanted a name" });
/** One that the reader looks up, and an editor has the list of. */
const wordOf = (names: z.ZodType) => takes(z.string({ error: "wanted a name" }), names);
const { algorithm, fields } = hashSchema.shape;
const experiment = z.strictObject({
  hash: z.strictObject({
    algorithm: wordOf(algorithm.unwrap()),
    fields: wordOf(fields.in.unwrap()),
    seed: whole(0, 0xffffffff),
  }),
  selectors: z
    .array(z.strictObject({ name: wordOf(selectorSchema.shape.name.unwrap()), buckets: whole(1, 0xffffffff).optional() }), {
      error: "wanted a list of selectors",
    })
    .min(1, { error: "wanted a selector at least" })
    .describe("one run for each"),
  event: z
    .strictObject({
      kind: z.enum(EVENTS, { error: `wanted a fault that takes the node's routes away: ${EVENTS.join(", ")}` }),
      node: nodeName,
    })
    .describe("what befalls a node that announces a service"),
});

const ADDRESSES_ERROR = "wanted a list of two addresses at most, in the order of the endpoints";
const addressesOf = (one: typeof ipv4) => z.array(one, { error: ADDRESSES_ERROR }).max(2, { error: ADDRESSES_ERROR });

export const labSchema = z.strictObject({
  name,
  description: z.string({ error: "wanted a description" }),
  topology: z.strictObject({
    nodes: z.record(nodeName, node, {
      error: ({ code }) => (code === "invalid_key" ? NODE_NAME_ERROR : "wanted a node each: {NAME: {kind, ...}}"),
    }),
    links: z.array(
      z.strictObject({
        endpoints: z.tuple([endpoint, endpoint], { error: "wanted two ends: [node:interface, node:interface]" }),
        ipv4: addressesOf(ipv4).default([]),
        ipv6: addressesOf(ipv6).default([]).describe("beside ipv4, never alone: sessions run over IPv4"),
        mtu: whole(1280, 9000).optional(),
      }),
      { error: "wanted a list of links" },
    ),
  }),
  services: z.array(service, { error: "wanted a list of services" }).min(1, { error: "wanted a service at least" }),
  names: z
    .array(labName, { error: "wanted a list of names" })
    .default([])
    .describe("what clients may ask for instead of an address"),
  clients: z
    .array(z.strictObject({ node: nodeName, service: word, connections: whole(1, 20_000), firstSourcePort: port }), {
      error: "wanted a list of clients",
    })
    .min(1, { error: "wanted a client at least" }),
  experiment,
});

export type LabFile = z.infer<typeof labSchema>;
export type PodPlan = z.infer<typeof podPlan>;

export const renderLabSchema = (): string => renderJsonSchema("A lab of ecmp-router", labSchema);
