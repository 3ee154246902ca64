/**
 * The labs and scenarios on disk: one folder each under the package's `lab/`, with its `lab.yaml`, or its `scenario.yaml` that
 * names a lab (with both, `ecmp lab run` plays the scenario), known by the folder's name; or any file of the user's, known by its
 * path. Paths are those of the built program.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type ConfigMistake, formatMistake } from "../config/read.ts";
import { LabFailure } from "./failure.ts";
import type { Lab } from "./lab.ts";
import { readLab } from "./lab-file.ts";
import { readScenarios, type ScenarioSuite } from "./scenario-file.ts";

const LAB_FOLDER = fileURLToPath(new URL("../../../lab", import.meta.url));

export const labNames = (): string[] => foldersWith("lab.yaml");
export const scenarioNames = (): string[] => foldersWith("scenario.yaml");
/** Of a folder with both files it is the scenario that is played. */
export const playNames = (): string[] => [...new Set([...labNames(), ...scenarioNames()])].toSorted();

function foldersWith(file: string): string[] {
  const folders = readdirSync(LAB_FOLDER, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders.map((entry) => entry.name).filter((name) => existsSync(`${LAB_FOLDER}/${name}/${file}`));
}

/** What finds the same lab from any folder: its name, or the whole path. */
export const labSource = (nameOrPath: string): string => (isPath(nameOrPath) ? resolve(nameOrPath) : nameOrPath);

export function loadLab(nameOrPath: string): Lab {
  const path = isPath(nameOrPath) ? nameOrPath : pathOf(nameOrPath);
  const text = readText(path);
  if (/^strategies:/m.test(text) && !/^topology:/m.test(text)) throw isPlayedOn(path, text);
  const result = readLab(text);
  if ("lab" in result) return result.lab;
  throw refusal(path, "a lab file", result.mistakes);
}

/** By its name, or the file itself: that of a lab has a topology. */
export const isScenario = (nameOrPath: string): boolean =>
  isPath(nameOrPath) ? !/^topology:/m.test(readText(nameOrPath)) : scenarioNames().includes(nameOrPath);

export function loadScenarios(nameOrPath: string): ScenarioSuite {
  const path = isPath(nameOrPath) ? nameOrPath : scenarioPath(nameOrPath);
  const sourceOf = (lab: string) => (isPath(lab) ? resolve(dirname(path), lab) : lab);
  const result = readScenarios(readText(path), (lab) => {
    const source = sourceOf(lab);
    return labNames().includes(source) || existsSync(source) ? loadLab(source) : undefined;
  });
  if ("suite" in result) return { ...result.suite, lab: sourceOf(result.suite.lab) };
  throw refusal(path, "a scenario", result.mistakes);
}

/** Where a lab is wanted, and a scenario was named. Its file may have mistakes of its own. */
function isPlayedOn(scenario: string, text: string): LabFailure {
  const [, lab = "another file"] = /^lab: *(\S+)/m.exec(text) ?? [];
  return new LabFailure(scenario, "is a scenario", `a lab; it is played on ${lab}`, `ecmp lab run ${scenario}`);
}

const refusal = (path: string, wanted: string, mistakes: readonly ConfigMistake[]): LabFailure =>
  new LabFailure(
    path,
    mistakes.length === 1 ? "1 mistake" : `${mistakes.length} mistakes`,
    `${wanted} without any`,
    mistakes.map((mistake) => formatMistake(path, mistake)).join("\n"),
  );

const scenarioPath = (name: string): string => `${LAB_FOLDER}/${name}/scenario.yaml`;

/** No name of a lab has a dot or a slash in it. */
const isPath = (nameOrPath: string): boolean => /[./]/.test(nameOrPath);

function pathOf(name: string): string {
  if (labNames().includes(name)) return `${LAB_FOLDER}/${name}/lab.yaml`;
  if (scenarioNames().includes(name)) throw isPlayedOn(name, readText(scenarioPath(name)));
  throw new LabFailure("lab", `there is no "${name}"`, `one of ${playNames().join(", ")}, or a file's path (./lab.yaml)`);
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new LabFailure(path, (error as Error).message, "a file that can be read");
  }
}
