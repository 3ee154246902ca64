/**
 * The configuration file's shape: one row a field, with its bounds and its default. Field names follow OpenConfig where it
 * has the thing. Addresses and prefixes become values here; whatever is unknown is a mistake, never ignored.
 */

import { z } from "zod";
import { isByFlow } from "../ecmp/by-flow.ts";
import { type Address, isIpv4, linkOfRouter, parseIpv4, routerOn, zoneOf } from "../net/address.ts";
import { formatPrefix, type Prefix } from "../net/prefix.ts";
import { bfdProfilesSchema, bfdSchema } from "./bfd-schema.ts";
import { neighborPolicy, prefixLists } from "./bgp-policy-schema.ts";
import { type ContradictorySettings, findContradictions } from "./contradictions.ts";
import { ecmpSchema } from "./ecmp-schema.ts";
import { findOwn } from "./own-addresses.ts";
import { isPassword, LONGEST_PASSWORD_BYTES } from "./password.ts";
import { interfaceName, portSchema } from "./port-schema.ts";
import { refuseTwice } from "./refuse-twice.ts";
import { isWholeRoute, routesSchema } from "./route-schema.ts";
import { address, host, parsed, prefix, whole } from "./scalar.ts";
import { findUnserved, MOST_PATHS } from "./served.ts";
import { findClashes, type PortPlace, portName } from "./shared-interface.ts";
import { findUnsigned } from "./signed-ranges.ts";

/** RFC 6286: any number but zero, written as an address. */
const routerId = parsed<number>(
  (text) => parseIpv4(text) || undefined,
  'a router id, an IPv4 address but 0.0.0.0, such as "10.0.0.1"',
);
/** Nobody's: 0 (RFC 7607), AS_TRANS (RFC 6793), and the last of either size (RFC 7300). */
const NOBODYS_ASNS: readonly number[] = [0, 23456, 65535, 4294967295];
const ASN_WANTED = "an AS number from 1 to 4294967294, but 23456 and 65535";
const asn = z
  .number({ error: `wanted ${ASN_WANTED}` })
  .refine((number) => Number.isInteger(number) && number > 0 && number < 2 ** 32 && !NOBODYS_ASNS.includes(number), {
    error: `wanted ${ASN_WANTED}`,
  });
/** What is shown and said as it stands: a terminal must not take it for a command. */
const isPlainText = (text: string): boolean => !/\p{Cc}/u.test(text);
/** RFC 4271 4.2: zero, or at least three seconds. */
const holdTimeSeconds = whole(0, 65535).refine((seconds) => seconds === 0 || seconds >= 3, {
  error: "wanted 0 (no keepalives) or a whole number from 3 to 65535",
});

/** What a neighbor and a range of neighbors have in common. */
const sessionFields = {
  /** Or only whether it is ours. */
  remoteAsn: z.union([asn, z.enum(["external", "internal"])], { error: `wanted external, internal, or ${ASN_WANTED}` }),
  description: z.string().refine(isPlainText, { error: "wanted words without control characters" }).optional(),
  /** TCP-MD5; a file's first line is read when the router starts and when it reads its configuration again. */
  password: z
    .string({ error: "wanted a password" })
    .refine(isPassword, { error: `wanted 1 to ${LONGEST_PASSWORD_BYTES} bytes` })
    .optional(),
  passwordFile: z.string().min(1, { error: "wanted the name of a file" }).optional(),
  ttlSecurity: z.strictObject({ hops: whole(1, 254).default(1) }).optional(),
  ebgpMultihop: whole(1, 255).optional(),
  bfd: bfdSchema.optional(),
  holdTimeSeconds: holdTimeSeconds.optional(),
  connectRetrySeconds: whole(1, 65535).optional(),
  families: z
    .array(z.enum(["ipv4-unicast", "ipv6-unicast"], { error: "wanted ipv4-unicast or ipv6-unicast" }))
    .min(1, { error: "wanted at least one family" })
    .superRefine(refuseTwice((family) => family, "family"))
    .optional(),
  ipv6NextHop: z.enum(["global", "link-local"], { error: "wanted global or link-local" }).optional(),
  extendedNextHop: z.boolean({ error: "wanted true or false" }).optional(),
  addPath: z.enum(["receive", "off"], { error: "wanted receive or off" }).optional(),
  localAsn: asn.optional(),
  gracefulRestart: z.enum(["helper", "off"], { error: "wanted helper or off" }).optional(),
  restartTimeSeconds: whole(1, 4095).optional(),
  stalePathsSeconds: whole(1, 3600).optional(),
  role: z
    .enum(["provider", "rs-server", "rs-client", "customer", "peer"], {
      error: "wanted our role: provider, rs-server, rs-client, customer or peer",
    })
    .optional(),
  ...neighborPolicy,
};

