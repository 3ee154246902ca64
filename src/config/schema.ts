/**
 * The configuration file's shape: one row a field, with its bounds and its default. Field names follow OpenConfig where it
 * has the thing. Addresses and prefixes become values here; whatever is unknown is a mistake, never ignored.
 */
import { z } from "zod";
import type { HashOptions } from "../ecmp/flow-hash.ts";
import { HASHES } from "../ecmp/hash.ts";
import { ADDRESS_FIELD_NAMES, expandFieldNames, FIELD_ALIASES, FIELD_NAMES } from "../ecmp/key.ts";
import { PROFILES, type Profile } from "../ecmp/profile.ts";
import { DEFAULT_RESILIENT_BUCKETS } from "../ecmp/select/resilient.ts";
import { SELECTORS } from "../ecmp/selector.ts";
import { MAXIMUM_BUCKETS, type SelectorOptions } from "../ecmp/table.ts";
import { type Address, isIpv4, parseAddress, parseIpv4 } from "../net/address.ts";
import { type Prefix, parsePrefix } from "../net/prefix.ts";

/** Text that `parse` turns into a value, or a mistake that says what is wanted. */
export const parsed = <Value>(parse: (text: string) => Value | undefined, wanted: string) =>
  z.string({ error: `wanted ${wanted}` }).transform((text, context): Value => {
    const value = parse(text);
    if (value !== undefined) return value;
    context.addIssue({ code: "custom", message: `wanted ${wanted}`, input: text });
    return z.NEVER;
  });

export const whole = (minimum: number, maximum: number) => {
  const wanted = `wanted a whole number from ${minimum} to ${maximum}`;
  return z.number({ error: wanted }).int({ error: wanted }).min(minimum, { error: wanted }).max(maximum, { error: wanted });
};

const oneOf = (names: readonly string[]) => {
  const wanted = `wanted one of ${names.join(", ")}`;
  return z.string({ error: wanted }).refine((name) => names.includes(name), { error: wanted });
};

export const address = parsed<Address>(parseAddress, 'an IP address such as "10.0.0.1"');
/** RFC 6286: any number but zero, written as an address. */
const routerId = parsed<number>(
  (text) => parseIpv4(text) || undefined,
  'a router id, an IPv4 address but 0.0.0.0, such as "10.0.0.1"',
);
const unicast = parsed<Address>((text) => {
  const value = parseAddress(text);
  const isUnicast =
    typeof value === "number" ? value > 0xffffff && value < 0xe0000000 : value !== undefined && !/^(ff|0{32}$)/.test(value);
  return isUnicast ? value : undefined;
}, 'a unicast IP address such as "10.0.0.1"');
export const prefix = parsed<Prefix>(parsePrefix, 'a prefix without host bits such as "198.51.100.0/24"');
/** RFC 6793: AS_TRANS is nobody's own. */
const asn = whole(1, 4294967295).refine((number) => number !== 23456, { error: "wanted an AS number; 23456 stands for others" });
/** RFC 4271 4.2: zero, or at least three seconds. */
const holdTimeSeconds = whole(0, 65535).refine((seconds) => seconds === 0 || seconds >= 3, {
  error: "wanted 0 (no keepalives) or a whole number from 3 to 65535",
});

const portSchema = z.strictObject({
  interface: z
    .string({ error: "wanted an interface's name" })
    .regex(/^(?!lo$)[^\s/]{1,15}$/, { error: "wanted an interface's name, 1 to 15 characters, and not lo" }),
});

const neighborSchema = z.strictObject({
  address: unicast,
  remoteAsn: asn,
  description: z.string().optional(),
  port: whole(1, 65535).optional(),
  passive: z.boolean({ error: "wanted true or false" }).default(false),
  localAddress: unicast.optional(),
  holdTimeSeconds: holdTimeSeconds.optional(),
  connectRetrySeconds: whole(1, 65535).optional(),
});

