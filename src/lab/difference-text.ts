/**
 * A connection or request that went otherwise than forecast, in words: `outcome.ts` tells those that no named reason explains.
 * Pure.
 */
import type { ObservedFlow } from "./difference.ts";
import type { Expectation } from "./expectation.ts";

/** `nodeOf`: the names of the nodes, by what a forecast calls them. */
export function describeDifference(
  { flow, nextHops, fate }: Expectation,
  { broken, wasReset, amiss, entry, pod, leftFor, lostPackets, wentAstray, silence, dueMs, fromMs, toMs, endedMs }: ObservedFlow,
  startMs: number,
  nodeOf: ReadonlyMap<string, string>,
): string {
  const path = nextHops.map((nextHop = "nowhere") => nodeOf.get(nextHop) ?? nextHop).join(" > ");
  const seen = [
    ...(amiss ? [amiss] : []),
    ...(broken ? [wasReset ? "was reset" : "fell silent"] : amiss ? [] : ["lived"]),
    ...(entry ? [`entered by ${nodeOf.get(entry)}, pod ${pod}`] : []),
    ...(leftFor ? [`left for ${[...leftFor].join(" and ")}`] : []),
    ...(lostPackets ? ["lost packets"] : []),
    ...(wentAstray ? ["was told another address"] : []),
    ...(silence
      ? [`heard nothing for ${silence.lastedMs.toFixed(0)} ms (${silence.waitedMs.toFixed(0)} of them a process waited)`]
      : []),
  ];
  const since = (atMs: number) => (atMs - startMs).toFixed(0);
  const ended = endedMs === undefined ? "" : ` and ended at ${since(endedMs)} ms`;
  const due = dueMs === undefined ? "" : `due at ${since(dueMs)} ms, `;
  const when = `${due}from ${since(fromMs)} to ${since(toMs)} ms${ended}`;
  return `${flow}: forecast ${path} (${fate}); it ${seen.join(", ")}, ${when}`;
}
