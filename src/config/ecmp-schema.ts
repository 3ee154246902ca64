/**
 * The part of the configuration that says how a group decides: a hash and a selector built by hand, or a whole router by name.
 * Either way it comes out as a hash and a selector. What the hash or the profile would not look at is a mistake. It is one thing
 * because a saved state says the same by the same rows, and a profile is refused what a hash by hand may be told.
 */
import { z } from "zod";
import { HASH_NAMES, type HashOptions } from "../ecmp/flow-hash.ts";
import { HASHES } from "../ecmp/hash.ts";
import { ADDRESS_FIELD_NAMES, END_PAIRS, expandFieldNames, FIELD_ALIASES, FIELD_NAMES, isAddressField } from "../ecmp/key.ts";
import { MEMBER_ORDERS, type MemberOrder } from "../ecmp/member-order.ts";
import { FRAGMENT_RULES, ICMP_ERROR_RULES } from "../ecmp/packet-rule.ts";
import { memberOrderOf, PROFILES, type Profile } from "../ecmp/profile.ts";
import { SELECTORS } from "../ecmp/selector.ts";
import { selectorsWith, takesOption } from "../ecmp/selector-options.ts";
import { MAXIMUM_BUCKETS, type SelectorOptions } from "../ecmp/table.ts";
import { address, oneOf, whole } from "./scalar.ts";

const fragmentRule = z.enum(FRAGMENT_RULES, { error: `wanted one of ${FRAGMENT_RULES.join(", ")}` });
const icmpErrorRule = z.enum(ICMP_ERROR_RULES, { error: `wanted one of ${ICMP_ERROR_RULES.join(", ")}` });

const FIELD_LIST_NAMES = [...Object.keys(FIELD_ALIASES), ...FIELD_NAMES];
const someFields = z.array(oneOf(FIELD_LIST_NAMES)).min(1, { error: "wanted at least one field" });
const fieldNames = z.union([oneOf(FIELD_LIST_NAMES).transform((name) => [name]), someFields], {
  error: `wanted a list of ${FIELD_LIST_NAMES.join(", ")}`,
});
function expandFields(names: readonly string[], context: z.RefinementCtx): readonly string[] {
  try {
    return expandFieldNames(names);
  } catch {
    // Their names were checked before, so what is left is a field that is there twice.
    context.addIssue({ code: "custom", message: "wanted each field once, those of an alias included" });
    return z.NEVER;
  }
}

const hashSeed = whole(0, 4294967295);
const addressMask = z.strictObject(
  { ipv4: whole(0, 32).optional(), ipv6: whole(0, 128).optional() },
  { error: "wanted how many leading bits count: {ipv4: 0 to 32, ipv6: 0 to 128}" },
);

/** What a hash built by hand may be told, and a saved one is. */
const hashRows = {
  offset: whole(0, 31).optional(),
  symmetric: z.boolean({ error: "wanted true or false" }).optional(),
  masks: z.strictObject(Object.fromEntries(ADDRESS_FIELD_NAMES.map((name) => [name, addressMask.optional()]))).optional(),
  key: z
    .string({ error: "wanted a key in hex" })
    .regex(/^([0-9a-f]{2}){4,52}$/i, { error: "wanted a key in hex, 4 to 52 bytes" })
    .optional(),
  fragments: fragmentRule.optional(),
  icmpErrors: icmpErrorRule.optional(),
};

export const hashSchema = z
  .strictObject({
    algorithm: oneOf(Object.keys(HASHES)).default("xxh32"),
    fields: fieldNames.default(["5-tuple"]).transform(expandFields),
    seed: hashSeed.default(0),
    ...hashRows,
  })
  .superRefine(refuseIgnored)
  .superRefine(refuseLopsided);

