/** The resilient tables of vendors, event by event as their sources tell it. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { aristaRecmp } from "#src/ecmp/select/arista-recmp.ts";
import { autoRecovery } from "#src/ecmp/select/auto-recovery.ts";
import { cumulusBroadcom } from "#src/ecmp/select/cumulus-broadcom.ts";
import { cumulusSpectrum } from "#src/ecmp/select/cumulus-spectrum.ts";
import { resilient } from "#src/ecmp/select/resilient.ts";
import { sonicFgnhg } from "#src/ecmp/select/sonic-fgnhg.ts";
import { type Member, memberShares, type SelectionTable, type Selector, type SelectorOptions } from "#src/ecmp/table.ts";

/** Members by one-letter names: "abc" are 97, 98, 99. */
const named = (names: string): Member[] => [...names].map((name) => ({ address: name.charCodeAt(0), weight: 1 }));
const layout = ({ owners, members }: SelectionTable): string =>
  [...owners].map((owner) => String.fromCharCode(Number(members[owner].address))).join("");

/** The layouts as the members change: "abc", "ac". */
function layouts(selector: Selector, options: SelectorOptions, ...history: string[]): string[] {
  let table: SelectionTable | undefined;
  return history.map((names) => {
    table = selector.fill(named(names), options, table);
    return layout(table);
  });
}

/** How many buckets differ. */
const differences = (a: string, b: string): number => [...a].filter((name, i) => name !== b[i]).length;

describe("auto-recovery", () => {
  it("keeps the picture at the top of its file", () => {
    expect(layouts(autoRecovery, { buckets: 8 }, "abc", "ac", "abc")).toEqual(["abcabcab", "accaacac", "abcabcab"]);
    // What the plain selector makes of the same history.
    expect(layouts(resilient, { buckets: 8 }, "abc", "ac", "abc")[2]).not.toBe("abcabcab");
  });

  it("restores the original distribution when all are back, whatever the order, and even when all were away", () => {
    const subsets = fc.subarray([..."abcdefg"]).map((names) => names.join(""));
    fc.assert(
      fc.property(fc.array(subsets, { maxLength: 8 }), (history) => {
        const all = layouts(autoRecovery, {}, "abcdefg", ...history, "abcdefg");
        expect(all.at(-1)).toBe(all[0]);
      }),
    );
  });

  it("makes a new original of what a newcomer leaves, and forgets who was away", () => {
    const [, , grown, without, again] = layouts(autoRecovery, { buckets: 12 }, "abc", "ac", "acd", "ad", "acd");
    expect(differences(grown, without)).toBe(4);
    expect(again).toBe(grown);
    const back = layouts(autoRecovery, { buckets: 12 }, "abc", "ac", "acd", "abcd").at(-1);
    expect([..."abcd"].map((name) => [...(back ?? "")].filter((owner) => owner === name).length)).toEqual([3, 3, 3, 3]);
  });
});

describe("arista-recmp", () => {
  it("keeps the picture at the top of its file", () => {
    expect(layouts(aristaRecmp, { capacity: 3, redundancy: 2 }, "abc", "ac", "abc")).toEqual(["abcabc", "aacacc", "aacbcb"]);
  });

  it("has capacity times redundancy slots: each member as many as the redundancy when all are there, duplicates when not", () => {
    const options = { capacity: 4, redundancy: 3 };
    expect(memberShares(aristaRecmp.fill(named("abcd"), options))).toEqual([3, 3, 3, 3]);
    expect(memberShares(aristaRecmp.fill(named("ab"), options))).toEqual([6, 6]);
    expect(() => aristaRecmp.fill(named("abcde"), options)).toThrow("5 members, wanted at most its capacity 4");
    expect(() => aristaRecmp.fill(named("ab"), { capacity: 4, redundancy: 0.5 })).toThrow("wanted whole numbers from 1");
  });

  it("depends on the order of events", () => {
    const options = { capacity: 4, redundancy: 2 };
    const one = layouts(aristaRecmp, options, "abcd", "bcd", "cd", "acd", "abcd").at(-1);
    const other = layouts(aristaRecmp, options, "abcd", "acd", "cd", "bcd", "abcd").at(-1);
    expect(one).not.toBe(other);
  });
});

describe("cumulus-broadcom", () => {
  it("assigns at random, near-equal, as its seed says", () => {
    const [table] = layouts(cumulusBroadcom, {}, "abc");
    expect(table).toHaveLength(128);
    expect([..."abc"].map((name) => [...table].filter((owner) => owner === name).length)).toEqual([43, 43, 42]);
    expect(layouts(cumulusBroadcom, { seed: 0 }, "abc")).toEqual([table]);
    expect(differences(layouts(cumulusBroadcom, { seed: 1 }, "abc")[0], table)).toBeGreaterThan(40);
    expect(differences(layouts(resilient, {}, "abc")[0], table)).toBeGreaterThan(40);
  });

  it("gives a newcomer some buckets at once", () => {
    const [before, after] = layouts(cumulusBroadcom, { buckets: 64 }, "abc", "abcd");
    expect(differences(before, after)).toBe(16);
  });
});

