/** Whom a fault befalls, and what it is told: what the rows of `fault-deed.ts` are called with. */
import type { Clock } from "../net/clock.ts";
import type { Cast } from "./cast.ts";
import type { FaultSettings } from "./fault.ts";
import { faultSettings, type ToldFault } from "./fault-setting.ts";
import { type ClusterNode, type Endpoint, type FaultKind, type Lab, nodeNamed } from "./lab.ts";
import { inNamespace } from "./namespace.ts";
import { execute } from "./process.ts";

export interface Target {
  readonly clock: Clock;
  readonly cast: Cast;
  readonly node: ClusterNode;
  readonly settings: FaultSettings;
  /** What else is at work there. */
  readonly beside: readonly { readonly fault: FaultKind; readonly settings: FaultSettings }[];
}

/** Of one fault among those `atWork`, itself or not. Who is a node is asked only by what befalls one. */
export const makeTarget = (clock: Clock, cast: Cast, told: ToldFault, atWork: Iterable<ToldFault> = []): Target => ({
  clock,
  cast,
  settings: faultSettings(told),
  beside: [...atWork]
    .filter((other) => other !== told && other.node === told.node)
    .map((other) => ({ fault: other.fault, settings: faultSettings(other) })),
  get node() {
    return nodeNamed(cast.lab, told.node);
  },
});

export const inNode = async ({ node }: Target, command: readonly string[]): Promise<string> =>
  await execute(inNamespace(node.name, command));

/** The node's end of its link to the fabric, and the other one. */
export function linkEnds({ links }: Lab, node: ClusterNode): readonly [Endpoint, Endpoint] {
  for (const [a, b] of links) {
    if (a.node === node.name && a.address) return [a, b];
    if (b.node === node.name && b.address) return [b, a];
  }
  throw new Error(`${node.name} has no link, and the lab file was checked for that`);
}

export const linkOf = ({ cast, node }: Target): Endpoint => linkEnds(cast.lab, node)[0];
