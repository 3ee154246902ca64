/** The labs on disk: one folder each under the package's `lab/`, with its `lab.yaml`. Paths are those of the built program. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { LabFailure } from "./failure.ts";
import type { Lab } from "./lab.ts";
import { readLab } from "./lab-file.ts";

const LAB_FOLDER = fileURLToPath(new URL("../../../lab", import.meta.url));

export function labNames(): string[] {
  const folders = readdirSync(LAB_FOLDER, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders.map((entry) => entry.name).filter((name) => existsSync(`${LAB_FOLDER}/${name}/lab.yaml`));
}

export function loadLab(name: string): Lab {
  const names = labNames();
  if (!names.includes(name)) throw new LabFailure("lab", `there is no "${name}"`, `one of ${names.join(", ")}`);
  const path = `${LAB_FOLDER}/${name}/lab.yaml`;
  const result = readLab(readFileSync(path, "utf8"));
  if ("lab" in result) return result.lab;
  throw new LabFailure(path, `${result.mistakes.length} mistakes`, "a lab file without any", result.mistakes.join("\n"));
}