describe("cumulus-spectrum", () => {
  const fill = (names: string, previous: SelectionTable, idleSeconds: number[], unbalancedSeconds = 0, options = {}) =>
    cumulusSpectrum.fill(named(names), options, previous, { idleSeconds, unbalancedSeconds });
  const start = cumulusSpectrum.fill(named("abc"), {});
  const joined = cumulusSpectrum.fill(named("abcd"), {}, start);
  const busy = new Array<number>(64).fill(0);

  it("has 64 buckets and redistributes a removed next hop's at once", () => {
    const after = cumulusSpectrum.fill(named("ac"), {}, start);
    expect(memberShares(start)).toEqual([22, 21, 21]);
    expect(differences(layout(start), layout(after))).toBe(21);
  });

  it("gives a newcomer nothing while every bucket is in use", () => {
    expect(layout(joined)).toBe(layout(start));
    expect(layout(fill("abcd", joined, busy))).toBe(layout(start));
  });

  it("gives it the buckets that were idle for the active timer, 120 seconds, and no more than its due", () => {
    const idle = busy.map((_, bucket) => (bucket === 7 ? 120 : bucket === 9 ? 119.9 : 0));
    const after = fill("abcd", joined, idle);
    expect([...layout(after)].flatMap((name, bucket) => (name === "d" ? [bucket] : []))).toEqual([7]);
    expect(differences(layout(after), layout(start))).toBe(1);
    expect(memberShares(fill("abcd", joined, busy.fill(1e6))).sort()).toEqual([16, 16, 16, 16]);
    busy.fill(0);
    expect(layout(fill("abcd", joined, idle, 0, { idleTimerSeconds: 119 }))).not.toBe(layout(after));
  });

  it("forces a rebalance when the second timer has run out, which is off unless told", () => {
    expect(layout(fill("abcd", joined, busy, 1e9))).toBe(layout(start));
    const forced = fill("abcd", joined, busy, 60, { unbalancedTimerSeconds: 60 });
    expect(memberShares(forced)).toEqual([16, 16, 16, 16]);
    expect(layout(fill("abcd", joined, busy, 59, { unbalancedTimerSeconds: 60 }))).toBe(layout(start));
  });
});

describe("sonic-fgnhg", () => {
  const banks = ["abc", "def"].map((bank) => named(bank).map(({ address }) => address));
  const run = (...history: string[]) => layouts(sonicFgnhg, { buckets: 12, banks }, ...history);

  it("keeps the picture at the top of its file", () => {
    expect(run("abcdef", "acdef", "ac", "acd")).toEqual(["abcabcdefdef", "aacaccdefdef", "aacaccacacac", "aacaccdddddd"]);
  });

  it("confines a change to the bank that it is in", () => {
    fc.assert(
      fc.property(fc.subarray([..."abc"], { minLength: 1 }), fc.subarray([..."def"], { minLength: 1 }), (first, second) => {
        const [before, after] = run("abcdef", [...first, ...second].join(""));
        for (const [i, name] of [...after].entries()) {
          expect(i < 6 ? "abc" : "def").toContain(name);
          if (after.includes(before[i])) expect(name).toBe(before[i]);
        }
      }),
    );
  });

  it("gives a newcomer the very buckets of the one that it replaces in its bank", () => {
    expect(run("abdef", "bcdef")[1]).toBe(run("abdef")[0].replaceAll("a", "c"));
    expect(run("abdef", "bcdef")[0]).toBe("abababdefdef");
  });

  it("lets the bank that stands in for one that is down go on doing so when a third comes back", () => {
    const three = ["ab", "cd", "ef"].map((bank) => named(bank).map(({ address }) => address));
    const history = ["abcdef", "cdef", "cd", "abcd"];
    const [, firstDown, twoDown, firstBack] = layouts(sonicFgnhg, { buckets: 12, banks: three }, ...history);
    expect(firstDown).toBe("cdcdcdcdefef");
    expect(twoDown).toBe("cdcdcdcdcdcd");
    expect(firstBack).toBe("ababcdcdcdcd");
  });

  it("spreads banks that are down from the start over those that are up", () => {
    const four = ["a", "b", "c", "d"].map((bank) => named(bank).map(({ address }) => address));
    expect(layouts(sonicFgnhg, { buckets: 4, banks: four }, "bd")).toEqual(["bbdd"]);
  });

  it("leaves out whoever is in no bank, and has nowhere to go when nobody is", () => {
    expect(run("abxdef")[0]).toBe("abababdefdef");
    expect(sonicFgnhg.fill(named("xy"), { banks }).owners).toHaveLength(0);
  });

  it("divides the recommended 60 buckets evenly among any number of next hops to 6", () => {
    for (let count = 1; count <= 6; count++) {
      const shares = memberShares(sonicFgnhg.fill(named("abcdef".slice(0, count)), {}));
      expect(new Set(shares)).toEqual(new Set([60 / count]));
    }
  });
});