const bgpSchema = z.strictObject({
  asn,
  routerId,
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

const nextHopSchema = z.strictObject({ address: unicast, weight: whole(1, 256).default(1) });

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
export const hashSchema = z.strictObject({
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
  offset: whole(0, 31).optional(),
  symmetric: z.boolean({ error: "wanted true or false" }).optional(),
  masks: z.strictObject(Object.fromEntries(ADDRESS_FIELD_NAMES.map((name) => [name, whole(0, 128).optional()]))).optional(),
  key: z
    .string({ error: "wanted a key in hex" })
    .regex(/^([0-9a-f]{2}){4,52}$/i, { error: "wanted a key in hex, 4 to 52 bytes" })
    .optional(),
  fragments: z.enum(["address-only", "first-with-ports"], { error: "wanted address-only or first-with-ports" }).optional(),
  icmpErrors: z.enum(["outer", "quoted"], { error: "wanted outer or quoted" }).optional(),
});

export const selectorSchema = z.strictObject({
  name: oneOf(Object.keys(SELECTORS)).default("modulo"),
  buckets: whole(1, MAXIMUM_BUCKETS).optional(),
  seed: whole(0, 4294967295).optional(),
  replicas: whole(1, 65536).optional(),
  capacity: whole(1, 65535).optional(),
  redundancy: whole(1, 65535).optional(),
  banks: z.array(z.array(address).min(1, { error: "wanted at least one member" })).optional(),
  idleTimerSeconds: whole(0, 86400).optional(),
  unbalancedTimerSeconds: whole(0, 86400).optional(),
  hashSeed: z
    .string({ error: "wanted 12 bytes in base64" })
    .regex(/^[A-Za-z0-9+/]{16}$/, { error: "wanted 12 bytes in base64" })
    .optional(),
  backendPort: whole(1, 65535).optional(),
});

/** Built by hand, or a whole router by name; either way it comes out as a hash and a selector. */
const ecmpSchema = z
  .strictObject({
    profile: oneOf([...PROFILES.keys()]).optional(),
    seed: whole(0, 4294967295).optional(),
    offset: whole(0, 31).optional(),
    /** linux-custom: the bits of fib_multipath_hash_fields. */
    fields: whole(1, 0xfff).optional(),
    hash: hashSchema.optional(),
    selector: selectorSchema.optional(),
  })
  .superRefine((ecmp, context) => {
    const [others, wanted] =
      ecmp.profile === undefined
        ? [PROFILE_KEYS, "wanted only with a profile"]
        : [BUILT_KEYS, "wanted no such key beside a profile"];
    for (const key of others) if (ecmp[key] !== undefined) context.addIssue({ code: "custom", path: [key], message: wanted });
    if (ecmp.profile?.startsWith("linux-") && ecmp.seed === 0) {
      context.addIssue({
        code: "custom",
        path: ["seed"],
        message: "wanted a number from 1: the kernel takes 0 for a random seed",
      });
    }
  })
  .transform((ecmp) => (ecmp.profile === undefined ? fromParts(ecmp.hash, ecmp.selector) : fromProfile(ecmp.profile, ecmp)));

const PROFILE_KEYS = ["seed", "offset", "fields"] as const;
const BUILT_KEYS = ["hash", "selector"] as const;

interface EcmpConfig {
  readonly hash: HashOptions;
  readonly selector: { readonly name: string } & SelectorOptions;
}

function fromParts(
  hash: z.output<typeof hashSchema> = hashSchema.parse({}),
  selector: z.output<typeof selectorSchema> = { name: "modulo" },
): EcmpConfig {
  return { hash, selector };
}

function fromProfile(
  name: string,
  { seed = 1, offset, fields }: { seed?: number | undefined; offset?: number | undefined; fields?: number | undefined },
): EcmpConfig {
  const { hash, selector, fragments, icmpErrors } = PROFILES.get(name) as Profile;
  const counted = hash.seedBits === undefined ? seed : seed % 2 ** hash.seedBits;
  const policy = hash.policy === undefined ? {} : { linux: { policy: hash.policy, fields: fields ?? hash.mask } };
  return {
    hash: {
      algorithm: hash.algorithm,
      fields: hash.fields,
      seed: hash.seed === "given" ? counted : 0,
      symmetric: hash.symmetric,
      offset: offset ?? hash.offset,
      fragments: fragments === "ports of the first" ? "first-with-ports" : "address-only",
      icmpErrors: icmpErrors === "by the quoted flow" ? "quoted" : "outer",
      ...policy,
    },
    selector: { name: selector.name, ...selector.options },
  };
}

export const configSchema = z
  .strictObject({
    ports: z
      .array(portSchema)
      .max(32, { error: "wanted at most 32 ports" })
      .default([])
      .superRefine(refuseTwice((port) => port.interface, "interface")),
    bgp: bgpSchema.optional(),
    routes: z.array(routeSchema).default([]),
    ecmp: ecmpSchema.prefault({}),
    workers: whole(1, 32).default(1),
    /** Of 2 KiB, a port and worker. */
    ringSlots: z
      .number({ error: "wanted a multiple of 32 from 64 to 65536" })
      .refine((slots) => slots % 32 === 0 && slots >= 64 && slots <= 65536, { error: "wanted a multiple of 32 from 64 to 65536" })
      .default(8192),
  })
  .superRefine(({ ecmp, bgp, routes }, context) => {
    // Mistakes in it were found already.
    if (ecmp?.selector?.name !== "resilient") return;
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
