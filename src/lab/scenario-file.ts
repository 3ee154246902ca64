/**
 * A scenario file (YAML): what it may say, checked with every mistake told at once, and the scenarios it means, one for each of
 * its `strategies`. What a strategy does not say itself, the file says for all. `loadLab` of `catalog.ts` has the lab that is
 * named; no file is opened here.
 */
import { z } from "zod";
import { ecmpSchema } from "../config/ecmp-schema.ts";
import { type ConfigMistake, readYaml } from "../config/read.ts";
import { whole } from "../config/scalar.ts";
import { parseAssertion } from "./assertion.ts";
import { MOST_EXCHANGES } from "./exchanges.ts";
import { seconds } from "./fault-setting.ts";
import { LARGEST_TABLE } from "./full-table.ts";
import { type Lab, routersOf, type Service, serviceNamed } from "./lab.ts";
import { type Assertion, MOST_BEATS_PER_SECOND, type Scenario } from "./scenario.ts";
import { expandStep, stepSchema } from "./step-file.ts";
import { checkTimeline } from "./timeline-file.ts";

const rate = z.number({ error: "wanted a rate, 0.1 to 1000 a second" }).min(0.1).max(1000);
const FIRST_EPHEMERAL_PORT = 32_768;
const port = whole(1024, FIRST_EPHEMERAL_PORT - 1);

/** Checked as our configuration checks it, and kept as it was written: the router reads it again. */
const ecmp = z.unknown().transform((value, context): object => {
  const result = ecmpSchema.safeParse(value);
  if (result.success) return value as object;
  for (const issue of result.error.issues) context.issues.push({ ...issue, input: value } as z.core.$ZodRawIssue);
  return z.NEVER;
});

const router = z.union(
  [
    z
      .strictObject({ ecmp, ecmpOf: z.record(z.string(), ecmp).optional() })
      .transform((settings) => ({ kind: "ecmp-router" as const, ...settings })),
    z
      .strictObject({
        linux: z.strictObject({
          policy: z.union([z.literal(0), z.literal(1), z.literal(3)], { error: "wanted 0, 1 or 3" }),
          fields: whole(1, 0xfff).optional(),
          seed: whole(1, 0xffffffff).default(42),
          resilientBuckets: whole(1, 65_535).optional(),
        }),
      })
      .transform(({ linux }) => ({ kind: "linux" as const, ...linux })),
  ],
  {
    error:
      "wanted {ecmp: ..., ecmpOf: {ROUTER: ...}} as in a configuration, or {linux: {policy, fields, seed, resilientBuckets}}",
  },
);

const arrivals = z.union(
  [
    z.strictObject({ constant: rate }).transform(({ constant }) => ({ kind: "constant" as const, perSecond: constant })),
    z.strictObject({ poisson: rate }).transform(({ poisson }) => ({ kind: "poisson" as const, perSecond: poisson })),
    z
      .strictObject({ diurnal: z.strictObject({ troughPerSecond: rate, peakPerSecond: rate, periodSeconds: seconds }) })
      .transform(({ diurnal }) => ({ kind: "diurnal" as const, ...diurnal })),
  ],
  { error: "wanted {constant: RATE}, {poisson: RATE} or {diurnal: {troughPerSecond, peakPerSecond, periodSeconds}}" },
);

const exchanges = z.union(
  [
    whole(1, MOST_EXCHANGES).transform((count) => ({ kind: "fixed" as const, count })),
    z
      .strictObject({ uniform: z.tuple([whole(1, MOST_EXCHANGES), whole(1, MOST_EXCHANGES)]) })
      .refine(({ uniform: [least, most] }) => least <= most)
      .transform(({ uniform: [least, most] }) => ({ kind: "uniform" as const, least, most })),
    z
      .strictObject({ geometric: z.number().min(1).max(1000) })
      .transform(({ geometric }) => ({ kind: "geometric" as const, mean: geometric })),
  ],
  { error: `wanted 1 to ${MOST_EXCHANGES}, {uniform: [LEAST, MOST]} or {geometric: MEAN}, a mean of 1 to 1000` },
);

