/**
 * Linux's choice against the kernel's own: `ip route get` for random flows under every policy and field mask, over both
 * families, multipath routes and next-hop groups, with weights. Not one flow may differ.
 */
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { createHeaders, flowToHeaders } from "#src/ecmp/linux/headers.ts";
import { createLinuxHash, DEFAULT_LINUX_FIELDS, type LinuxHashOptions } from "#src/ecmp/linux/policy.ts";
import { linuxThreshold } from "#src/ecmp/select/linux-threshold.ts";
import { select } from "#src/ecmp/table.ts";
import type { Flow } from "#src/net/flow.ts";
import { entropySeed, randomBelow, seededRandom } from "#src/net/random.ts";
import { inNamespace } from "../../common/namespace.ts";
import {
  askRouteGet,
  clearRoutes,
  createLabelQuestion,
  createRouter,
  type FamilyNumber,
  findObstacle,
  type LabeledFlow,
  randomFlow,
  setHash,
  setMultipathRoute,
  setNextHopGroup,
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
  const drawWeights = (count: number, most: number): number[] =>
    Array.from({ length: count }, () => 1 + randomBelow(random, most));

  /** The number of the next hop for each flow, as we say. */
  const choose = (options: LinuxHashOptions, weights: readonly number[], flows: readonly (Flow | LabeledFlow)[]): number[] => {
    const hash = createLinuxHash(options);
    const members = weights.map((weight, i) => ({ address: i + 1, weight }));
    const table = linuxThreshold.fill(members, {});
    const headers = createHeaders();
    const label = (flow: Flow | LabeledFlow): number => ("flowLabel" in flow ? flow.flowLabel : 0);
    return flows.map((flow) => members[select(table, hash(flowToHeaders(flow, headers, label(flow))))].address);
  };

  let asked = 0;
  const compare = (
    family: FamilyNumber,
    settings: { policy: 0 | 1 | 2 | 3; fields: number },
    weights: readonly number[],
    flows: readonly (Flow | LabeledFlow)[],
    ask: (flows: readonly LabeledFlow[]) => number[],
  ): void => {
    const hashSeed = 1 + randomBelow(random, 0xffffffff);
    setHash(family, { ...settings, seed: hashSeed });
    // An IPv6 question is answered as for the machine's own packets, see LinuxHashOptions.origin.
    const origin = family === 4 ? "forwarded" : "local";
    const answers = ask(flows as readonly LabeledFlow[]);
    const context = `seed ${seed}: IPv${family} policy ${settings.policy} fields 0x${settings.fields.toString(16)} seed ${hashSeed} weights ${weights}`;
    expect(choose({ ...settings, seed: hashSeed, origin }, weights, flows), context).toEqual(answers);
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
          for (const weights of [new Array<number>(count).fill(1), drawWeights(count, 255)]) {
            setRoute(family, weights);
            for (const settings of everyPolicy) compare(family, settings, weights, drawFlows(family), askRouteGet);
          }
        },
        2 * MINUTE,
      );
    }

    it(
      "chooses as the kernel does under every pair of fields",
      () => {
        const weights = drawWeights(7, 20);
        setNextHopGroup(family, weights);
        for (const fields of pairs) compare(family, custom(fields), weights, drawFlows(family), askRouteGet);
      },
      2 * MINUTE,
    );

    it(
      "chooses as the kernel does for any number of members from 2 to 64",
      () => {
        for (let count = 2; count <= 64; count++) {
          const weights = drawWeights(count, 9);
          setMultipathRoute(family, weights);
          compare(family, { policy: 1, fields: 0 }, weights, drawFlows(family), askRouteGet);
        }
      },
      2 * MINUTE,
    );
  });

  it(
    "chooses as the kernel does for IPv6 flows with a label, under every policy and field (Linux 6.14)",
    ({ skip }) => {
      const question = createLabelQuestion();
      try {
        setMultipathRoute(6, new Array<number>(16).fill(1));
        setHash(6, { policy: 0, fields: 0, seed: 1 });
        const flow = randomFlow(random, 6);
        const labeled = Array.from({ length: 64 }, (_, flowLabel) => ({ ...flow, flowLabel: flowLabel + 1 }));
        if (new Set(question.ask(labeled)).size === 1) skip("this kernel does not look at RTA_FLOWLABEL in a question");
        const weights = drawWeights(11, 20);
        setMultipathRoute(6, weights);
        for (const settings of [...everyPolicy, ...pairs.map(custom)]) {
          const flows = drawFlows(6).map((flow) => ({ ...flow, flowLabel: randomBelow(random, 1 << 20) }));
          compare(6, settings, weights, flows, question.ask);
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