function refuseContradictions<One extends ContradictorySettings>(settings: One, context: z.core.$RefinementCtx<One>): void {
  for (const { name, wanted } of findContradictions(settings))
    context.addIssue({ code: "custom", path: [name], message: `wanted ${wanted}` });
}

const SHUTDOWN_WANTED = "wanted true, false, or the words to tell the neighbor, at most 255 bytes and no control characters";
const isShutdownText = (text: string): boolean => Buffer.byteLength(text) <= 255 && isPlainText(text);

const neighborFields = z.strictObject({
  address: host.optional(),
  /** Whichever router is at the other end of it. */
  interface: interfaceName.optional(),
  ...sessionFields,
  port: whole(1, 65535).optional(),
  passive: z.boolean({ error: "wanted true or false" }).default(false),
  localAddress: host.optional(),
  shutdown: z
    .union([z.boolean(), z.string().refine(isShutdownText, { error: SHUTDOWN_WANTED })], { error: SHUTDOWN_WANTED })
    .optional(),
});

/** What is kept by the neighbor's own address, in the kernel or in BFD's sockets. */
const NEEDS_ADDRESS = ["password", "passwordFile", "ttlSecurity", "ebgpMultihop", "bfd"] as const;

function refuseMisplaced(neighbor: z.output<typeof neighborFields>, context: z.core.$RefinementCtx<unknown>): void {
  const refuse = (path: string[], message: string) => context.addIssue({ code: "custom", path, message });
  const { interface: link, address, localAddress } = neighbor;
  if ((link === undefined) === (address === undefined))
    refuse(
      link === undefined ? [] : ["interface"],
      "wanted a neighbor's address, or the interface at whose other end it is (interface)",
    );
  for (const name of link === undefined ? [] : NEEDS_ADDRESS)
    if (neighbor[name] !== undefined) refuse([name], "wanted a neighbor by its address; this one is known by its interface only");
  if (localAddress === undefined || address === undefined) return;
  if (isIpv4(address) !== isIpv4(localAddress)) refuse(["localAddress"], "wanted an address of the neighbor's own family");
  if (localAddress === address) refuse(["localAddress"], "wanted an address of ours; this is the neighbor's");
}

/** From here on a neighbor by interface has an address too, which means whoever is there. */
const neighborSchema = neighborFields
  .superRefine(refuseContradictions)
  .superRefine(refuseMisplaced)
  .transform(({ interface: link, ...neighbor }) => ({
    ...neighbor,
    address: link === undefined ? (neighbor.address as Address) : routerOn(link),
  }));

/** Not of groups (224.0.0.0/4, ff00::/8), nor reserved (240.0.0.0/4). */
function isUnicastPrefix({ address, length }: Prefix): boolean {
  return length === 0 || (typeof address === "number" ? address < 0xe0000000 : !address.startsWith("ff"));
}
const unicastPrefix = prefix.refine(isUnicastPrefix, { error: "wanted a prefix of unicast addresses" });

/** Whoever connects from inside the prefix is a neighbor. */
const dynamicNeighborSchema = z
  .strictObject({ prefix: unicastPrefix, limit: whole(1, 4096).default(100), ...sessionFields })
  .superRefine(refuseContradictions);

const bgpFields = z.strictObject({
  asn,
  routerId,
  /** Without an address: at all of ours, of both families. */
  listen: z.strictObject({ address: address.optional(), port: whole(1, 65535).default(179) }).prefault({}),
  holdTimeSeconds: holdTimeSeconds.default(90),
  connectRetrySeconds: whole(1, 65535).default(5),
  maximumPaths: whole(1, MOST_PATHS).default(64),
  /** Where the best path is internal; undefined: the same. */
  maximumPathsIbgp: whole(1, MOST_PATHS).optional(),
  multipathRelax: z.boolean({ error: "wanted true or false" }).default(false),
  linkBandwidth: z
    .enum(["all-or-none", "ignore", "skip-missing", "default-weight-for-missing"], {
      error: "wanted all-or-none, ignore, skip-missing or default-weight-for-missing",
    })
    .default("all-or-none"),
  /** What we announce as our own, whether we have a route to it or not. */
  networks: z.array(unicastPrefix).default([]).superRefine(refuseTwice(formatPrefix, "prefix")),
  ...prefixLists,
  bfdProfiles: bfdProfilesSchema.default({}),
  neighbors: z
    .array(neighborSchema)
    .default([])
    .superRefine(refuseTwice((neighbor) => neighbor.address, "neighbor's address")),
  dynamicNeighbors: z
    .array(dynamicNeighborSchema)
    .default([])
    .superRefine(refuseTwice(({ prefix }) => formatPrefix(prefix), "prefix")),
});

