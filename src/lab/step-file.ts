/**
 * One step of a scenario file's timeline: what it may say, what of it refers to something, and the steps it means.
 * `scenario-file.ts` reads a timeline with it; `timeline-file.ts` holds the steps against each other.
 */
import { z } from "zod";
import { whole } from "../config/scalar.ts";
import { addressFamily } from "../net/address.ts";
import { choice } from "./choice.ts";
import { FAULTS } from "./fault.ts";
import { mayBefall } from "./fault-consequence.ts";
import { faultSettings, type SomeSettings, seconds, settingsShape, whyUnheeded } from "./fault-setting.ts";
import { FAULT_KINDS, type FaultKind, type Lab, type Service, serviceNamed } from "./lab.ts";
import { type FaultStep, type NameStep, type Step, WAIT_NAMES, type WaitStep } from "./scenario.ts";
import type { Refuse, Sound } from "./sound.ts";

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

type NameFileStep = z.output<typeof SHAPES.name>;
export type FileStep = WaitStep | NameFileStep | FaultFileStep;

export const stepSchema = choice<FileStep>(SHAPES, {
  wanted: `{wait: ${WAIT_NAMES.join(" | ")}}, {at, name, to} or {at, fault, node, until}`,
  whyUnknown: (step, key) => (isFaultKind(step.fault) ? whyUnheeded(step.fault, key) : "wanted no such key here"),
});

const isFaultKind = (value: unknown): value is FaultKind => FAULT_KINDS.some((kind) => kind === value);

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
function checkMove(lab: Lab, { name, to }: Sound<NameFileStep>, refuse: Refuse): void {
  if (name === undefined) return;
  const known = lab.names.find((each) => each.name === name);
  if (!known) {
    return refuse(["name"], `one of ${lab.names.map((each) => each.name).join(", ") || "the lab's `names`, which has none"}`);
  }
  const { port, address, appProtocol } = serviceNamed(lab, known.service);
  const isLike = (service: Service) =>
    service.port === port && service.appProtocol === appProtocol && addressFamily(service.address) === addressFamily(address);
  const fit = lab.services.filter((service) => service.protocols.includes("tcp") && isLike(service)).map(({ name }) => name);
  if (to !== undefined && !fit.includes(to)) refuse(["to"], `one of ${fit.join(", ")}`);
}

/** With heartbeats ten times a second; how long a router takes to learn again is not for a forecast to know. */
const SURELY_GIVEN_UP_SECONDS = 3;

interface Circumstances {
  readonly holdTimeSeconds: number | undefined;
  /** The strategy, where a Linux router is in our place. */
  readonly linuxIn: string | undefined;
}

/** That names refer to something, as far as the lab is known, and that the forecast knows whether a fault is found. */
export function checkStep(lab: Lab | undefined, step: Sound<FileStep>, circumstances: Circumstances, refuse: Refuse): void {
  if ("fault" in step) {
    if (lab) checkBefallen(lab, step, refuse);
    checkFault(step, circumstances, refuse);
  } else if ("name" in step && lab) checkMove(lab, step, refuse);
}

function checkBefallen(lab: Lab, { fault, node, nodes }: Sound<FaultFileStep>, refuse: Refuse): void {
  if (fault === undefined) return;
  const fit = mayBefall(lab, fault);
  const wanted = fit.length > 0 ? `one of ${fit.join(", ")}` : `a lab with a node that ${fault} can befall`;
  if (node !== undefined && !fit.includes(node)) refuse(["node"], wanted);
  nodes?.forEach((each, i) => {
    if (each !== undefined && !fit.includes(each)) refuse(["nodes", i], wanted);
  });
}

function checkFault(step: Sound<FaultFileStep>, { holdTimeSeconds, linuxIn }: Circumstances, refuse: Refuse): void {
  const { at, until, fault } = step;
  if ("node" in step === "nodes" in step) refuse(["node"], "a node, or `nodes` in turn");
  if ("nodes" in step !== "everySeconds" in step) {
    refuse(["everySeconds"], "it beside `nodes`: how long after one the next has its turn");
  }
  if (fault !== undefined && linuxIn !== undefined && FAULTS[fault].needsOurRouter) {
    refuse(["fault"], `our router, where ${linuxIn} has a Linux router`);
  }
  if (at === undefined || ("until" in step && until === undefined)) return;
  const lastsSeconds = (until ?? Number.POSITIVE_INFINITY) - at;
  if (lastsSeconds <= 0) refuse(["until"], "a time after `at`");
  else if (fault !== undefined) checkDuration(step, fault, lastsSeconds, holdTimeSeconds, refuse);
}

function checkDuration(
  step: Sound<FaultFileStep>,
  fault: FaultKind,
  lastsSeconds: number,
  holdTimeSeconds: number | undefined,
  refuse: Refuse,
): void {
  const { silent, route, halves } = FAULTS[fault];
  const graceSeconds = "graceSeconds" in step ? step.graceSeconds : faultSettings(step).graceSeconds;
  if (halves && graceSeconds !== undefined && lastsSeconds <= graceSeconds) refuse(["until"], "an end after the grace is over");
  if (route === "router" && lastsSeconds < SURELY_GIVEN_UP_SECONDS) {
    refuse(["until"], `an end after every client has given up: after ${SURELY_GIVEN_UP_SECONDS} s or more`);
  }
  if (holdTimeSeconds === undefined) return;
  const [least, most] = [holdTimeSeconds / 3, holdTimeSeconds + 1];
  if (silent && lastsSeconds > least && lastsSeconds <= most) {
    refuse(["until"], `an end that the hold timer surely misses or sees: before ${least} s, or after ${most} s`);
  }
}
