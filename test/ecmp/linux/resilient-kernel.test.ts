/**
 * `linux-resilient` against `ip nexthop bucket show`: first layouts, and scripts of removals, additions and changes of weight,
 * with members in any order, with idle buckets, with busy ones, and with the timers that run out.
 */
import { beforeAll, describe, expect, it, test } from "vitest";
import { createHeaders, flowToHeaders } from "#src/ecmp/linux/headers.ts";
import { createLinuxHash } from "#src/ecmp/linux/policy.ts";
import { linuxResilient } from "#src/ecmp/select/linux-resilient.ts";
import { type BucketActivity, bucketOf, type SelectionTable, type SelectorOptions } from "#src/ecmp/table.ts";
import { systemClock } from "#src/net/clock.ts";
import type { Flow } from "#src/net/flow.ts";
import { entropySeed, randomBelow, seededRandom } from "#src/net/random.ts";
import { inNamespace } from "../../common/namespace.ts";
import { isBalanced } from "../../oracle/linux.ts";
import {
  addNextHop,
  askRouteGet,
  clearRoutes,
  createRouter,
  drawMembers,
  findObstacle,
  type GroupMember,
  randomFlow,
  readBuckets,
  replaceGroup,
  setHash,
  setNextHopGroup,
  toMembers,
} from "./kernel.ts";

const HASH_SEED = 0xbeef;
const PATIENCE_MS = 15_000;
const ownersOf = ({ members, owners }: SelectionTable) => [...owners].map((owner) => members[owner].address);
const type = (buckets: number, idleSeconds: number, unbalancedSeconds = 0) =>
  ` type resilient buckets ${buckets} idle_timer ${idleSeconds} unbalanced_timer ${unbalancedSeconds}`;
const equalMembers = (count: number): GroupMember[] => Array.from({ length: count }, (_, i) => ({ id: i + 1, weight: 1 }));