const traffic = z.discriminatedUnion(
  "kind",
  [
    z
      .strictObject({
        kind: z.literal("connections"),
        service: z.string(),
        count: whole(1, 30_000),
        everyMs: whole(10, 60_000).default(100),
        firstSourcePort: port,
      })
      .refine(({ count, everyMs }) => (count * 1000) / everyMs <= MOST_BEATS_PER_SECOND, {
        path: ["everyMs"],
        error: `wanted at most ${MOST_BEATS_PER_SECOND} heartbeats a second, of all connections`,
      })
      .refine(({ count, firstSourcePort }) => firstSourcePort + count <= FIRST_EPHEMERAL_PORT, {
        path: ["firstSourcePort"],
        error: `wanted ports below ${FIRST_EPHEMERAL_PORT}, from which on the system takes those of further attempts`,
      }),
    z.strictObject({
      kind: z.literal("requests"),
      service: z.string(),
      arrivals,
      exchanges: exchanges.default({ kind: "fixed", count: 1 }),
      everyMs: whole(1, 60_000).default(100),
      bytes: whole(1, 16_777_216).default(4),
      retries: whole(0, 100).default(0),
      firstSourcePort: port,
    }),
    z
      .strictObject({
        kind: z.literal("datagrams"),
        service: z.string(),
        flows: whole(1, 10_000),
        everyMs: whole(10, 60_000).default(100),
        firstSourcePort: port,
      })
      .refine(({ flows, everyMs }) => (flows * 1000) / everyMs <= MOST_BEATS_PER_SECOND, {
        path: ["everyMs"],
        error: `wanted at most ${MOST_BEATS_PER_SECOND} datagrams a second, of all flows`,
      }),
  ],
  { error: "wanted a kind of traffic: connections, requests or datagrams" },
);

const assertion = z.string({ error: "wanted a sentence" }).transform((text, context): Assertion => {
  const result = parseAssertion(text);
  if (!("wanted" in result)) return result;
  context.addIssue({ code: "custom", message: `wanted ${result.wanted}`, input: text });
  return z.NEVER;
});
const assertions = z.array(assertion, { error: "wanted a list of sentences" });

const DEFAULT_HOLD_TIME_SECONDS = 3;

const shared = {
  holdTimeSeconds: whole(3, 65_535).optional(),
  bfd: z.strictObject({ intervalMs: whole(10, 60_000), multiplier: whole(2, 255) }).optional(),
  gracefulRestart: z.boolean({ error: "wanted true or false" }).optional(),
  prefixLimit: whole(1, LARGEST_TABLE).optional(),
  router: router.optional(),
  traffic: z.array(traffic).min(1, { error: "wanted some traffic" }).optional(),
  timeline: z.array(stepSchema).optional(),
  watchSeconds: seconds.optional(),
  assertions: assertions.optional(),
};

const name = z
  .string({ error: "wanted a name" })
  .regex(/^[a-z0-9][a-z0-9-]*$/, "wanted a name of lower-case letters, digits and dashes");

const fileSchema = z.strictObject({
  name,
  description: z.string().default(""),
  lab: z.string({ error: "wanted the name of a lab" }),
  seed: whole(0, 0xffffffff).default(1),
  ...shared,
  strategies: z
    .record(name, z.strictObject({ description: z.string().default(""), ...shared }), {
      error: "wanted a strategy each: {NAME: {description, router, ...}}",
    })
    .refine((strategies) => Object.keys(strategies).length > 0, "wanted a strategy at least"),
});

type ScenarioFile = z.output<typeof fileSchema>;

export interface ScenarioSuite {
  readonly name: string;
  readonly description: string;
  readonly lab: string;
  readonly scenarios: readonly Scenario[];
}

/** `findLab`: the lab of that name, or undefined. */
export function readScenarios(
  text: string,
  findLab: (name: string) => Lab | undefined,
): { readonly suite: ScenarioSuite } | { readonly mistakes: readonly ConfigMistake[] } {
  const checked = fileSchema.superRefine((file, context) => checkReferences(file, findLab(file.lab), context));
  const result = readYaml(text, checked);
  if ("mistakes" in result) return result;
  const { name, description, lab, seed, strategies, ...all } = result.value;
  const scenarios = Object.entries(strategies).map(([strategy, own]): Scenario => {
    const { router = { kind: "ecmp-router", ecmp: {} }, traffic = [], timeline = [], ...rest } = { ...all, ...own };
    return {
      name: strategy,
      description: own.description,
      lab,
      seed,
      holdTimeSeconds: rest.holdTimeSeconds ?? DEFAULT_HOLD_TIME_SECONDS,
      bfd: rest.bfd,
      gracefulRestart: rest.gracefulRestart,
      prefixLimit: rest.prefixLimit,
      router,
      traffic,
      timeline: timeline.flatMap((step) => expandStep(step, seed)),
      watchSeconds: rest.watchSeconds ?? 2.5,
      assertions: rest.assertions ?? [{ text: "as forecast" }],
    };
  });
  return { suite: { name, description, lab, scenarios } };
}

