/**
 * The labs and scenarios on disk: one folder each under the package's `lab/`, with its `lab.yaml`, or its `scenario.yaml` that
 * names a lab. Paths are those of the built program.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { formatMistake } from "../config/read.ts";
import { LabFailure } from "./failure.ts";
import type { Lab } from "./lab.ts";
import { readLab } from "./lab-file.ts";
import { readScenarios, type ScenarioSuite } from "./scenario-file.ts";

const LAB_FOLDER = fileURLToPath(new URL("../../../lab", import.meta.url));

export const labNames = (): string[] => foldersWith("lab.yaml");
export const scenarioNames = (): string[] => foldersWith("scenario.yaml");

function foldersWith(file: string): string[] {
  const folders = readdirSync(LAB_FOLDER, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders.map((entry) => entry.name).filter((name) => existsSync(`${LAB_FOLDER}/${name}/${file}`));
}

export function loadLab(name: string): Lab {
  const names = labNames();
  if (!names.includes(name)) throw new LabFailure("lab", `there is no "${name}"`, `one of ${names.join(", ")}`);
  const path = `${LAB_FOLDER}/${name}/lab.yaml`;
  const result = readLab(readFileSync(path, "utf8"));
  if ("lab" in result) return result.lab;
  throw new LabFailure(path, `${result.mistakes.length} mistakes`, "a lab file without any", result.mistakes.join("\n"));
}

/** By its name, or the file itself. */
export const isScenario = (name: string): boolean => /\.ya?ml$/.test(name) || scenarioNames().includes(name);

export function loadScenarios(name: string): ScenarioSuite {
  const path = scenarioNames().includes(name) ? `${LAB_FOLDER}/${name}/scenario.yaml` : name;
  if (!existsSync(path))
    throw new LabFailure("scenario", `there is no "${path}"`, `a file, or one of ${scenarioNames().join(", ")}`);
  const result = readScenarios(readFileSync(path, "utf8"), (lab) => (labNames().includes(lab) ? loadLab(lab) : undefined));
  if ("suite" in result) return result.suite;
  const { mistakes } = result;
  throw new LabFailure(
    path,
    `${mistakes.length} mistakes`,
    "a scenario without any",
    mistakes.map((mistake) => formatMistake(path, mistake)).join("\n"),
  );
}