await inNamespace(import.meta.url, () => {
  const obstacle = findObstacle();
  if (obstacle) return void test.skip(`Linux's resilient groups: ${obstacle}`);
  const seed = entropySeed();
  const random = seededRandom(seed);
  const context = `seed ${seed}`;

  beforeAll(() => {
    createRouter();
    setHash(4, { policy: 1, fields: 0, seed: HASH_SEED });
  });

  const idle = (buckets: number): BucketActivity => ({
    idleSeconds: new Float64Array(buckets).fill(Number.POSITIVE_INFINITY),
    unbalancedSeconds: 0,
  });

  describe("of idle buckets", () => {
    it.each([1, 5, 8, 31, 100, 1024])("lays %d buckets out as the kernel does, for any weights", (buckets) => {
      for (const count of [1, 2, 3, 20]) {
        const weights = Array.from({ length: count }, () => 1 + randomBelow(random, 200));
        for (const group of [drawMembers(random, new Array<number>(count).fill(1)), drawMembers(random, weights)]) {
          setNextHopGroup(4, group, type(buckets, 100));
          const table = linuxResilient.fill(toMembers(group), { buckets });
          expect(ownersOf(table), `${context}: ${JSON.stringify(group)}`).toEqual(readBuckets().owners);
        }
      }
    });

    it("moves the same buckets through a long script of removals, additions and changes of weight", () => {
      for (const buckets of [8, 33, 128]) {
        let members = drawMembers(random, [1, 1, 1, 1]);
        setNextHopGroup(4, members, type(buckets, 100));
        for (let id = 5; id <= 12; id++) addNextHop(4, id);
        let table = linuxResilient.fill(toMembers(members), { buckets });
        for (let step = 0; step < 60; step++) {
          members = change(members);
          replaceGroup(members, ` type resilient`);
          table = linuxResilient.fill(toMembers(members), { buckets }, table, idle(buckets));
          expect(ownersOf(table), `${context}: step ${step}, ${JSON.stringify(members)}`).toEqual(readBuckets().owners);
        }
        clearRoutes(4);
      }
    });

    const change = (members: readonly GroupMember[]): GroupMember[] => {
      const at = randomBelow(random, members.length);
      const absent = Array.from({ length: 12 }, (_, i) => i + 1).filter((id) => !members.some((member) => member.id === id));
      const newcomer = { id: absent[randomBelow(random, absent.length)], weight: 1 + randomBelow(random, 5) };
      switch (randomBelow(random, members.length > 1 ? 3 : 2)) {
        case 0:
          return absent.length === 0 ? [...members] : members.toSpliced(at, 0, newcomer);
        case 1:
          return members.map((member, i) => (i === at ? { ...member, weight: 1 + randomBelow(random, 9) } : member));
        default:
          return members.toSpliced(at, 1);
      }
    };
  });

  describe("of busy buckets", () => {
    /** Makes the buckets of some flows busy, in the kernel, and says which: the hash is that of the group's packets. */
    const use = (buckets: number, flows: readonly Flow[]): Set<number> => {
      askRouteGet(flows);
      const hash = createLinuxHash({ policy: 1, seed: HASH_SEED });
      const headers = createHeaders();
      return new Set(flows.map((flow) => hash(flowToHeaders(flow, headers)) % buckets));
    };
    const drawFlows = (count: number): Flow[] => Array.from({ length: count }, () => randomFlow(random, 4));
    const activityOf = (busy: ReadonlySet<number>, buckets: number, unbalancedSeconds = 0): BucketActivity => ({
      idleSeconds: Float64Array.from({ length: buckets }, (_, bucket) => (busy.has(bucket) ? 0 : Number.POSITIVE_INFINITY)),
      unbalancedSeconds,
    });

    it("picks the members of the kernel's buckets", () => {
      const buckets = 48;
      const group = drawMembers(random, [3, 1, 2, 1, 1]);
      setNextHopGroup(4, group, type(buckets, 100));
      const table = linuxResilient.fill(toMembers(group), { buckets });
      const hash = createLinuxHash({ policy: 1, seed: HASH_SEED });
      const headers = createHeaders();
      const flows = drawFlows(500);
      const picked = flows.map((flow) => ownersOf(table)[bucketOf(table, hash(flowToHeaders(flow, headers)))]);
      expect(picked, context).toEqual(askRouteGet(flows));
    });

    it("leaves busy buckets where they are, and orphans not", () => {
      const buckets = 40;
      const options: SelectorOptions = { buckets, idleTimerSeconds: 100 };
      const group = drawMembers(random, [1, 1, 1, 1]);
      setNextHopGroup(4, group, type(buckets, 100));
      addNextHop(4, 5);
      const before = linuxResilient.fill(toMembers(group), options);
      const busy = use(buckets, drawFlows(50));
      expect(busy.size).toBeGreaterThan(20);
      expect(busy.size).toBeLessThan(buckets);
      const added = [{ id: 5, weight: 4 }, ...group];
      replaceGroup(added, ` type resilient`);
      const grown = linuxResilient.fill(toMembers(added), options, before, activityOf(busy, buckets));
      expect(ownersOf(grown), context).toEqual(readBuckets().owners);
      const shrunk = added.filter(({ id }) => id !== 2);
      replaceGroup(shrunk, ` type resilient`);
      // A bucket that moved has not been used since.
      const stillBusy = new Set([...busy].filter((bucket) => ownersOf(grown)[bucket] === ownersOf(before)[bucket]));
      const after = linuxResilient.fill(toMembers(shrunk), options, grown, activityOf(stillBusy, buckets));
      expect(ownersOf(after), context).toEqual(readBuckets().owners);
    });

    // Buckets become idle one after the other, and the kernel may look in between: with the idle timer, all that can move must.
    const shifted = [
      { id: 1, weight: 255 },
      { id: 2, weight: 1 },
    ];
    it.each([
      {
        what: "moves them when they have been idle for long enough",
        idleTimerSeconds: 1,
        unbalancedTimerSeconds: 0,
        next: shifted,
      },
      {
        what: "moves them, idle or not, when the table has been uneven for too long",
        idleTimerSeconds: 100,
        unbalancedTimerSeconds: 1,
        next: equalMembers(3),
      },
    ])("$what", ({ idleTimerSeconds, unbalancedTimerSeconds, next }) => {
      const buckets = 24;
      const options: SelectorOptions = { buckets, idleTimerSeconds, unbalancedTimerSeconds };
      setNextHopGroup(4, equalMembers(2), type(buckets, idleTimerSeconds, unbalancedTimerSeconds));
      addNextHop(4, 3);
      const before = linuxResilient.fill(toMembers(equalMembers(2)), options);
      const busy = use(buckets, drawFlows(200));
      expect(busy.size).toBe(buckets);
      replaceGroup(next, ` type resilient`);
      const waiting = linuxResilient.fill(toMembers(next), options, before, activityOf(busy, buckets));
      expect(ownersOf(waiting)).toEqual(ownersOf(before));
      expect(isBalanced(waiting)).toBe(false);
      const late: BucketActivity = { idleSeconds: new Float64Array(buckets).fill(3), unbalancedSeconds: 3 };
      const after = linuxResilient.fill(toMembers(next), options, waiting, late);
      expect(isBalanced(after)).toBe(true);
      const deadline = systemClock.nowMs() + PATIENCE_MS;
      let owners = readBuckets().owners;
      while (owners.join() !== ownersOf(after).join() && systemClock.nowMs() < deadline) owners = readBuckets().owners;
      expect(ownersOf(after), context).toEqual(owners);
    });
  });
});