/** What would let the two directions of a flow hash otherwise, though they were asked to hash alike. */
function refuseLopsided({ symmetric, fields, masks = {} }: HashOptions, context: z.RefinementCtx): void {
  if (!symmetric) return;
  const refuse = (wanted: string) =>
    context.issues.push({ code: "custom", path: ["symmetric"], message: `wanted ${wanted}`, input: symmetric });
  for (const name of fields) {
    if (/(^|-)(source|destination)-mac$|flow-label$/.test(name)) refuse(`no ${name} beside it, which a direction has of its own`);
  }
  for (const [source, destination] of END_PAIRS) {
    if (fields.includes(source) !== fields.includes(destination)) refuse(`both of ${source} and ${destination}, or neither`);
    if (!isAddressField(source) || !isAddressField(destination)) continue;
    const [from, to] = [masks[source], masks[destination]];
    if (from?.ipv4 !== to?.ipv4 || from?.ipv6 !== to?.ipv6) refuse(`the same mask of ${source} and ${destination}`);
  }
}

/** The hash of a saved state: what a configuration came out as, so that nothing is left to a default. */
export const hashStateSchema = z
  .strictObject(
    {
      algorithm: oneOf(HASH_NAMES),
      profile: oneOf([...PROFILES.keys()]).optional(),
      fields: fieldNames.transform(expandFields),
      seed: hashSeed,
      ...hashRows,
      linux: z
        .strictObject(
          {
            policy: z.literal([0, 1, 2, 3], { error: "wanted a policy from 0 to 3" }),
            fields: whole(0, 0xfff).optional(),
            socketHash: whole(0, 4294967295).optional(),
          },
          { error: "wanted an object" },
        )
        .optional(),
    },
    { error: "wanted an object" },
  )
  .superRefine(refuseIgnored)
  .superRefine((hash, context) => {
    const isLinux = hash.algorithm === "linux";
    const refuse = (key: keyof typeof hash, message: string) =>
      context.issues.push({ code: "custom", path: [key], message: `wanted ${message}`, input: hash[key] });
    if (isLinux !== (hash.linux !== undefined))
      refuse("linux", isLinux ? "the kernel's policy" : "only with the algorithm linux");
    for (const key of isLinux ? NOT_OF_LINUX : [])
      if (hash[key]) refuse(key, `no ${key} with the algorithm linux, which has none`);
  });

/** Hashes built by hand have them, and the kernel's does not; that it is symmetric its profiles say. */
const NOT_OF_LINUX = ["offset", "masks", "key"] as const;

/** What the hash would not look at is a mistake about the hash; what is wrong by itself has been said. */
function refuseIgnored(
  {
    algorithm,
    seed,
    key,
    fields,
    masks = {},
    symmetric,
    offset = 0,
  }: Pick<HashOptions, "algorithm" | "seed" | "key" | "fields" | "masks" | "symmetric" | "offset">,
  context: z.RefinementCtx,
): void {
  const refuse = (field: string, value: unknown, wanted: string): void => {
    const path = field.split(".");
    const isRefused = context.issues.some((issue) => issue.path?.join() === path.join());
    if (!isRefused) context.issues.push({ code: "custom", path, message: `wanted ${wanted}`, input: value });
  };
  for (const [name, mask] of Object.entries(masks))
    if (mask !== undefined && !fields.includes(name)) refuse(`masks.${name}`, mask, "no mask of a field that is not hashed");
  if (symmetric && !END_PAIRS.flat().some((name) => fields.includes(name)))
    refuse("symmetric", symmetric, "only with addresses or ports among the fields");
  // What is no hash was found already.
  if (!Object.hasOwn(HASHES, algorithm)) return;
  const { seeded, keyBytes, bits } = HASHES[algorithm];
  if (offset >= bits) refuse("offset", offset, `0 to ${bits - 1} with ${algorithm}, a hash of ${bits} bits`);
  if (key !== undefined) {
    const [least, most] = keyBytes ?? [0, 0];
    if (keyBytes === undefined) refuse("key", key, `no key with ${algorithm}, which takes none`);
    else if (key.length < 2 * least || key.length > 2 * most) {
      refuse("key", key, `${least === most ? least : `${least} to ${most}`} bytes for ${algorithm}`);
    } else if (seed !== 0) refuse("seed", seed, "no seed beside a key, which takes its place");
  } else if (seed !== 0 && !seeded) refuse("seed", seed, `no seed with ${algorithm}, which takes none`);
}

