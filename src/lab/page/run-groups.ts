/** The groups of a lab's run, before its event and after it. */
import { type Lab, nextHopsOf, nodeNamed } from "../lab.ts";
import type { RunResult } from "../run.ts";
import { type GroupReport, reportGroup } from "./groups.ts";

export function groupsOfRun(lab: Lab, { event, services, state }: RunResult): GroupReport[] {
  const departs = nextHopsOf(nodeNamed(lab, event.node)).map((address) => ({ kind: "departs" as const, address }));
  const turns = [{ name: "after", changes: departs }];
  const flows = services.flatMap(({ connections }) => connections.map(({ flow }) => flow));
  return services.flatMap(({ service, judgment: { perNode } }) =>
    reportGroup(lab, service, { router: lab.router.name, state, turns, flows, perNode }),
  );
}
