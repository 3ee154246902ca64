/**
 * Linux's choice against the kernel's own, asked over netlink. Groups of every size from 2 to 64 are there at the same time, each
 * as a multipath route and as a next-hop group, of equal and of random weights, members in any order; where a flow goes to says
 * which group it meets. Not one flow may differ.
 *
 * A question has no inner headers: of the field masks it tells those of the outer six bits apart, and those are asked with every
 * size. All 4095 are asked with groups drawn by lot; `packets-kernel.test.ts` has tunnels for the inner bits.
 */
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { readConfig } from "#src/config/read.ts";
import { createHeaders, fieldsToHeaders } from "#src/ecmp/linux/headers.ts";
import { createLinuxHash, DEFAULT_LINUX_FIELDS } from "#src/ecmp/linux/policy.ts";
import { linuxThreshold } from "#src/ecmp/select/linux-threshold.ts";
import { type SelectionTable, select } from "#src/ecmp/table.ts";
import { stateOfConfig } from "#src/experiment/configured.ts";
import { createExplainer } from "#src/experiment/explain.ts";
import { entropySeed, randomBelow, seededRandom } from "#src/net/random.ts";
import { inNamespace } from "../../common/namespace.ts";
import {
  addGroups,
  askRouteGet,
  clearRoutes,
  createRouter,
  drawMembers,
  type FamilyNumber,
  findObstacle,
  GATEWAY,
  GROUP_KINDS,
  type HashSettings,
  PREFIX,
  randomFlow,
  setHash,
  setMultipathRoute,
  setNextHopGroup,
  toMembers,
} from "./kernel.ts";
import { createQuestioner, drawFlow, FLOW, FLOW_WORDS, flowFields, type Question, type Questioner } from "./question.ts";

const SIZES = Array.from({ length: 63 }, (_, i) => i + 2);
const MOST_WEIGHT = 255;
const OUTER_MASKS = Array.from({ length: 0x3f }, (_, i) => i + 1);
const ALL_MASKS = Array.from({ length: 0xfff }, (_, i) => i + 1);
/** Of each of the four groups of a size, so that each size has 100 flows and more under each policy and mask. */
const FLOWS_A_GROUP = 25;
const FLOWS_A_MASK = 100;
/** So many flows go to the kernel at once. */
const BATCH_FLOWS = 100_000;
const MINUTE = 60_000;

type Settings = Omit<HashSettings, "seed">;
const custom = (fields: number): Settings => ({ policy: 3, fields });
const FIXED_POLICIES = ([0, 1, 2] as const).map((policy): Settings => ({ policy, fields: 0 }));