/** What a schema cannot say: that names refer to something, and that the forecast knows whether a fault is found. */
function checkReferences(file: ScenarioFile, lab: Lab | undefined, context: z.core.$RefinementCtx<ScenarioFile>): void {
  const refuse = (path: PropertyKey[], message: string) => context.addIssue({ code: "custom", path, message });
  if (!lab) return refuse(["lab"], "wanted one of `ecmp lab list`, or a lab file's path from here (./lab.yaml)");
  const parts: [PropertyKey[], Pick<ScenarioFile, "router" | "traffic" | "bfd" | "prefixLimit">][] = [
    [[], file],
    ...Object.entries(file.strategies).map(([name, own]): [PropertyKey[], typeof own] => [["strategies", name], own]),
  ];
  const routers = routersOf(lab).map(({ name }) => name);
  for (const [path, { router, traffic = [], ...part }] of parts) {
    const isLinux = (router ?? file.router)?.kind === "linux";
    for (const key of ["bfd", "prefixLimit"] as const) {
      if (isLinux && (part[key] ?? file[key])) refuse([...path, key], `wanted our router, where there is ${key}`);
    }
    if (router?.kind === "linux" && routers.length > 1) refuse([...path, "router"], "wanted our routers, in a lab of several");
    for (const name of Object.keys((router?.kind === "ecmp-router" && router.ecmpOf) || {})) {
      if (!routers.includes(name)) refuse([...path, "router", "ecmpOf", name], `wanted one of ${routers.join(", ")}`);
    }
    traffic.forEach(({ kind, service }, i) => {
      if (lab.nat && kind === "requests") {
        refuse([...path, "traffic", i, "kind"], "wanted connections or datagrams: behind a NAT only what is open has a forecast");
      }
      const protocol = kind === "datagrams" ? "udp" : "tcp";
      const isFit = ({ protocols, appProtocol }: Service) =>
        protocols.includes(protocol) && (kind === "requests" || appProtocol === undefined);
      const leading = lab.names.filter((each) => isFit(serviceNamed(lab, each.service)));
      const fit = [...lab.services.filter(isFit), ...leading].map(({ name }) => name);
      if (fit.includes(service)) return;
      const wanted = fit.length > 0 ? `one of ${fit.join(", ")}` : `a lab with a service for ${kind}, by ${protocol}`;
      refuse([...path, "traffic", i, "service"], `wanted ${wanted}`);
    });
  }
  for (const [name, own] of Object.entries(file.strategies)) {
    if (!own.traffic && !file.traffic) refuse(["strategies", name], "wanted some traffic, here or for all");
  }
  checkTimelines(file, lab, refuse);
}

/** Each as its strategies play it: with their own router and sessions. What it is wrong for all of them is said once. */
function checkTimelines(file: ScenarioFile, lab: Lab, refuse: (path: PropertyKey[], message: string) => void): void {
  const said = new Set<string>();
  for (const [name, own] of Object.entries(file.strategies)) {
    const { timeline = [], router, holdTimeSeconds = DEFAULT_HOLD_TIME_SECONDS, prefixLimit, seed } = { ...file, ...own };
    const path = own.timeline ? ["strategies", name, "timeline"] : ["timeline"];
    const settings = { session: { holdTimeSeconds, prefixLimit }, seed, linuxIn: router?.kind === "linux" ? name : undefined };
    checkTimeline(lab, timeline, settings, (index, key, wanted) => {
      const mistake = JSON.stringify([path, index, key, wanted]);
      if (!said.has(mistake)) refuse([...path, index, key], `wanted ${wanted}`);
      said.add(mistake);
    });
  }
}