const selectorRows = {
  buckets: whole(1, MAXIMUM_BUCKETS).optional(),
  seed: whole(0, 4294967295).optional(),
  replicas: whole(1, 65536).optional(),
  capacity: whole(1, 65535).optional(),
  redundancy: whole(1, 65535).optional(),
  banks: z
    .array(z.array(address).min(1, { error: "wanted at least one member" }))
    .min(1, { error: "wanted at least one bank" })
    .refine((banks) => new Set(banks.flat()).size === banks.flat().length, { error: "wanted each member in one bank, once" })
    .optional(),
  idleTimerSeconds: whole(0, 86400).optional(),
  unbalancedTimerSeconds: whole(0, 86400).optional(),
  hashSeed: z
    .string({ error: "wanted 12 bytes in base64" })
    .regex(/^[A-Za-z0-9+/]{16}$/, { error: "wanted 12 bytes in base64" })
    .optional(),
  backendPort: whole(1, 65535).optional(),
};

export const selectorSchema = z
  .strictObject({ name: oneOf(Object.keys(SELECTORS)).default("modulo"), ...selectorRows })
  .superRefine(refuseForeign);

/** The selector of a saved state, whose addresses are values already: a number, or 32 hex digits. */
export const selectorStateSchema = z
  .strictObject(
    {
      name: oneOf(Object.keys(SELECTORS)),
      ...selectorRows,
      banks: z
        .array(z.array(z.union([whole(0, 0xffffffff), z.string().regex(/^[0-9a-f]{32}$/)], { error: "wanted an address" })))
        .optional(),
    },
    { error: "wanted an object" },
  )
  .superRefine(refuseForeign);

/** What the selector would not look at. */
function refuseForeign({ name, ...options }: { name: string } & SelectorOptions, context: z.RefinementCtx): void {
  // What is no selector was found already.
  if (!Object.hasOwn(SELECTORS, name)) return;
  for (const [option, value] of Object.entries(options)) {
    const isRefused = context.issues.some(({ path }) => path?.[0] === option);
    if (value === undefined || isRefused || takesOption(name, option)) continue;
    const message = `wanted only with ${selectorsWith(option).join(", ")}`;
    context.issues.push({ code: "custom", path: [option], message, input: value });
  }
}

export const memberOrderSchema = z.enum(MEMBER_ORDERS, { error: `wanted one of ${MEMBER_ORDERS.join(", ")}` });

export const ecmpSchema = z
  .strictObject({
    profile: oneOf([...PROFILES.keys()]).optional(),
    seed: whole(0, 4294967295).optional(),
    offset: whole(0, 31).optional(),
    /** linux-custom: the bits of fib_multipath_hash_fields. */
    fields: whole(1, 0xfff).optional(),
    /** Instead of the profile's own. */
    fragments: fragmentRule.optional(),
    icmpErrors: icmpErrorRule.optional(),
    /** linux-l4, linux-resilient: TCP goes by its socket's number, of which this is the draw. */
    socketHash: whole(0, 4294967295).optional(),
    hash: hashSchema.optional(),
    selector: selectorSchema.optional(),
    memberOrder: memberOrderSchema.optional(),
  })
  .superRefine((ecmp, context) => {
    const refuse = (key: keyof typeof ecmp, message: string) =>
      context.issues.push({ code: "custom", path: [key], message, input: ecmp[key] });
    if (ecmp.profile === undefined) {
      for (const key of PROFILE_KEYS) if (ecmp[key] !== undefined) refuse(key, "wanted only with a profile");
      return;
    }
    for (const key of BUILT_KEYS) if (ecmp[key] !== undefined) refuse(key, "wanted no such key beside a profile");
    const profile = PROFILES.get(ecmp.profile);
    // Its name was refused above.
    if (!profile) return;
    for (const key of PROFILE_KEYS) {
      const [takes, wanted] = PROFILE_TAKES[key];
      if (ecmp[key] !== undefined && !takes(profile)) refuse(key, `wanted ${wanted}`);
    }
    if (profile.hash.policy !== undefined && ecmp.seed === 0)
      refuse("seed", "wanted a number from 1: the kernel takes 0 for a random seed");
  })
  .transform(
    (ecmp): EcmpConfig =>
      ecmp.profile === undefined ? fromParts(ecmp.hash, ecmp.selector, ecmp.memberOrder) : fromProfile(ecmp.profile, ecmp),
  );

