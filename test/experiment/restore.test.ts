import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { restoreFib } from "#src/experiment/restore.ts";
import type { FibState } from "#src/fib/state.ts";
import { sketchState } from "./state.ts";

const sketch = () => ({
  buckets: sketchState({ selector: "modulo", groups: [{ prefixes: ["10.0.0.0/8"], members: ["10.0.0.1", "10.0.0.2*2"] }] }),
  bounds: sketchState({ selector: "threshold", groups: [{ prefixes: ["10.0.0.0/8"], members: ["10.0.0.1", "10.0.0.2*2"] }] }),
});

/** The state with the value at `path` replaced. */
function spoil(state: FibState, path: string, value: unknown): FibState {
  const keys = path.split(".");
  const last = keys.pop() as string;
  const parent = keys.reduce<unknown>((node, key) => (node as Record<string, unknown>)[key], state);
  (parent as Record<string, unknown>)[last] = value;
  return state;
}

describe("a FIB state", () => {
  it("comes back with its tables as they were", () => {
    const { buckets, bounds } = sketch();
    const members = [
      { address: 0x0a000001, weight: 1 },
      { address: 0x0a000002, weight: 2 },
    ];
    expect(restoreFib(buckets).groups[0].table).toEqual({ members, reduction: "buckets", owners: Uint16Array.of(0, 1, 1) });
    expect(restoreFib(bounds).groups[0].table).toEqual({
      members,
      reduction: "bounds",
      owners: Uint16Array.of(0, 1),
      bounds: Uint32Array.of(0x55555554, 0xffffffff),
    });
  });

  it.each([
    ["hash", undefined, "hash is undefined, wanted an object"],
    ["hash.algorithm", "md5", 'hash.algorithm is "md5", wanted one of xxh32'],
    ["hash.algorithm", "constructor", 'hash.algorithm is "constructor"'],
    ["hash.seed", -1, "hash.seed is -1, wanted a whole number from 0 to 4294967295"],
    ["hash.fields", undefined, "hash.fields is undefined, wanted a list"],
    ["hash.fields", [], "hash.fields is [], wanted at least one field"],
    ["hash.fields", ["colour"], 'hash.fields[0] is "colour", wanted one of 3-tuple'],
    ["hash.symmetric", "no", 'hash.symmetric is "no", wanted true or false'],
    ["hash.offset", 32, "hash.offset is 32, wanted a whole number from 0 to 31"],
    ["hash.masks", { "source-address": 400 }, "hash.masks.source-address is 400, wanted how many leading bits count"],
    [
      "hash.masks",
      { "source-address": { ipv4: 33 } },
      "hash.masks.source-address.ipv4 is 33, wanted a whole number from 0 to 32",
    ],
    ["hash.masks", { colour: { ipv4: 8 } }, 'hash.masks.colour is {"ipv4":8}, wanted no such key here'],
    ["hash.linux", { policy: 9 }, "hash.linux.policy is 9, wanted a policy from 0 to 3"],
    ["hash.linux", { policy: 1 }, 'hash.linux is {"policy":1}, wanted only with the algorithm linux'],
    ["hash.algorithm", "linux", "hash.linux is undefined, wanted the kernel's policy"],
    ["hash.fields", ["5-tuple", "protocol"], 'hash.fields is ["5-tuple","protocol"], wanted each field once'],
    ["hash.profile", "cisco-abacus", 'hash.profile is "cisco-abacus", wanted one of linux-l3'],
    ["selector.name", "best", 'selector.name is "best", wanted one of modulo, threshold'],
    ["selector.buckets", 7, "selector.buckets is 7, wanted only with hrw, resilient"],
    ["groups.0.members.1.share", 1, "groups[0].members[1].share is 1, wanted 2, what its owners add up to"],
    ["groups", {}, "groups is {}, wanted a list"],
    ["groups.0.prefixes.0", "10.0.0.1/8", 'groups[0].prefixes[0] is "10.0.0.1/8", wanted a prefix'],
    ["groups.0.prefixes", ["10.0.0.0/8", "10.0.0.0/8"], 'groups is "10.0.0.0/8", wanted every prefix in one group only'],
    ["groups.0.members.1.address", "10.0.0.256", 'groups[0].members[1].address is "10.0.0.256", wanted an address'],
    ["groups.0.members.1.address", "10.0.0.1", "wanted every address once"],
    ["groups.0.members.0.weight", 0, "groups[0].members[0].weight is 0, wanted a whole number from 1"],
    ["groups.0.owners.2", 2, "groups[0].owners[2] is 2, wanted the index of one of 2 members"],
    ["groups.0.owners", [], "groups[0].owners is [], wanted an owner for each bucket"],
    ["groups.0.reduction", "magic", 'groups[0].reduction is "magic"'],
    [
      "groups.0.activity",
      { idleSeconds: [0], unbalancedSeconds: 0 },
      "the length of groups[0].activity.idleSeconds is 1, wanted 3",
    ],
    ["groups.0.activity", { idleSeconds: [0, null, -1], unbalancedSeconds: 0 }, "groups[0].activity.idleSeconds[2] is -1"],
    ["direct", { local: [] }, "direct.attached is undefined, wanted"],
    ["direct", { local: ["10.0.0.1/8"], attached: [] }, 'direct.local[0] is "10.0.0.1/8", wanted an'],
    ["direct", { local: [], attached: ["10.0.0.1/8"] }, 'direct.attached[0] is "10.0.0.1/8", wanted'],
    ["version", 2, "version is 2, wanted no such key here"],
    ["groups.0.colour", "red", 'groups[0].colour is "red", wanted no such key here'],
    ["groups.0.members.0.wieght", 2, "groups[0].members[0].wieght is 2, wanted no such key here"],
    ["groups.0.members.0.weight", 2 ** 40, "groups[0].members[0].weight is 1099511627776, wanted a whole number from 1 to 256"],
    [
      "groups.0.activity",
      { idleSeconds: [0, 0, 0], unbalancedSeconds: 0, idle: 1 },
      "groups[0].activity.idle is 1, wanted no such",
    ],
    ["groups.0.activity", { idleSeconds: [0, null, 1] }, "groups[0].activity.unbalancedSeconds is undefined"],
  ])("is refused with %s = %j", (path, value, complaint) => {
    expect(() => restoreFib(spoil(sketch().buckets, path, value))).toThrow(complaint);
  });

  it.each([
    ["offset", 3],
    ["masks", { "source-address": { ipv4: 24 } }],
    ["key", "00112233"],
  ])("of the kernel's hash is refused with %s, which would have no effect", (key, value) => {
    const { buckets } = sketch();
    const linux = { ...buckets.hash, algorithm: "linux", linux: { policy: 1 as const } };
    expect(restoreFib({ ...buckets, hash: linux }).algorithm).toBe("linux");
    expect(() => restoreFib({ ...buckets, hash: { ...linux, [key]: value } })).toThrow(
      `hash.${key} is ${JSON.stringify(value)}, wanted no ${key} with the algorithm linux`,
    );
  });

  it.each([
    [undefined, "groups[0].bounds is undefined, wanted a list"],
    [[0xffffffff], "the length of groups[0].bounds is 1, wanted 2, one for each owner"],
    [[5, 4], "groups[0].bounds[1] is 4, wanted a whole number from 5 to 4294967295"],
    [[5, 2 ** 32], "groups[0].bounds[1] is 4294967296"],
    [[5, 6], "the last of groups[0].bounds is 6, wanted 4294967295"],
  ])("is refused with the bounds %j", (bounds, complaint) => {
    expect(() => restoreFib(spoil(sketch().bounds, "groups.0.bounds", bounds))).toThrow(complaint);
  });

  it.each([
    [5, "groups[0].memory is 5, wanted an object"],
    [{ homes: 3 }, "groups[0].memory.homes is 3, wanted a list"],
    [{ homes: [1, -1] }, "groups[0].memory.homes[1] is -1, wanted a whole number"],
    [{ homes: ["10.0.0.1"] }, 'groups[0].memory.homes[0] is "10.0.0.1", wanted a whole number'],
  ])("is refused with the memory %j", (memory, complaint) => {
    expect(() => restoreFib(spoil(sketch().buckets, "groups.0.memory", memory))).toThrow(complaint);
  });

  it("is taken or refused with words, whatever is put in its places", () => {
    const junk = fc.oneof(
      fc.constantFrom(null, undefined, {}, [], "", "10.0.0.1", true, -1, 2 ** 40, 0.5, [null], [{}]),
      fc.jsonValue(),
    );
    const groups = [{ prefixes: ["10.0.0.0/8"], members: ["10.0.0.1", "10.0.0.2*2"] }];
    const states = (["modulo", "threshold", "resilient", "anchor", "auto-recovery", "sonic-fgnhg"] as const).map((selector) =>
      JSON.stringify(sketchState({ selector, buckets: 16, groups })),
    );
    fc.assert(
      fc.property(fc.constantFrom(...states), fc.nat(), junk, (text, choice, value) => {
        const state = JSON.parse(text) as FibState;
        const paths = pathsOf(state);
        spoil(state, paths[choice % paths.length], value);
        try {
          restoreFib(state);
        } catch (error) {
          expect(error).not.toBeInstanceOf(TypeError);
          expect((error as Error).message).toMatch(/wanted |unknown field/i);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

const pathsOf = (node: unknown, at = ""): string[] =>
  typeof node !== "object" || node === null
    ? []
    : Object.entries(node).flatMap(([key, value]) => {
        const path = at === "" ? key : `${at}.${key}`;
        return [path, ...pathsOf(value, path)];
      });
