/**
 * What is said of lab and scenario files that are wrong. Each file in `cases/` whose name ends in .lab.yaml or .scenario.yaml has
 * beside it, as .expected, what reading it says; UPDATE_EXPECTED=1 writes that anew.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { type ConfigMistake, formatMistake } from "#src/config/read.ts";
import { labNames, loadLab, loadScenarios, scenarioNames } from "#src/lab/catalog.ts";
import { readLab } from "#src/lab/lab-file.ts";
import { readScenarios } from "#src/lab/scenario-file.ts";
import { damagedFile } from "./damaged.ts";

const CASES = new URL("cases/", import.meta.url);
const LABS = new URL("../../lab/", import.meta.url);
const names = readdirSync(CASES).filter((name) => name.endsWith(".yaml"));

const labs = new Map(labNames().map((name) => [name, loadLab(name)]));

function mistakesOf(kind: string, text: string): readonly ConfigMistake[] {
  const result = kind === "lab" ? readLab(text) : readScenarios(text, (name) => labs.get(name));
  return "mistakes" in result ? result.mistakes : [];
}

describe("a wrong file", () => {
  it.each(names)("%s is told all that is wrong with it", (name) => {
    const mistakes = mistakesOf(name.split(".")[1], readFileSync(new URL(name, CASES), "utf8"));
    const said = mistakes.map((mistake) => `${formatMistake(name, mistake)}\n`).join("");
    const expected = new URL(name.replace(".yaml", ".expected"), CASES);
    if (process.env.UPDATE_EXPECTED) writeFileSync(expected, said);
    expect(said).toBe(readFileSync(expected, "utf8"));
    expect(said).not.toBe("");
  });
});

it("a lab is refused with all of it, by its path", () => {
  const file = (name: string) => fileURLToPath(new URL(name, CASES));
  expect(() => loadLab(file("one.lab.yaml"))).toThrow(
    /one\.lab\.yaml: 1 mistake\n {2}wanted {2}a lab file without any\n.*one\.lab\.yaml:25: /,
  );
  expect(() => loadLab(file("no-address.lab.yaml"))).toThrow(/no-address\.lab\.yaml: 12 mistakes\n/);
});

it.each(scenarioNames())("of the scenario %s there is nothing to say", (name) => {
  expect(loadScenarios(name).scenarios.length).toBeGreaterThan(0);
});

const FILES = [
  ...labNames().map((name) => ["lab", name] as const),
  ...scenarioNames().map((name) => ["scenario", name] as const),
].map(([kind, name]) => [kind, parse(readFileSync(new URL(`${name}/${kind}.yaml`, LABS), "utf8"))] as const);

it("whatever is wrong with it, a file is told so in our own words, and reading it ends", () => {
  fc.assert(
    fc.property(damagedFile(FILES, 6), ([kind, file]) => {
      for (const { wanted, value } of mistakesOf(kind, JSON.stringify(file))) {
        expect(wanted).not.toMatch(/invalid|expected|too (small|big)|unrecognized|undefined|\[object|^$/i);
        expect(value ?? "").not.toMatch(/^\[?\{/);
      }
    }),
    { numRuns: 300 },
  );
});
