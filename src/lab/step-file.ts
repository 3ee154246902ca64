/**
 * One step of a scenario file's timeline: what it may say, what of it refers to something, and the steps it means. `scenario-file.ts`
 * reads a timeline with it; `timeline-file.ts` holds the steps against each other.
 */
import { z } from "zod";
import { whole } from "../config/scalar.ts";
import { addressFamily } from "../net/address.ts";
import { FAULTS } from "./fault.ts";
import { mayBefall } from "./fault-consequence.ts";
import { faultSettings, type SomeSettings, seconds, settingsShape, whyUnheeded } from "./fault-setting.ts";
import { FAULT_KINDS, type FaultKind, type Lab, type Service, serviceNamed } from "./lab.ts";
import { type FaultStep, type NameStep, type Step, WAIT_NAMES, type WaitStep } from "./scenario.ts";

const node = z.string({ error: "wanted a node's name" });

export interface FaultFileStep extends SomeSettings {
  readonly fault: FaultKind;
  readonly at: number;
  readonly node?: string | undefined;
  /** In turn, one `everySeconds` after the other. */
  readonly nodes?: readonly string[] | undefined;
  readonly everySeconds?: number | undefined;
  readonly until?: number | undefined;
  readonly repeat?: { readonly times: number; readonly everySeconds: number } | undefined;
}

/** Beside what every fault has, each kind has the keys that it heeds; one that passes by itself has no end. */
const shapeOf = (kind: FaultKind) => ({
  fault: z.literal(kind),
  at: seconds,
  node: node.optional(),
  nodes: z.array(node).min(1, { error: "wanted a node at least" }).optional(),
  everySeconds: seconds.optional(),
  repeat: z.strictObject({ times: whole(1, 1000), everySeconds: seconds }).optional(),
  ...(FAULTS[kind].passes ? {} : { until: seconds.optional() }),
  ...settingsShape(kind),
});

const KINDS = FAULT_KINDS.map((kind) => z.strictObject(shapeOf(kind)));

/** What a step is, one key of its own tells. */
const SHAPES = {
  wait: z.strictObject({ wait: z.enum(WAIT_NAMES, { error: `wanted ${WAIT_NAMES.join(" or ")}` }) }),
  name: z.strictObject({ at: seconds, name: z.string({ error: "wanted a name" }), to: z.string({ error: "wanted a service" }) }),
  fault: z.discriminatedUnion("fault", KINDS as [(typeof KINDS)[number]], { error: `wanted one of ${FAULT_KINDS.join(", ")}` }),
};
const SHAPE_NAMES = ["wait", "name", "fault"] as const;

type NameFileStep = z.output<typeof SHAPES.name>;
export type FileStep = WaitStep | NameFileStep | FaultFileStep;

/** A union of the three would only say that it is none of them. */
export const stepSchema = z.unknown().transform((value, context): FileStep => {
  const shape = SHAPE_NAMES.find((name) => typeof value === "object" && value !== null && name in value);
  const refuse = (path: PropertyKey[], message: string) => context.addIssue({ code: "custom", path, message, input: value });
  if (!shape) {
    refuse([], `wanted {wait: ${WAIT_NAMES.join(" | ")}}, {at, name, to} or {at, fault, node, until}`);
    return z.NEVER;
  }
  const result = SHAPES[shape].safeParse(value);
  if (!result.success) {
    for (const issue of result.error.issues) {
      if (issue.code !== "unrecognized_keys") context.issues.push({ ...issue, input: value } as z.core.$ZodRawIssue);
      else
        for (const key of issue.keys)
          refuse([key], shape === "fault" ? whyUnheeded((value as FaultFileStep).fault, key) : "wanted no such key here");
    }
    return z.NEVER;
  }
  const step = result.data as FileStep;
  if ("fault" in step) checkTimes(step, (key, wanted) => refuse([key], `wanted ${wanted}`));
  return step;
});

type Refuse = (key: string, wanted: string) => void;

