import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const index = fileURLToPath(new URL("../../dist/native-bindings/index.js", import.meta.url));
let root: string;
let folder: string;
beforeAll(() => {
  // Called dist, so that vitest leaves it to node as it does the product.
  root = mkdtempSync(join(tmpdir(), "ecmp-test-"));
  folder = join(root, "dist");
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  copyFileSync(index, join(folder, "index.js"));
});
afterAll(() => rmSync(root, { recursive: true }));

test("without the addon the module loads, and the first call says how to build it", async () => {
  const { loadNative } = await import(pathToFileURL(join(folder, "index.js")).href);
  expect(() => loadNative()).toThrow(`${join(folder, "ecmp.node")}: cannot load the native addon; wanted one built here: run`);
  expect(() => loadNative()).toThrow(/npm run build:native/);
});
