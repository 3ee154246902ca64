import { describe, expect, it } from "vitest";
import { SELECTORS } from "#src/ecmp/selector.ts";
import { SELECTOR_OPTIONS, selectorsWith, takesOption } from "#src/ecmp/selector-options.ts";
import type { Member, SelectorOptions } from "#src/ecmp/table.ts";

const members: Member[] = [1, 2, 3].map((n) => ({ address: 0x0a000000 + n, weight: 1 }));

/** All that a selector asks of its options while a member departs from a table with timers and returns to it. */
function optionsRead(name: string): string[] {
  const read = new Set<string>();
  const watched = new Proxy<SelectorOptions>(
    {},
    {
      get: (_, option) => {
        read.add(String(option));
        return undefined;
      },
    },
  );
  const { fill } = SELECTORS[name];
  const full = fill(members, watched);
  const activity = { idleSeconds: [...full.owners].fill(9), unbalancedSeconds: 9 };
  fill(members, watched, fill(members.slice(1), watched, full, activity), activity);
  return [...read].sort();
}

describe("the options of selectors", () => {
  it.each(Object.keys(SELECTORS))("of %s are what it reads, no more and no less", (name) => {
    expect(optionsRead(name)).toEqual([...SELECTOR_OPTIONS[name as keyof typeof SELECTOR_OPTIONS]].sort());
  });

  it("know who takes what", () => {
    expect(selectorsWith("replicas")).toEqual(["ring"]);
    expect(takesOption("maglev", "buckets")).toBe(true);
    expect(takesOption("constructor", "buckets")).toBe(false);
  });
});