/** What may be said of a profile besides its name: of which, and what else is wanted. */
const PROFILE_TAKES = {
  seed: [({ hash }: Profile) => hash.seed === "given", "no seed: this router's hash takes none"],
  offset: [({ hash }: Profile) => hash.offset !== undefined, "no offset: this router has none"],
  fields: [({ hash }: Profile) => hash.mask !== undefined, "only with linux-custom"],
  fragments: [({ hash }: Profile) => hash.policy === undefined, "not with linux-*: the kernel has its own rule"],
  icmpErrors: [({ hash }: Profile) => hash.policy === undefined, "not with linux-*: the kernel has its own rule"],
  socketHash: [({ hash }: Profile) => hash.policy === 1, "only under policy 1: with linux-l4 or linux-resilient"],
} as const;
const PROFILE_KEYS = Object.keys(PROFILE_TAKES) as (keyof typeof PROFILE_TAKES)[];
const BUILT_KEYS = ["hash", "selector"] as const;

interface EcmpConfig {
  readonly hash: HashOptions;
  readonly selector: { readonly name: string } & SelectorOptions;
  readonly memberOrder: MemberOrder;
}

function fromParts(
  hash: z.output<typeof hashSchema> = hashSchema.parse({}),
  selector: z.output<typeof selectorSchema> = { name: "modulo" },
  memberOrder = memberOrderOf(undefined),
): EcmpConfig {
  return { hash, selector, memberOrder };
}

/** What was said besides the profile's name. */
type ProfileChoices = { readonly [Key in "seed" | "offset" | "fields" | "socketHash"]?: number | undefined } & Pick<
  HashOptions,
  "fragments" | "icmpErrors"
> & { readonly memberOrder?: MemberOrder | undefined };

function fromProfile(name: string, choices: ProfileChoices): EcmpConfig {
  const { seed = 1, offset, fields, socketHash, fragments, icmpErrors, memberOrder } = choices;
  const profile = PROFILES.get(name) as Profile;
  const { hash, selector } = profile;
  const counted = hash.seedBits === undefined ? seed : seed % 2 ** hash.seedBits;
  const linux = hash.policy === undefined ? {} : { linux: { policy: hash.policy, fields: fields ?? hash.mask, socketHash } };
  return {
    hash: {
      profile: name,
      algorithm: hash.algorithm,
      fields: hash.fields,
      seed: hash.seed === "given" ? counted : 0,
      symmetric: hash.symmetric,
      offset: offset ?? hash.offset,
      fragments: fragments ?? profile.fragments,
      icmpErrors: icmpErrors ?? profile.icmpErrors,
      ...linux,
    },
    selector: { name: selector.name, ...selector.options },
    memberOrder: memberOrder ?? memberOrderOf(name),
  };
}

/** For experiments, which bring selectors of their own: a hash built by hand, or `{profile: NAME}` for that of a router. */
export const experimentHashSchema = z.unknown().transform((value, context): HashOptions => {
  const isProfile = typeof value === "object" && value !== null && "profile" in value;
  if (isProfile && "memberOrder" in value) {
    const message = "wanted beside the hash, not in it";
    context.issues.push({ code: "custom", path: ["memberOrder"], message, input: value });
    return z.NEVER;
  }
  const result = isProfile ? ecmpSchema.safeParse(value) : hashSchema.safeParse(value);
  if (result.success) return "hash" in result.data ? result.data.hash : result.data;
  for (const issue of result.error.issues) context.issues.push({ ...issue, input: value } as z.core.$ZodRawIssue);
  return z.NEVER;
});
