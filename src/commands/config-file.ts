/** Reads a configuration file for a command, or says every mistake in it at once. */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { isPassword } from "../config/password.ts";
import { formatMistake, readConfig } from "../config/read.ts";
import type { Config } from "../config/schema.ts";
import { fileProblem } from "./file-problem.ts";
import { inputOf } from "./input-file.ts";
import { CommandError, EXIT } from "./output.ts";

/** `mistakeCode`: for `check` a mistake is the answer no; for the others it means they could not run. */
export function loadConfig(file: string, mistakeCode: number = EXIT.couldNotRun): Config {
  const result = readConfig(readText(file));
  if ("config" in result) return result.config;
  throw new CommandError(result.mistakes.map((mistake) => formatMistake(file, mistake)).join("\n"), mistakeCode);
}

/** The same with the passwords that lie in files; a file's name counts from the folder of the configuration. */
export function loadConfigWithPasswords(file: string): Config {
  const config = loadConfig(file);
  if (!config.bgp) return config;
  const withPassword = <One extends { passwordFile?: string | undefined }>(list: string, one: One, i: number): One => {
    if (one.passwordFile === undefined) return one;
    const path = resolve(dirname(file), one.passwordFile);
    return { ...one, password: readPassword(`${file}: bgp.${list}[${i}].passwordFile`, path) };
  };
  const neighbors = config.bgp.neighbors.map((one, i) => withPassword("neighbors", one, i));
  const dynamicNeighbors = config.bgp.dynamicNeighbors.map((one, i) => withPassword("dynamicNeighbors", one, i));
  return { ...config, bgp: { ...config.bgp, neighbors, dynamicNeighbors } };
}

function readPassword(where: string, path: string): string {
  const [password] = readText(path, where).split("\n");
  if (!isPassword(password))
    throw new CommandError(`${where}: ${path}, wanted a file whose first line is a password, 1 to 80 bytes`);
  return password;
}

/** `where`: what named the file, if it was not the command line. */
export function readText(file: string, where?: string): string {
  try {
    return readFileSync(inputOf(file), "utf8");
  } catch (error) {
    throw new CommandError(`${where === undefined ? "" : `${where}: `}${file}: ${fileProblem(error)}`);
  }
}
