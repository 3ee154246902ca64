/**
 * The experiment that a lab file holds, as scenarios, one for each of its selectors: the lab's clients, its event once they have
 * been watched for a while, and the demand that all of it was forecast. `perform.ts` and `part.ts` play them. Pure.
 */
import { type Lab, nodeNamed, routersAt, type SelectorChoice } from "./lab.ts";
import type { EcmpRouterSettings } from "./router-settings.ts";
import type { Scenario, Traffic } from "./scenario.ts";

/** Between two heartbeats of a connection. */
const BEAT_MS = 100;
const WATCH_BEFORE_SECONDS = 0.5;
/** After the change is in force: longer than a time-out takes. */
const WATCH_AFTER_SECONDS = 2.5;

/** Its router is ours. */
type ExperimentScenario = Scenario & { readonly router: EcmpRouterSettings };

export const experimentOf = (lab: Lab): ExperimentScenario[] =>
  lab.experiment.selectors.map((selector) => withSelector(lab, selector));

function withSelector(lab: Lab, selector: SelectorChoice): ExperimentScenario {
  const { hash, event } = lab.experiment;
  const [at] = routersAt(lab, nodeNamed(lab, event.node));
  return {
    name: selector.name,
    description: lab.description,
    lab: lab.name,
    seed: hash.seed,
    holdTimeSeconds: (at?.router ?? lab.router).holdTimeSeconds,
    router: { kind: "ecmp-router", ecmp: { hash, selector } },
    traffic: lab.clients.map(({ service, connections, firstSourcePort }): Traffic => {
      return { kind: "connections", service, count: connections, everyMs: BEAT_MS, firstSourcePort };
    }),
    timeline: [{ atSeconds: WATCH_BEFORE_SECONDS, fault: event.kind, node: event.node }],
    watchSeconds: WATCH_AFTER_SECONDS,
    assertions: [{ text: "as forecast" }],
  };
}
