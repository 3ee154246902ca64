/** For the schema's lists in which everything may stand once. */
import type { z } from "zod";

/** A list in which no two entries share what `keyOf` gives; one that is wrong by itself may have none. */
export function refuseTwice<Entry>(keyOf: (entry: Entry) => unknown, what: string) {
  return (entries: Entry[], context: z.core.$RefinementCtx<Entry[]>): void => {
    const seen = new Set<unknown>();
    entries.forEach((entry, i) => {
      const key = keyOf(entry);
      if (key !== undefined && seen.has(key))
        context.addIssue({ code: "custom", path: [i], message: `wanted each ${what} once` });
      seen.add(key);
    });
  };
}
