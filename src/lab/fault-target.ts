/** Whom a fault befalls, and what it is told: what the rows of `fault.ts` are called with. */
import type { Clock } from "../net/clock.ts";
import type { Cast } from "./cast.ts";
import { type ClusterNode, type Endpoint, type Lab, nodeNamed } from "./lab.ts";
import { inNamespace } from "./namespace.ts";
import { execute } from "./process.ts";

/** What a fault may be told. */
export interface FaultSettings {
  /** Of packets, where it befalls some. */
  readonly percent: number;
  /** How many a flood has. */
  readonly prefixes: number;
  /** Of what is drawn. */
  readonly seed: number;
  /** Between the two halves of one that has them. */
  readonly graceSeconds: number;
}

/** Of a flood. */
export const DEFAULT_PREFIXES = 10_000;

export type SomeSettings = { readonly [name in keyof FaultSettings]?: number | undefined };

export const faultSettings = (given: SomeSettings): FaultSettings => {
  const { percent = 100, prefixes = DEFAULT_PREFIXES, seed = 1, graceSeconds = 1 } = given;
  return { percent, prefixes, seed, graceSeconds };
};

export interface Target extends FaultSettings {
  readonly clock: Clock;
  readonly cast: Cast;
  readonly node: ClusterNode;
}

/** `name`: of the node that it befalls, or of the router; who is a node is asked only by what befalls one. */
export const makeTarget = (clock: Clock, cast: Cast, name: string, settings: FaultSettings): Target => ({
  clock,
  cast,
  ...settings,
  get node() {
    return nodeNamed(cast.lab, name);
  },
});

export const inNode = async ({ node }: Target, command: readonly string[]): Promise<void> =>
  void (await execute(inNamespace(node.name, command)));

/** The node's end of its link to the fabric, and the other one. */
export function linkEnds({ links }: Lab, node: ClusterNode): readonly [Endpoint, Endpoint] {
  for (const [a, b] of links) {
    if (a.node === node.name && a.address) return [a, b];
    if (b.node === node.name && b.address) return [b, a];
  }
  throw new Error(`${node.name} has no link, and the lab file was checked for that`);
}

export const linkOf = ({ cast, node }: Target): Endpoint => linkEnds(cast.lab, node)[0];
