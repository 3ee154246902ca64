/**
 * Linux's choice against the kernel's own: `ip route get` for random flows under every policy and field mask, over both
 * families, multipath routes and next-hop groups, with weights, their members in any order. Not one flow may differ.
 */
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { readConfig } from "#src/config/read.ts";
import { createHeaders, flowToHeaders } from "#src/ecmp/linux/headers.ts";
import { createLinuxHash, DEFAULT_LINUX_FIELDS, type LinuxHashOptions } from "#src/ecmp/linux/policy.ts";
import { linuxThreshold } from "#src/ecmp/select/linux-threshold.ts";
import { select } from "#src/ecmp/table.ts";
import { stateOfConfig } from "#src/experiment/configured.ts";
import { createExplainer } from "#src/experiment/explain.ts";
import type { Flow } from "#src/net/flow.ts";
import { entropySeed, randomBelow, seededRandom } from "#src/net/random.ts";
import { inNamespace } from "../../common/namespace.ts";
import {
  askRouteGet,
  clearRoutes,
  createLabelQuestion,
  createRouter,
  drawMembers,
  type FamilyNumber,
  findObstacle,
  GATEWAY,
  type GroupMember,
  type LabeledFlow,
  PREFIX,
  randomFlow,
  setHash,
  setMultipathRoute,
  setNextHopGroup,
  toMembers,
} from "./kernel.ts";

const FLOWS = 100;
const MINUTE = 60_000;
const bits = Array.from({ length: 12 }, (_, bit) => 1 << bit);
const singles = [DEFAULT_LINUX_FIELDS, 0x037, 0xfff, ...bits];
const pairs = bits.flatMap((first) => bits.filter((second) => second > first).map((second) => first | second));
const custom = (fields: number) => ({ policy: 3, fields }) as const;
const everyPolicy = [...([0, 1, 2] as const).map((policy) => ({ policy, fields: 0 })), ...singles.map(custom)];

