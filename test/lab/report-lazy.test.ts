/** Who draws no chart does not wait for the library that draws them: it is refused to the program here, which must not miss it. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const execute = promisify(execFile);
const MAIN = new URL("../../dist/src/main.js", import.meta.url).pathname;

/** `createRequire` and `import` alike end here. */
const REFUSE = `data:text/javascript,${encodeURIComponent(`
import Module, { register } from "node:module";
const load = Module._load;
Module._load = (name, ...rest) => {
  if (/^(echarts|zrender)/.test(name)) throw new Error("refused: " + name);
  return load(name, ...rest);
};
register("data:text/javascript," + encodeURIComponent(\`export const resolve = (name, context, next) => {
  if (/^(echarts|zrender)/.test(name)) throw new Error("refused: " + name);
  return next(name, context);
};\`));
`)}`;

const without = (...args: readonly string[]) => execute(process.execPath, ["--import", REFUSE, ...args]);

it.each([["--help"], ["run", "--help"], ["lab", "list", "--json"], ["lab", "run", "--help"]])(
  "ecmp %s %s does without",
  async (...args) => {
    const { stdout } = await without(MAIN, ...args.filter(Boolean));
    expect(stdout).not.toBe("");
  },
);

it.each([`import("echarts")`, `(await import("node:module")).createRequire("${MAIN}")("echarts")`])(
  "%s is refused",
  async (code) => {
    await expect(without("--input-type=module", "--eval", `await ${code}`)).rejects.toThrow("refused: echarts");
  },
);
