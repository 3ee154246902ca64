/**
 * Every kind of speaker, on the real lab: each takes its prefixes back when it is asked in its own tongue, and brings them again.
 */
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { loadLab } from "#src/lab/catalog.ts";
import { SPEAKER_KINDS } from "#src/lab/lab.ts";
import { canRunLabs, LAB_DEADLINE_MS, runScenario } from "./run-lab.ts";
import { users } from "./users.ts";

const fixture = (name: string) => fileURLToPath(new URL(`./fixtures/speakers/${name}.yaml`, import.meta.url));
const [[user]] = users;

it("no kind of speaker is missing in the lab of all speakers", () => {
  expect(new Set(loadLab(fixture("lab")).nodes.map(({ kind }) => kind))).toEqual(new Set(SPEAKER_KINDS));
});

// OpenBGPD gives up root in a way that an ordinary user's namespace forbids.
describe.skipIf(!canRunLabs || user !== "root")("the lab of all speakers", () => {
  it("loses those that withdraw, flood it or are mutated, and ends as forecast", { timeout: LAB_DEADLINE_MS }, async () => {
    const { strategies, events, stderr } = await runScenario(fixture("scenario"));
    expect(strategies, stderr).toHaveLength(2);
    for (const { connections, unexplained } of strategies) {
      expect(unexplained).toEqual([]);
      expect(connections).toMatchObject({ opened: 60, broken: connections.forecast, brokenOnSurvivors: 0 });
      expect(connections.broken).toBe(60 - connections.perNode.steady);
    }
    expect(strategies[0].marks).toHaveLength(15);
    // A flood beyond the limit costs its own node the session; of a mutated UPDATE it depends on what is wrong with it.
    const seen = events.filter(({ kind }) => kind === "observed").map(({ node, event }) => [node, event?.kind]);
    expect(Object.fromEntries(seen)).toEqual({
      frr: "prefix-limit-exceeded",
      bird: "prefix-limit-exceeded",
      exabgp: "prefix-limit-exceeded",
      openbgpd: "prefix-limit-exceeded",
      metallb: "update-fault",
      gobgp: "session-down",
    });
  });
});