const bgpSchema = bgpFields.superRefine((bgp, context) => {
  const refuse = (path: (string | number)[], message: string) => context.addIssue({ code: "custom", path, message });
  const profiles = Object.keys(bgp.bfdProfiles);
  for (const list of ["neighbors", "dynamicNeighbors"] as const) {
    for (const [i, { remoteAsn, localAsn = bgp.asn, ebgpMultihop, bfd, role }] of bgp[list].entries()) {
      if (ebgpMultihop !== undefined && (remoteAsn === "internal" || remoteAsn === localAsn))
        refuse([list, i, "ebgpMultihop"], "wanted a neighbor of another AS; one of ours may be anywhere");
      // RFC 9234 section 4: roles are of external sessions.
      if (role !== undefined && (remoteAsn === "internal" || remoteAsn === localAsn))
        refuse([list, i, "role"], "wanted no role towards our own AS");
      if (bfd?.profile !== undefined && !profiles.includes(bfd.profile))
        refuse([list, i, "bfd", "profile"], `wanted a profile of bgp.bfdProfiles: ${profiles.join(", ") || "there is none"}`);
    }
  }
  for (const { path, wanted } of findUnsigned(bgp)) refuse(path, `wanted ${wanted}`);
});

const journalSchema = z.strictObject({
  file: z.string({ error: "wanted a file's name" }).min(1, { error: "wanted a file's name" }),
  format: z.enum(["json", "mrt"], { error: "wanted json or mrt" }).default("json"),
  maximumMegabytes: whole(1, 65536).default(64),
  files: whole(1, 1000).default(4),
});

/** By a hash of other fields, or buckets with timers, the next packet of a flow may go another way. */
const OFFLOADED =
  "a hash of addresses, protocol, ports, ethertype, ingress-port or vlan-id only, and a selector without timers; or false";

export const configSchema = z
  .strictObject({
    ports: z
      .array(portSchema)
      .max(32, { error: "wanted at most 32 ports" })
      .default([])
      .superRefine((ports, context) => {
        for (const { path, wanted } of findClashes(ports))
          context.addIssue({ code: "custom", path, message: `wanted ${wanted}` });
      }),
    bgp: bgpSchema.optional(),
    journal: journalSchema.optional(),
    routes: routesSchema,
    ecmp: ecmpSchema.prefault({}),
    workers: whole(1, 32).default(1),
    /** A port and worker. */
    ringSlots: z
      .number({ error: "wanted a multiple of 32 from 64 to 65536" })
      .refine((slots) => slots % 32 === 0 && slots >= 64 && slots <= 65536, { error: "wanted a multiple of 32 from 64 to 65536" })
      .default(8192),
    ringSlotBytes: z.literal([256, 512, 1024, 2048], { error: "wanted 256, 512, 1024 or 2048" }).default(512),
    busy: z.boolean({ error: "wanted true or false" }).default(false),
    flowOffload: z.boolean({ error: "wanted true or false" }).default(false),
  })
  .superRefine((config, context) => {
    // Mistakes in it were found already.
    if (!config.ecmp?.hash || !config.ecmp.selector || !config.routes?.every(isWholeRoute)) return;
    if (config.flowOffload && !isByFlow(config.ecmp.hash, config.ecmp.selector.name).ipv4)
      context.addIssue({ code: "custom", path: ["flowOffload"], message: `wanted ${OFFLOADED}` });
    refuseForeignLinks(config.ports, config.bgp?.neighbors ?? [], context);
    for (const { path, wanted } of findOwn(config)) context.addIssue({ code: "custom", path, message: `wanted ${wanted}` });
    for (const { path, message } of findUnserved(config)) context.addIssue({ code: "custom", path, message });
  });

export type Config = z.output<typeof configSchema>;

/**
 * A neighbor on a link is found, and its next hops are reached, through the port there; which one has an address is not known
 * yet.
 */
function refuseForeignLinks(
  ports: readonly PortPlace[],
  neighbors: readonly { readonly address?: Address | undefined }[],
  context: z.core.$RefinementCtx<unknown>,
): void {
  if (ports.some((port) => port?.interface === undefined)) return;
  const names = ports.map((port) => portName(port.interface ?? "", port.vlan));
  const message = `wanted an interface that is a port: ${names.join(", ") || "there is none"}`;
  for (const [i, { address }] of neighbors.entries()) {
    const link = address === undefined ? undefined : zoneOf(address);
    if (address === undefined || link === undefined || names.includes(link)) continue;
    const name = linkOfRouter(address) === undefined ? "address" : "interface";
    context.addIssue({ code: "custom", path: ["bgp", "neighbors", i, name], message });
  }
}
