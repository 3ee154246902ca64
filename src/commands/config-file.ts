/** Reads a configuration file for a command, or says every mistake in it at once. */
import { accessSync, constants, readFileSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { type ConfigResult, formatMistake, readConfig } from "../config/read.ts";
import type { Config } from "../config/schema.ts";
import { fileProblem, problemOf } from "./file-problem.ts";
import { inputOf } from "./input-file.ts";
import { CommandError } from "./output.ts";

export const loadConfig = (file: string): Config => configOf(file, readConfig(readText(file)));

/** The same with the passwords that lie in files, as a router needs it that is to begin. */
export const loadConfigWithFiles = (file: string): Config => configOf(file, readConfigWithFiles(file));

/** A password file's name counts from the folder of the configuration, those of journals, taps and ports from where the router runs. */
export const readConfigWithFiles = (file: string): ConfigResult =>
  readConfig(readText(file), {
    configuration: file,
    read(name) {
      try {
        return { text: readFileSync(resolve(dirname(file), name), "utf8") };
      } catch (error) {
        return { problem: problemOf(error) };
      }
    },
    absence(name, mayCome) {
      try {
        const found = statSync(name);
        if (!found.isFile()) return found.isDirectory() ? "that is a folder" : "that is no plain file";
        accessSync(name, constants.R_OK);
        return undefined;
      } catch (error) {
        return mayCome && (error as NodeJS.ErrnoException).code === "ENOENT" ? undefined : problemOf(error);
      }
    },
    obstacle(name) {
      const path = resolve(name);
      try {
        if (isFolder(path)) return "that is a folder";
        return isFolder(dirname(path)) ? undefined : `there is no folder ${dirname(path)}`;
      } catch {
        return `there is no way into the folder ${dirname(path)}`;
      }
    },
    identify(name) {
      try {
        // As the kernel finds it: behind a link ".." is another folder than in the text.
        if (statSync(name, { throwIfNoEntry: false })) return realpathSync.native(name);
        return isFolder(dirname(name)) ? join(realpathSync.native(dirname(name)), basename(name)) : resolve(name);
      } catch {
        // Where we may not look, by what it is called.
        return resolve(name);
      }
    },
  });

/** Throws where we may not look. */
const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

function configOf(file: string, result: ConfigResult): Config {
  if ("config" in result) return result.config;
  throw new CommandError(result.mistakes.map((mistake) => formatMistake(file, mistake)).join("\n"));
}

export function readText(file: string): string {
  try {
    return readFileSync(inputOf(file), "utf8");
  } catch (error) {
    throw new CommandError(`${file}: ${fileProblem(error)}`);
  }
}
