/** The JSON Schema that editors get: it is the reader's own shape, and takes what the reader takes. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { labNames } from "#src/lab/catalog.ts";
import { renderJsonSchema } from "#src/lab/lab-schema.ts";

const folder = new URL("../../lab/", import.meta.url);
const text = readFileSync(new URL("schema.json", folder), "utf8");
// Read back from the file: what a validator would hold a lab file against, and nothing of ours.
const schema = z.fromJSONSchema(JSON.parse(text));

describe("lab/schema.json", () => {
  it("is what `ecmp lab schema` prints", () => expect(text).toBe(renderJsonSchema()));

  it.each(labNames())("takes the lab %s, whose file names it", (name) => {
    const lab = readFileSync(new URL(`${name}/lab.yaml`, folder), "utf8");
    expect(lab.split("\n")[0]).toBe("# yaml-language-server: $schema=../schema.json");
    expect(schema.safeParse(parse(lab))).toMatchObject({ success: true });
  });

  it.each([
    ["a key that is not known", { colour: "red" }],
    ["a name with a space", { name: "two words" }],
    ["no services", { services: [] }],
    ["a kind that there is not", { topology: { nodes: { n1: { kind: "toaster" } }, links: [] } }],
    ["an event that cannot happen", { experiment: { hash: {}, selectors: [], event: { kind: "rain", node: "n1" } } }],
  ])("refuses %s", (_, change) => {
    const lab = parse(readFileSync(new URL("metallb-bgp/lab.yaml", folder), "utf8"));
    expect(schema.safeParse({ ...lab, ...change }).success).toBe(false);
  });
});
