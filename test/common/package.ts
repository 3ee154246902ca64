/** Whether a package that has to be compiled is there: why not, or undefined. */
import { createRequire } from "node:module";

export function obstacleOf(name: string): string | undefined {
  try {
    createRequire(import.meta.url)(name);
    return undefined;
  } catch (error) {
    return `the package ${name} cannot be loaded: ${(error as Error).message.split("\n")[0]}`;
  }
}
