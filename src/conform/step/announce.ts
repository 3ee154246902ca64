/** Steps that tell the speaker of a route, ordinary but for what the script changes, and take it back. */
import { encodeAsPath } from "../../bgp/as-path.ts";
import { encodeAttribute } from "../../bgp/attribute-list.ts";
import { ATTRIBUTE } from "../../bgp/iana.ts";
import { SEGMENT } from "../../bgp/path.ts";
import type { Step } from "../check.ts";
import { ordinaryAttributes, updateBytes, WELL_KNOWN } from "../messages.ts";
import type { Stage } from "../stage.ts";
import { send } from "./session.ts";

type TypedAttribute = readonly [type: number, encoded: Uint8Array];

/** A route with the ordinary attributes and these; one under the same type replaces the ordinary one. */
export const announce = (what: string, more: (stage: Stage) => readonly TypedAttribute[] = () => [], which: 0 | 1 = 0): Step =>
  send(what, (stage) => {
    const attributes = new Map([...ordinaryAttributes(stage), ...more(stage)]);
    return updateBytes({ attributes, prefixes: [stage.prefix(which)] });
  });

export const withdraw: Step = send("its withdrawal", (stage) => updateBytes({ withdrawn: [stage.prefix()] }));

/** AS_PATH of one sequence; a segment has room for 255. */
export function asPath(asns: readonly number[]): TypedAttribute {
  const segments = [];
  for (let at = 0; at < asns.length; at += 255) segments.push({ type: SEGMENT.sequence, asns: asns.slice(at, at + 255) });
  return [ATTRIBUTE.asPath, encodeAttribute(ATTRIBUTE.asPath, WELL_KNOWN, encodeAsPath(segments, 4))];
}
