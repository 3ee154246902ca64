/**
 * The shape of a scenario file, a row each key: `scenario-file.ts` reads with it, and `lab/scenario-schema.json` is the same as
 * JSON Schema, for editors (`ecmp lab schema scenario` prints it). What shows only where keys are seen together is
 * looked at by `scenario-check.ts`, so that it is said whatever else is wrong.
 */
import { z } from "zod";
import { ecmpSchema } from "../config/ecmp-schema.ts";
import { whole } from "../config/scalar.ts";
import { parseAssertion, SENTENCE_PATTERN } from "./assertion.ts";
import { choice } from "./choice.ts";
import { MOST_EXCHANGES } from "./exchanges.ts";
import { seconds } from "./fault-setting.ts";
import { LARGEST_TABLE } from "./full-table.ts";
import { renderJsonSchema, takes } from "./json-schema.ts";
import type { RouterSettings } from "./router-settings.ts";
import type { Arrivals, Assertion, Exchanges } from "./scenario.ts";
import { stepSchema } from "./step-file.ts";

const between = (least: number, most: number, what: string) => {
  const error = `wanted ${what}, ${least} to ${most}`;
  return z.number({ error }).min(least, { error }).max(most, { error });
};
const rate = between(0.1, 1000, "a rate a second");
/** From here on the system takes ports for attempts of its own choice. */
export const FIRST_EPHEMERAL_PORT = 32_768;
const port = whole(1024, FIRST_EPHEMERAL_PORT - 1);

/** Checked as our configuration checks it, and kept as it was written: the router reads it again. */
const ecmp = takes(
  z.unknown().transform((value, context): object => {
    const result = ecmpSchema.safeParse(value);
    if (result.success) return value as object;
    for (const issue of result.error.issues) context.issues.push({ ...issue, input: value } as z.core.$ZodRawIssue);
    return value as object;
  }),
  ecmpSchema,
);

const linux = z.strictObject({
  policy: z.union([z.literal(0), z.literal(1), z.literal(3)], { error: "wanted 0, 1 or 3" }),
  fields: whole(1, 0xfff).optional(),
  seed: whole(1, 0xffffffff).default(42),
  resilientBuckets: whole(1, 65_535).optional(),
});

const router = choice<RouterSettings>(
  {
    ecmp: z
      .strictObject({ ecmp, ecmpOf: z.record(z.string(), ecmp, { error: "wanted {ROUTER: ...}" }).optional() })
      .transform((settings) => ({ kind: "ecmp-router" as const, ...settings })),
    linux: z.strictObject({ linux }).transform((settings) => ({ kind: "linux" as const, ...settings.linux })),
  },
  { wanted: "{ecmp: ..., ecmpOf: {ROUTER: ...}} as in a configuration, or {linux: {policy, fields, seed, resilientBuckets}}" },
);

const arrivals = choice<Arrivals>(
  {
    constant: z
      .strictObject({ constant: rate })
      .transform(({ constant }) => ({ kind: "constant" as const, perSecond: constant })),
    poisson: z.strictObject({ poisson: rate }).transform(({ poisson }) => ({ kind: "poisson" as const, perSecond: poisson })),
    diurnal: z
      .strictObject({ diurnal: z.strictObject({ troughPerSecond: rate, peakPerSecond: rate, periodSeconds: seconds }) })
      .transform(({ diurnal }) => ({ kind: "diurnal" as const, ...diurnal })),
  },
  { wanted: "{constant: RATE}, {poisson: RATE} or {diurnal: {troughPerSecond, peakPerSecond, periodSeconds}}" },
);

const EXCHANGES_WANTED = `1 to ${MOST_EXCHANGES}, {uniform: [LEAST, MOST]} or {geometric: MEAN}`;
const UNIFORM_ERROR = `wanted [LEAST, MOST], the least first, each from 1 to ${MOST_EXCHANGES}`;
const exchanges = choice<Exchanges>(
  {
    uniform: z
      .strictObject({
        uniform: z
          .tuple([whole(1, MOST_EXCHANGES), whole(1, MOST_EXCHANGES)], { error: UNIFORM_ERROR })
          .refine(([least, most]) => least <= most, { error: UNIFORM_ERROR }),
      })
      .transform(({ uniform: [least, most] }) => ({ kind: "uniform" as const, least, most })),
    geometric: z
      .strictObject({ geometric: between(1, 1000, "a mean") })
      .transform(({ geometric }) => ({ kind: "geometric" as const, mean: geometric })),
  },
  {
    wanted: EXCHANGES_WANTED,
    other: z
      .number({ error: `wanted ${EXCHANGES_WANTED}` })
      .pipe(whole(1, MOST_EXCHANGES))
      .transform((count) => ({ kind: "fixed" as const, count })),
  },
);

