/**
 * One step of a scenario file's timeline: what it may say, what of it refers to something, and the steps it means. `scenario-file.ts`
 * reads a timeline with it.
 */
import { z } from "zod";
import { oneOf, whole } from "../config/scalar.ts";
import { addressFamily } from "../net/address.ts";
import { FAULTS } from "./fault.ts";
import { mayBefall } from "./fault-consequence.ts";
import { faultSettings } from "./fault-target.ts";
import { LARGEST_TABLE } from "./full-table.ts";
import { FAULT_KINDS, type Lab, type Service, serviceNamed } from "./lab.ts";
import { type FaultStep, type Step, WAIT_NAMES } from "./scenario.ts";

export const seconds = z.number({ error: "wanted seconds" }).min(0).max(86_400);

export const stepSchema = z.union(
  [
    z.strictObject({ wait: z.enum(WAIT_NAMES) }),
    z.strictObject({ at: seconds, name: z.string(), to: z.string() }),
    z
      .strictObject({
        at: seconds,
        fault: oneOf(FAULT_KINDS),
        node: z.string().optional(),
        nodes: z.array(z.string()).min(1).optional(),
        everySeconds: seconds.optional(),
        until: seconds.optional(),
        percent: whole(1, 100).optional(),
        prefixes: whole(1, LARGEST_TABLE).optional(),
        seed: whole(0, 0xffffffff).optional(),
        graceSeconds: seconds.optional(),
        repeat: z.strictObject({ times: whole(1, 1000), everySeconds: seconds }).optional(),
      })
      .refine(({ at, until }) => until === undefined || until > at, { path: ["until"], error: "wanted a time after `at`" })
      .refine(({ node, nodes }) => (node === undefined) !== (nodes === undefined), {
        path: ["node"],
        error: "wanted a node, or `nodes` in turn",
      })
      .refine(({ nodes, everySeconds }) => (nodes === undefined) === (everySeconds === undefined), {
        path: ["everySeconds"],
        error: "wanted beside `nodes`: how long after one the next has its turn",
      }),
  ],
  { error: `wanted {wait: ${WAIT_NAMES.join(" | ")}}, {at, name, to} or {at, fault, node, until, percent, repeat}` },
);

type FileStep = z.output<typeof stepSchema>;

const nodesOfStep = ({ node, nodes = [] }: { node?: string | undefined; nodes?: string[] | undefined }): string[] =>
  node === undefined ? nodes : [node];

/** A step of several nodes, or a repeated one, becomes as many steps. */
export function expandStep(step: FileStep, scenarioSeed: number): Step[] {
  if ("wait" in step) return [step];
  if ("name" in step) return [{ atSeconds: step.at, name: step.name, to: step.to }];
  const { at, until, percent, prefixes, graceSeconds, seed = scenarioSeed, repeat = { times: 1, everySeconds: 0 } } = step;
  const fault = step.fault as FaultStep["fault"];
  return Array.from({ length: repeat.times }, (_, time) =>
    nodesOfStep(step).map((node, turn): FaultStep => {
      const laterSeconds = time * repeat.everySeconds + turn * (step.everySeconds ?? 0);
      const untilSeconds = until === undefined ? undefined : until + laterSeconds;
      return { atSeconds: at + laterSeconds, fault, node, untilSeconds, percent, prefixes, seed, graceSeconds };
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

type Refuse = (key: string, wanted: string) => void;

/** With heartbeats ten times a second; how long a router takes to learn again is not for a forecast to know. */
const SURELY_GIVEN_UP_SECONDS = 3;

/** That names refer to something, and that the forecast knows whether a fault is found. */
export function checkStep(
  lab: Lab,
  step: FileStep,
  { holdTimeSeconds, isLinux }: { readonly holdTimeSeconds: number; readonly isLinux: boolean },
  refuse: Refuse,
): void {
  if ("wait" in step) return;
  if ("name" in step) return checkMove(lab, step, refuse);
  const fit = mayBefall(lab, step.fault as FaultStep["fault"]);
  for (const node of nodesOfStep(step))
    if (!fit.includes(node)) refuse(step.nodes ? "nodes" : "node", `one of ${fit.join(", ")}`);
  const { silent, route, goOn, needsOurRouter } = FAULTS[step.fault as FaultStep["fault"]];
  if (isLinux && needsOurRouter) refuse("fault", `our router, for ${step.fault}`);
  const lasts = (step.until ?? Number.POSITIVE_INFINITY) - step.at;
  if (goOn && lasts <= faultSettings(step).graceSeconds) refuse("until", "an end after the grace is over");
  if (route === "router" && lasts < SURELY_GIVEN_UP_SECONDS) {
    refuse("until", `an end after every client has given up: after ${SURELY_GIVEN_UP_SECONDS} s or more`);
  }
  if (silent && lasts > holdTimeSeconds / 3 && lasts <= holdTimeSeconds + 1) {
    const [least, most] = [holdTimeSeconds / 3, holdTimeSeconds + 1];
    refuse("until", `an end that the hold timer surely misses or sees: before ${least} s, or after ${most} s`);
  }
}