await inNamespace(import.meta.url, () => {
  const obstacle = findObstacle();
  if (obstacle) return void test.skip(`Linux's multipath hash: ${obstacle}`);
  const seed = entropySeed();
  const random = seededRandom(seed);
  const groups = SIZES.flatMap((size) =>
    GROUP_KINDS.flatMap((kind) =>
      [1, MOST_WEIGHT].map((most) => ({
        kind,
        members: drawMembers(
          random,
          Array.from({ length: size }, () => 1 + randomBelow(random, most)),
        ),
      })),
    ),
  );
  const tables = groups.map(({ members }) => linuxThreshold.fill(toMembers(members), {}));
  let questioner: Questioner;
  let hasLabel = false;
  let asked = 0;
  const combinations = new Set<string>();

  beforeAll(() => {
    createRouter();
    addGroups(groups);
    questioner = createQuestioner();
    hasLabel = new Set(questioner.ask([askLabels()])).size > 1;
  }, MINUTE);
  afterAll(() => questioner.remove());

  /** One flow with 64 labels, to the last group. */
  const askLabels = (): Question => {
    const flow = drawFlowTo(6, groups.length - 1);
    const flows = Uint32Array.from({ length: 64 * FLOW_WORDS }, (_, i) => flow[i % FLOW_WORDS]);
    for (let label = 1; label <= 64; label++) flows[(label - 1) * FLOW_WORDS + FLOW.label] = label;
    return { family: 6, settings: { policy: 0, fields: 0, seed: 1 }, flows };
  };

  const drawFlowTo = (family: FamilyNumber, group: number, row = new Uint32Array(FLOW_WORDS)): Uint32Array => {
    drawFlow(random, family, row, hasLabel);
    const low = random() >>> 16;
    if (family === 4) row[FLOW.destination] = 0xc6000000 + group * 0x10000 + low;
    else row.set([0x20010db8, group * 0x10000 + low], FLOW.destination);
    return row;
  };
  const groupOf = (family: FamilyNumber, row: Uint32Array): number =>
    (row[FLOW.destination + (family === 4 ? 0 : 1)] >>> 16) & 0xff;

  const draw = (family: FamilyNumber, settings: Settings, groupsOfFlows: readonly number[]): Question => {
    const flows = new Uint32Array(groupsOfFlows.length * FLOW_WORDS);
    groupsOfFlows.forEach((group, i) => {
      drawFlowTo(family, group, flows.subarray(i * FLOW_WORDS, (i + 1) * FLOW_WORDS));
    });
    return { family, settings: { ...settings, seed: 1 + randomBelow(random, 0xffffffff) }, flows };
  };

  const compare = (questions: readonly Question[]): void => {
    const answers = questioner.ask(questions);
    const headers = createHeaders();
    let at = 0;
    for (const { family, settings, flows } of questions) {
      // An IPv6 question is answered as for the machine's own packets, see LinuxHashOptions.origin.
      const hash = createLinuxHash({ ...settings, origin: family === 4 ? "forwarded" : "local" });
      for (let i = 0; i < flows.length; i += FLOW_WORDS, at++) {
        const row = flows.subarray(i, i + FLOW_WORDS);
        const table = tables[groupOf(family, row)];
        const own = memberAt(table, hash(fieldsToHeaders(flowFields(family, row), headers)));
        if (own !== answers[at]) expect.fail(describeFlow(settings, row, family, `${own} here, ${answers[at]} in the kernel`));
      }
    }
    expect(at).toBe(answers.length);
    asked += at;
  };
  const memberAt = (table: SelectionTable, hash: number) => table.members[select(table, hash)].address;
  const describeFlow = (settings: HashSettings, row: Uint32Array, family: FamilyNumber, what: string): string => {
    const group = groups[groupOf(family, row)];
    return `seed ${seed}: IPv${family} ${JSON.stringify(settings)} flow ${row.join()} ${JSON.stringify(group)}: ${what}`;
  };

  /** Draws the questions as they are asked: all of them at once would be 100 MB. */
  const compareAll = (draws: readonly (() => Question)[]): void => {
    let questions: Question[] = [];
    let waiting = 0;
    for (const [i, drawOne] of draws.entries()) {
      const question = drawOne();
      questions.push(question);
      waiting += question.flows.length / FLOW_WORDS;
      if (waiting < BATCH_FLOWS && i < draws.length - 1) continue;
      compare(questions);
      questions = [];
      waiting = 0;
    }
  };

  describe.each([4, 6] as const)("IPv%d", (family) => {
    it(
      "chooses as the kernel does under each policy and each mask of outer fields, with 2 to 64 members",
      () => {
        const everyGroup = groups.flatMap((_, group) => new Array<number>(FLOWS_A_GROUP).fill(group));
        const settings = [...FIXED_POLICIES, ...OUTER_MASKS.map(custom)];
        compareAll(settings.map((one) => () => draw(family, one, everyGroup)));
        for (const { policy, fields } of settings)
          for (const { members } of groups) combinations.add([family, policy, fields, members.length].join());
      },
      4 * MINUTE,
    );

    it(
      "chooses as the kernel does under each of the 4095 masks",
      () => {
        const drawGroups = () => Array.from({ length: FLOWS_A_MASK }, () => randomBelow(random, groups.length));
        compareAll(ALL_MASKS.map((mask) => () => draw(family, custom(mask), drawGroups())));
      },
      4 * MINUTE,
    );
  });

  it("was asked with labels for IPv6, where the kernel looks at them in a question (Linux 6.14)", ({ skip }) => {
    if (!hasLabel) skip("this kernel does not look at RTA_FLOWLABEL in a question");
    compare([askLabels()]);
  });

  it(`has compared 100 flows and more in each combination, and how many in all (seed ${seed})`, () => {
    const perSize = 2 * GROUP_KINDS.length * FLOWS_A_GROUP;
    expect(perSize).toBeGreaterThanOrEqual(100);
    expect(combinations.size).toBe(2 * (3 + 63) * 63);
    expect(asked).toBeGreaterThanOrEqual(combinations.size * perSize + 2 * 4095 * FLOWS_A_MASK);
  });

  it.each([
    ["linux-l3", 0, setMultipathRoute],
    ["linux-l4", 1, setMultipathRoute],
    ["linux-l4", 1, setNextHopGroup],
    ["linux-inner", 2, setMultipathRoute],
    ["linux-custom", 3, setMultipathRoute],
    ["linux-resilient", 1, (family, group) => setNextHopGroup(family, group, " type resilient buckets 128")],
  ] as [string, 0 | 1 | 2 | 3, typeof setMultipathRoute][])(
    "explains by a configuration with the profile %s where `ip route get` sends a flow over the same route, policy %d",
    (profile, policy, setRoute) => {
      clearRoutes(4);
      const group = drawMembers(
        random,
        Array.from({ length: 9 }, () => 1 + randomBelow(random, 5)),
      );
      setRoute(4, group);
      setHash(4, { policy, fields: DEFAULT_LINUX_FIELDS, seed: 42 });
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
      clearRoutes(4);
    },
  );
});