await inNamespace(import.meta.url, () => {
  const obstacle = findObstacle();
  if (obstacle) return void test.skip(`Linux's multipath hash: ${obstacle}`);
  const seed = entropySeed();
  const random = seededRandom(seed);
  const draw = (count: number, mostWeight: number): GroupMember[] =>
    drawMembers(
      random,
      Array.from({ length: count }, () => 1 + randomBelow(random, mostWeight)),
    );

  /** The number of the next hop for each flow, as we say. */
  const choose = (options: LinuxHashOptions, group: readonly GroupMember[], flows: readonly (Flow | LabeledFlow)[]): number[] => {
    const hash = createLinuxHash(options);
    const members = toMembers(group);
    const table = linuxThreshold.fill(members, {});
    const headers = createHeaders();
    const label = (flow: Flow | LabeledFlow): number => ("flowLabel" in flow ? flow.flowLabel : 0);
    return flows.map((flow) => members[select(table, hash(flowToHeaders(flow, headers, label(flow))))].address);
  };

  let asked = 0;
  const compare = (
    family: FamilyNumber,
    settings: { policy: 0 | 1 | 2 | 3; fields: number },
    group: readonly GroupMember[],
    flows: readonly (Flow | LabeledFlow)[],
    ask: (flows: readonly LabeledFlow[]) => number[],
  ): void => {
    const hashSeed = 1 + randomBelow(random, 0xffffffff);
    setHash(family, { ...settings, seed: hashSeed });
    // An IPv6 question is answered as for the machine's own packets, see LinuxHashOptions.origin.
    const origin = family === 4 ? "forwarded" : "local";
    const answers = ask(flows as readonly LabeledFlow[]);
    const context = `seed ${seed}: IPv${family} policy ${settings.policy} fields 0x${settings.fields.toString(16)} seed ${hashSeed} members ${JSON.stringify(group)}`;
    expect(choose({ ...settings, seed: hashSeed, origin }, group, flows), context).toEqual(answers);
    asked += flows.length;
  };
  const drawFlows = (family: FamilyNumber): Flow[] => Array.from({ length: FLOWS }, () => randomFlow(random, family));

  beforeAll(createRouter);

  describe.each([4, 6] as const)("IPv%d", (family) => {
    afterAll(() => clearRoutes(family));
    const kinds = { "multipath route": setMultipathRoute, "next-hop group": setNextHopGroup } as const;

    for (const [kind, setRoute] of Object.entries(kinds)) {
      it.each([2, 3, 5, 16, 64])(
        `chooses as a ${kind} of %d members does, of equal and of random weights, under every policy and field`,
        (count) => {
          for (const group of [draw(count, 1), draw(count, 255)]) {
            setRoute(family, group);
            for (const settings of everyPolicy) compare(family, settings, group, drawFlows(family), askRouteGet);
          }
        },
        2 * MINUTE,
      );
    }

    it(
      "chooses as the kernel does under every pair of fields",
      () => {
        const group = draw(7, 20);
        setNextHopGroup(family, group);
        for (const fields of pairs) compare(family, custom(fields), group, drawFlows(family), askRouteGet);
      },
      2 * MINUTE,
    );

    it(
      "chooses as the kernel does for any number of members from 2 to 64",
      () => {
        for (let count = 2; count <= 64; count++) {
          const group = draw(count, 9);
          setMultipathRoute(family, group);
          compare(family, { policy: 1, fields: 0 }, group, drawFlows(family), askRouteGet);
        }
      },
      2 * MINUTE,
    );
  });

  it.each([
    ["linux-l3", 0, setMultipathRoute],
    ["linux-l4", 1, setMultipathRoute],
    ["linux-l4", 1, setNextHopGroup],
    ["linux-resilient", 1, (family, group) => setNextHopGroup(family, group, " type resilient buckets 128")],
  ] as [string, 0 | 1, typeof setMultipathRoute][])(
    "explains by a configuration with the profile %s where a kernel with the same route sends a flow, policy %d",
    (profile, policy, setRoute) => {
      const group = draw(9, 5);
      setRoute(4, group);
      setHash(4, { policy, fields: 0, seed: 42 });
      const nextHops = group.map(({ id, weight }) => `{address: ${GATEWAY[4](id)}, weight: ${weight}}`);
      const text = `routes: [{prefix: ${PREFIX[4]}, nextHops: [${nextHops}]}]\necmp: {profile: ${profile}, seed: 42}`;
      const result = readConfig(text);
      if ("mistakes" in result) throw new Error(JSON.stringify(result.mistakes));
      const explain = createExplainer(stateOfConfig(result.config));
      const flows = Array.from({ length: 1000 }, () => randomFlow(random, 4));
      const context = `seed ${seed}: ${text}`;
      expect(
        flows.map((flow) => explain(flow).nextHop),
        context,
      ).toEqual(askRouteGet(flows).map(GATEWAY[4]));
      asked += flows.length;
      clearRoutes(4);
    },
  );

  it(
    "chooses as the kernel does for IPv6 flows with a label, under every policy and field (Linux 6.14)",
    ({ skip }) => {
      const question = createLabelQuestion();
      try {
        setMultipathRoute(6, draw(16, 1));
        setHash(6, { policy: 0, fields: 0, seed: 1 });
        const flow = randomFlow(random, 6);
        const labeled = Array.from({ length: 64 }, (_, flowLabel) => ({ ...flow, flowLabel: flowLabel + 1 }));
        if (new Set(question.ask(labeled)).size === 1) skip("this kernel does not look at RTA_FLOWLABEL in a question");
        const group = draw(11, 20);
        setMultipathRoute(6, group);
        for (const settings of [...everyPolicy, ...pairs.map(custom)]) {
          const flows = drawFlows(6).map((flow) => ({ ...flow, flowLabel: randomBelow(random, 1 << 20) }));
          compare(6, settings, group, flows, question.ask);
        }
      } finally {
        question.remove();
      }
    },
    2 * MINUTE,
  );

  it("has asked for 20,000 flows and more", () => {
    expect(asked).toBeGreaterThan(20_000);
  });
});
