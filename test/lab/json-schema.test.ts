/**
 * The JSON Schemas that editors get: they are the reader's own shapes, take what the reader takes, and refuse what a schema can.
 * Held against the files as they lie in lab/, by somebody else's validator.
 */
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { labNames, loadLab, scenarioNames } from "#src/lab/catalog.ts";
import { readLab } from "#src/lab/lab-file.ts";
import { renderLabSchema } from "#src/lab/lab-schema.ts";
import { readScenarios } from "#src/lab/scenario-file.ts";
import { renderScenarioSchema } from "#src/lab/scenario-schema.ts";
import { damagedFile } from "./damaged.ts";

const LABS = new URL("../../lab/", import.meta.url);
const textOf = (name: string): string => readFileSync(new URL(name, LABS), "utf8");
const fileOf = (kind: string, name: string): unknown => parse(textOf(`${name}/${kind}.yaml`));

const labs = new Map(labNames().map((name) => [name, loadLab(name)]));
const isLab = (text: string): boolean => "lab" in readLab(text);
const isScenario = (text: string): boolean => "suite" in readScenarios(text, (name) => labs.get(name));

describe.each([
  ["lab", "schema.json", renderLabSchema, labNames(), isLab],
  ["scenario", "scenario-schema.json", renderScenarioSchema, scenarioNames(), isScenario],
] as const)("the schema of a %s file", (kind, file, render, names, isRead) => {
  const text = textOf(file);
  const accepts = new Ajv2020().compile(JSON.parse(text));

  it(`lies in lab/${file} as \`ecmp lab schema ${kind}\` prints it`, () => expect(text).toBe(render()));

  it.each(names)("takes the one of %s, whose first line names it", (name) => {
    expect(textOf(`${name}/${kind}.yaml`).split("\n")[0]).toBe(`# yaml-language-server: $schema=../${file}`);
    expect(accepts(fileOf(kind, name)), JSON.stringify(accepts.errors)).toBe(true);
  });

  it("takes whatever the reader takes, and refuses most of what it refuses", () => {
    const count = { read: 0, refused: 0, refusedByBoth: 0 };
    const files = names.map((name) => [name, fileOf(kind, name)] as const);
    fc.assert(
      fc.property(damagedFile(files, 1), ([, damaged]) => {
        const [read, accepted] = [isRead(JSON.stringify(damaged)), accepts(damaged)];
        if (read) count.read += 1;
        else count.refused += 1;
        if (!read && !accepted) count.refusedByBoth += 1;
        if (read) expect(accepted, JSON.stringify(accepts.errors)).toBe(true);
      }),
      { numRuns: 300, seed: 1 },
    );
    expect(count.read).toBeGreaterThan(10);
    expect(count.refusedByBoth).toBeGreaterThan(0.9 * count.refused);
  });
});

describe("what an editor is told to be wrong", () => {
  const [acceptsLab, acceptsScenario] = ["schema.json", "scenario-schema.json"].map((file) =>
    new Ajv2020().compile(JSON.parse(textOf(file))),
  );

  it.each([
    ["a key that is not known", { colour: "red" }],
    ["a name with a space", { name: "two words" }],
    ["no services", { services: [] }],
    ["a kind that there is not", { topology: { nodes: { n1: { kind: "toaster" } }, links: [] } }],
    ["an event that cannot happen", { experiment: { hash: {}, selectors: [], event: { kind: "rain", node: "n1" } } }],
  ])("in a lab file: %s", (_, change) => {
    expect(acceptsLab({ ...(fileOf("lab", "metallb-bgp") as object), ...change })).toBe(false);
  });

  const CONNECTIONS = { kind: "connections", service: "cluster", count: 20, firstSourcePort: 20000 };
  const REQUESTS = { kind: "requests", service: "cluster", arrivals: { constant: 30 }, firstSourcePort: 22000 };
  const SOUND = { name: "sound", lab: "metallb-bgp", traffic: [CONNECTIONS, REQUESTS], strategies: { one: {} } };
  const KILL = { at: 1, fault: "kill-speaker", node: "n2" };

  it("is nothing of what is right", () => {
    for (const timeline of [[KILL], [{ at: 1, fault: "loss", nodes: ["n1", "n2"], everySeconds: 1, percent: 5, until: 2 }]])
      expect(acceptsScenario({ ...SOUND, timeline, assertions: ["as forecast", "p99 gap of cluster < 1 s"] })).toBe(true);
  });

  it.each([
    ["no strategy", { strategies: {} }],
    ["a strategy's name in capitals", { strategies: { Three: {} } }],
    ["a key that no strategy has", { strategies: { four: { colour: "red" } } }],
    ["a number out of its range", { seed: -1 }],
    ["a word in the place of a time", { watchSeconds: "a while" }],
    ["no traffic", { traffic: [] }],
    ["traffic of no kind", { traffic: [{ ...CONNECTIONS, kind: "dategrams" }] }],
    ["connections without a count", { traffic: [{ ...CONNECTIONS, count: 0 }] }],
    ["arrivals misspelled", { traffic: [{ ...REQUESTS, arrivals: { poison: 5 } }] }],
    ["arrivals in two ways", { traffic: [{ ...REQUESTS, arrivals: { constant: 5, poisson: 5 } }] }],
    ["exchanges in words", { traffic: [{ ...REQUESTS, exchanges: "many" }] }],
    ["exchanges without their most", { traffic: [{ ...REQUESTS, exchanges: { uniform: [5] } }] }],
    ["no such fault", { timeline: [{ ...KILL, fault: "earthquake" }] }],
    ["what a fault does not heed", { timeline: [{ ...KILL, percent: 5 }] }],
    ["an end of what passes by itself", { timeline: [{ ...KILL, fault: "session-flap", until: 2 }] }],
    ["a wait for nothing", { timeline: [{ wait: "godot" }] }],
    ["a step that is none", { timeline: [{ at: 3 }] }],
    ["a policy that no kernel is asked for", { router: { linux: { policy: 2 } } }],
    ["a hash that there is not", { router: { ecmp: { hash: { algorithm: "xxh33" } } } }],
    ["a selector that there is not", { router: { ecmp: { selector: { name: "modulus" } } } }],
    ["fields that there are not", { router: { ecmp: { hash: { fields: "6-tuple" } } } }],
    ["half of BFD", { bfd: { intervalMs: 100 } }],
    ["a sentence that demands nothing", { assertions: ["beauty"] }],
    ["a quantity that there is not", { assertions: ["p98 gap < 1 s"] }],
  ])("in a scenario file: %s", (_, change) => {
    expect(acceptsScenario({ ...SOUND, ...change })).toBe(false);
  });
});