function checkTimes({ fault, at, until, node, nodes, everySeconds, ...told }: FaultFileStep, refuse: Refuse): void {
  if (until !== undefined && until <= at) refuse("until", "a time after `at`");
  if ((node === undefined) === (nodes === undefined)) refuse("node", "a node, or `nodes` in turn");
  if ((nodes === undefined) !== (everySeconds === undefined))
    refuse("everySeconds", "it beside `nodes`: how long after one the next has its turn");
  if (FAULTS[fault].halves && until !== undefined && until > at && until - at <= faultSettings(told).graceSeconds)
    refuse("until", "an end after the grace is over");
}

const nodesOfStep = ({ node, nodes = [] }: FaultFileStep): readonly string[] => (node === undefined ? nodes : [node]);

/** A step of several nodes, or a repeated one, becomes as many steps. */
export function expandStep(step: FileStep, scenarioSeed: number): Step[] {
  if ("wait" in step) return [step];
  if ("name" in step) return [{ atSeconds: step.at, name: step.name, to: step.to } satisfies NameStep];
  const { at, until, node: _, nodes: __, everySeconds = 0, repeat = { times: 1, everySeconds: 0 }, ...told } = step;
  return Array.from({ length: repeat.times }, (_, time) =>
    nodesOfStep(step).map((node, turn): FaultStep => {
      const laterSeconds = time * repeat.everySeconds + turn * everySeconds;
      const untilSeconds = until === undefined ? undefined : until + laterSeconds;
      return { seed: scenarioSeed, ...told, atSeconds: at + laterSeconds, node, untilSeconds };
    }),
  ).flat();
}

/** Where a name leads, clients find the same protocol, port and family. */
function checkMove(lab: Lab, { name, to }: { name: string; to: string }, refuse: Refuse): void {
  const known = lab.names.find((each) => each.name === name);
  if (!known)
    return refuse("name", `one of ${lab.names.map((each) => each.name).join(", ") || "the lab's `names`, which has none"}`);
  const { port, address, appProtocol } = serviceNamed(lab, known.service);
  const isLike = (service: Service) =>
    service.port === port && service.appProtocol === appProtocol && addressFamily(service.address) === addressFamily(address);
  const fit = lab.services.filter((service) => service.protocols.includes("tcp") && isLike(service)).map(({ name }) => name);
  if (!fit.includes(to)) refuse("to", `one of ${fit.join(", ")}`);
}

/** With heartbeats ten times a second; how long a router takes to learn again is not for a forecast to know. */
const SURELY_GIVEN_UP_SECONDS = 3;

/** That names refer to something, and that the forecast knows whether a fault is found. */
export function checkStep(
  lab: Lab,
  step: FileStep,
  { holdTimeSeconds, linuxIn }: { readonly holdTimeSeconds: number; readonly linuxIn: string | undefined },
  refuse: Refuse,
): void {
  if ("wait" in step) return;
  if ("name" in step) return checkMove(lab, step, refuse);
  const fit = mayBefall(lab, step.fault);
  for (const node of nodesOfStep(step))
    if (!fit.includes(node)) refuse(step.nodes ? "nodes" : "node", `one of ${fit.join(", ")}`);
  const { silent, route, needsOurRouter } = FAULTS[step.fault];
  if (linuxIn !== undefined && needsOurRouter) refuse("fault", `our router, where ${linuxIn} has a Linux router`);
  const lasts = (step.until ?? Number.POSITIVE_INFINITY) - step.at;
  if (route === "router" && lasts < SURELY_GIVEN_UP_SECONDS) {
    refuse("until", `an end after every client has given up: after ${SURELY_GIVEN_UP_SECONDS} s or more`);
  }
  if (silent && lasts > holdTimeSeconds / 3 && lasts <= holdTimeSeconds + 1) {
    const [least, most] = [holdTimeSeconds / 3, holdTimeSeconds + 1];
    refuse("until", `an end that the hold timer surely misses or sees: before ${least} s, or after ${most} s`);
  }
}
