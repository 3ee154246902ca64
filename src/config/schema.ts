/**
 * The configuration file's shape: one row a field, with its bounds and its default. Field names follow OpenConfig where it
 * has the thing. Addresses and prefixes become values here; whatever is unknown is a mistake, never ignored.
 */
import { z } from "zod";
import { HASHES } from "../ecmp/hash.ts";
import { expandFieldNames, FIELD_ALIASES, FIELD_NAMES } from "../ecmp/key.ts";
import { DEFAULT_RESILIENT_BUCKETS } from "../ecmp/select/resilient.ts";
import { SELECTORS } from "../ecmp/selector.ts";
import { MAXIMUM_BUCKETS } from "../ecmp/table.ts";
import { type Address, isIpv4, parseAddress, parseIpv4 } from "../net/address.ts";
import { type Prefix, parsePrefix } from "../net/prefix.ts";

/** Text that `parse` turns into a value, or a mistake that says what is wanted. */
const parsed = <Value>(parse: (text: string) => Value | undefined, wanted: string) =>
  z.string({ error: `wanted ${wanted}` }).transform((text, context): Value => {
    const value = parse(text);
    if (value !== undefined) return value;
    context.addIssue({ code: "custom", message: `wanted ${wanted}`, input: text });
    return z.NEVER;
  });

const whole = (minimum: number, maximum: number) => {
  const wanted = `wanted a whole number from ${minimum} to ${maximum}`;
  return z.number({ error: wanted }).int({ error: wanted }).min(minimum, { error: wanted }).max(maximum, { error: wanted });
};

const oneOf = (names: readonly string[]) => {
  const wanted = `wanted one of ${names.join(", ")}`;
  return z.string({ error: wanted }).refine((name) => names.includes(name), { error: wanted });
};

const address = parsed<Address>(parseAddress, 'an IP address such as "10.0.0.1"');
const ipv4 = parsed<number>(parseIpv4, 'an IPv4 address such as "10.0.0.1"');
const prefix = parsed<Prefix>(parsePrefix, 'a prefix without host bits such as "198.51.100.0/24"');
const asn = whole(1, 4294967295);
/** RFC 4271 4.2: zero, or at least three seconds. */
const holdTimeSeconds = whole(0, 65535).refine((seconds) => seconds === 0 || seconds >= 3, {
  error: "wanted 0 (no keepalives) or a whole number from 3 to 65535",
});

const portSchema = z.strictObject({
  interface: z
    .string({ error: "wanted an interface's name" })
    .regex(/^[^\s/]{1,15}$/, { error: "wanted an interface's name, 1 to 15 characters" }),
});

const neighborSchema = z.strictObject({
  address,
  remoteAsn: asn,
  description: z.string().optional(),
  port: whole(1, 65535).optional(),
  passive: z.boolean({ error: "wanted true or false" }).default(false),
  localAddress: address.optional(),
  holdTimeSeconds: holdTimeSeconds.optional(),
  connectRetrySeconds: whole(1, 65535).optional(),
});

const bgpSchema = z.strictObject({
  asn,
  routerId: ipv4,
  listen: z.strictObject({ address: address.default(0), port: whole(1, 65535).default(179) }).prefault({}),
  holdTimeSeconds: holdTimeSeconds.default(90),
  connectRetrySeconds: whole(1, 65535).default(5),
  maximumPaths: whole(1, 512).default(64),
  multipathRelax: z.boolean({ error: "wanted true or false" }).default(false),
  neighbors: z
    .array(neighborSchema)
    .default([])
    .superRefine(refuseTwice((neighbor) => neighbor.address, "neighbor's address")),
});

const nextHopSchema = z.strictObject({ address, weight: whole(1, 256).default(1) });

const routeSchema = z
  .strictObject({
    prefix,
    nextHops: z
      .array(nextHopSchema)
      .min(1, { error: "wanted at least one next hop" })
      .superRefine(refuseTwice((nextHop) => nextHop.address, "next hop")),
  })
  .superRefine((route, context) => {
    route.nextHops.forEach((nextHop, i) => {
      if (isIpv4(nextHop.address) === isIpv4(route.prefix.address)) return;
      const path = ["nextHops", i, "address"];
      context.addIssue({ code: "custom", path, message: "wanted an address of the prefix's own family" });
    });
  });

const fieldNames = [...Object.keys(FIELD_ALIASES), ...FIELD_NAMES];
const hashSchema = z.strictObject({
  algorithm: oneOf(Object.keys(HASHES)).default("xxh32"),
  fields: z
    .union([oneOf(fieldNames).transform((name) => [name]), z.array(oneOf(fieldNames)).min(1)], {
      error: `wanted a list of ${fieldNames.join(", ")}`,
    })
    .default(["5-tuple"])
    .transform((names, context): readonly string[] => {
      try {
        return expandFieldNames(names);
      } catch {
        // Their names were checked above, so what is left is a field that is there twice.
        context.addIssue({ code: "custom", message: "wanted each field once, those of an alias included" });
        return z.NEVER;
      }
    }),
  seed: whole(0, 4294967295).default(0),
});

const selectorSchema = z.strictObject({
  name: oneOf(Object.keys(SELECTORS)).default("modulo"),
  buckets: whole(1, MAXIMUM_BUCKETS).optional(),
});

export const configSchema = z
  .strictObject({
    ports: z
      .array(portSchema)
      .max(32, { error: "wanted at most 32 ports" })
      .default([])
      .superRefine(refuseTwice((port) => port.interface, "interface")),
    bgp: bgpSchema.optional(),
    routes: z.array(routeSchema).default([]),
    ecmp: z.strictObject({ hash: hashSchema.prefault({}), selector: selectorSchema.prefault({}) }).prefault({}),
    workers: whole(1, 32).default(1),
    /** Of 2 KiB, a port and worker. */
    ringSlots: whole(64, 65536)
      .refine((slots) => slots % 32 === 0, { error: "wanted a multiple of 32 from 64 to 65536" })
      .default(8192),
  })
  .superRefine(({ ecmp, bgp, routes }, context) => {
    if (ecmp.selector.name !== "resilient") return;
    const buckets = ecmp.selector.buckets ?? DEFAULT_RESILIENT_BUCKETS;
    const members = Math.max(bgp?.maximumPaths ?? 0, ...routes.map(({ nextHops }) => nextHops.length));
    if (members <= buckets) return;
    const message = `wanted at least ${members} buckets, one for each member that a group may have`;
    context.addIssue({ code: "custom", path: ["ecmp", "selector", "buckets"], message });
  });

export type Config = z.output<typeof configSchema>;

/** A list in which no two entries share what `keyOf` gives. */
function refuseTwice<Entry>(keyOf: (entry: Entry) => unknown, what: string) {
  return (entries: Entry[], context: z.core.$RefinementCtx<Entry[]>): void => {
    const seen = new Set<unknown>();
    entries.forEach((entry, i) => {
      if (seen.has(keyOf(entry)))
        context.issues.push({ code: "custom", path: [i], message: `wanted each ${what} once`, input: entry });
      seen.add(keyOf(entry));
    });
  };
}