const service = z.string({ error: "wanted a service, or a name, of the lab" });

const traffic = z.discriminatedUnion(
  "kind",
  [
    z.strictObject({
      kind: z.literal("connections"),
      service,
      count: whole(1, 30_000),
      everyMs: whole(10, 60_000).default(100),
      firstSourcePort: port,
    }),
    z.strictObject({
      kind: z.literal("requests"),
      service,
      arrivals,
      exchanges: exchanges.default({ kind: "fixed", count: 1 }),
      everyMs: whole(1, 60_000).default(100),
      bytes: whole(1, 16_777_216).default(4),
      retries: whole(0, 100).default(0),
      firstSourcePort: port,
    }),
    z.strictObject({
      kind: z.literal("datagrams"),
      service,
      flows: whole(1, 10_000),
      everyMs: whole(10, 60_000).default(100),
      firstSourcePort: port,
    }),
  ],
  { error: "wanted a kind of traffic: connections, requests or datagrams" },
);

const assertion = takes(
  z.string({ error: "wanted a sentence" }).transform((text, context): Assertion => {
    const result = parseAssertion(text);
    if (!("wanted" in result)) return result;
    context.addIssue({ code: "custom", message: `wanted ${result.wanted}`, input: text });
    return z.NEVER;
  }),
  z.string().regex(SENTENCE_PATTERN),
);
const assertions = z.array(assertion, { error: "wanted a list of sentences" });

export const DEFAULT_HOLD_TIME_SECONDS = 3;
export const DEFAULT_WATCH_SECONDS = 2.5;

const shared = {
  holdTimeSeconds: whole(3, 65_535).optional().describe(`of every session; ${DEFAULT_HOLD_TIME_SECONDS} when absent`),
  bfd: z
    .strictObject({ intervalMs: whole(10, 60_000), multiplier: whole(2, 255) })
    .optional()
    .describe("with every speaker that can"),
  gracefulRestart: z.boolean({ error: "wanted true or false" }).optional().describe("of every speaker that can"),
  prefixLimit: whole(1, LARGEST_TABLE).optional().describe("the most prefixes that the router takes from a node"),
  router: router.optional().describe("ours, told as in a configuration, or FRR and the kernel's own ECMP in its place"),
  traffic: z
    .array(traffic, { error: "wanted a list of kinds of traffic" })
    .min(1, { error: "wanted some traffic" })
    .optional()
    .describe("what the clients do; source ports count up from firstSourcePort"),
  timeline: z.array(stepSchema, { error: "wanted a list of steps" }).optional().describe("what happens, in seconds"),
  watchSeconds: seconds.optional().describe(`how long all is watched after the last step; ${DEFAULT_WATCH_SECONDS} when absent`),
  assertions: assertions.optional().describe('what must come of it, like "p99 gap < 1 s"; [as forecast] when absent'),
};

const sharedSchema = z.object(shared);
export type SharedSettings = z.output<typeof sharedSchema>;

const NAME_ERROR = "wanted a name of lower-case letters, digits and dashes";
const name = z.string({ error: "wanted a name" }).regex(/^[a-z0-9][a-z0-9-]*$/, NAME_ERROR);

const description = z.string({ error: "wanted words" }).default("");

export const scenarioSchema = z.strictObject({
  name,
  description,
  lab: z.string({ error: "wanted the name of a lab" }).describe("a ready lab's name, or a file beside this one: ./lab.yaml"),
  seed: whole(0, 0xffffffff).default(1).describe("of all draws"),
  ...shared,
  strategies: z
    .record(name, z.strictObject({ description, ...shared }), {
      error: ({ code }) => (code === "invalid_key" ? NAME_ERROR : "wanted a strategy each: {NAME: {description, router, ...}}"),
    })
    .refine((strategies) => Object.keys(strategies).length > 0, { error: "wanted a strategy at least" })
    .meta({ minProperties: 1, description: "played one after the other; what one does not say itself, is said above for all" }),
});

export type ScenarioFile = z.output<typeof scenarioSchema>;

export const renderScenarioSchema = (): string => renderJsonSchema("A scenario of ecmp-router", scenarioSchema);
