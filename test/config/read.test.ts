/** Each pair in `cases/`: NAME.yaml, and NAME.expected, what reading it says. UPDATE_EXPECTED=1 writes the latter anew. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import type { NamedFiles } from "#src/config/named-files.ts";
import { formatMistake, readConfig } from "#src/config/read.ts";

const CASES = new URL("cases/", import.meta.url);
const names = readdirSync(CASES).filter((name) => name.endsWith(".yaml"));

/** Of files beside the cases. */
const files: NamedFiles = {
  configuration: "router.yaml.1",
  read(name) {
    try {
      return { text: readFileSync(new URL(name, CASES), "utf8") };
    } catch (error) {
      return { problem: String((error as NodeJS.ErrnoException).code) };
    }
  },
  absence(name, mayCome) {
    if (name.startsWith("missing") && !mayCome) return "there is no such file";
    return name.startsWith("pipe") ? "that is no plain file" : undefined;
  },
  obstacle: (name) => (name.startsWith("/nowhere/") ? "there is no folder /nowhere" : undefined),
  identify: (name) => resolve("/lab", name),
};

function say(text: string): string {
  const result = readConfig(text, files);
  if ("config" in result) return `${JSON.stringify(result.config, null, 1)}\n`;
  return result.mistakes.map((mistake) => `${formatMistake("file.yaml", mistake)}\n`).join("");
}

describe("a configuration file", () => {
  it.each(names)("%s reads as expected", (name) => {
    const said = say(readFileSync(new URL(name, CASES), "utf8"));
    const expected = new URL(name.replace(".yaml", ".expected"), CASES);
    if (process.env.UPDATE_EXPECTED) writeFileSync(expected, said);
    expect(said).toBe(readFileSync(expected, "utf8"));
  });

  it("is not nothing: a router of defaults has to be asked for", () => {
    for (const text of ["", "# later\n", "---\n"])
      expect(readConfig(text)).toMatchObject({ mistakes: [{ line: 1, path: "", wanted: "something in it; there is nothing" }] });
    expect(readConfig("{}")).toHaveProperty("config");
    expect(readConfig("[]")).toMatchObject({ mistakes: [{ line: 1, path: "", value: "[]", wanted: "keys with values" }] });
  });

  it("that is none is shown by an excerpt that a terminal can bear", () => {
    const mistakesOf = (text: string) => {
      const result = readConfig(text);
      return "mistakes" in result ? result.mistakes.map((mistake) => formatMistake("f", mistake)) : [];
    };
    expect(mistakesOf(`\x7fELF\x02\x1b[2J${"\ufffdx".repeat(50_000)}`)).toEqual([
      `f:1: ${`"?ELF\\u0002\\u001b[2J${"?x".repeat(35)}`.slice(0, 80)}..., wanted keys with values`,
    ]);
    expect(mistakesOf(`${"k".repeat(1000)}: 1`)).toEqual([`f:1: ${"k".repeat(80)}...: 1, wanted no such key here`]);
    expect(mistakesOf(`ports: {a: [${"1, ".repeat(3000)}]}`)).toEqual([
      `f:1: ports: ${`{"a":[${"1,".repeat(100)}`.slice(0, 80)}..., wanted a list`,
    ]);
    const syntax = mistakesOf("a{: ]\n".repeat(2000));
    expect(syntax).toHaveLength(20);
    expect(syntax.at(-1)).toMatch(/^f:\d+: wanted valid YAML: .* \(and \d+ more\)$/);
  });

  it("is never more than a mistake, whatever the text", () => {
    for (const text of ["[", "a: &a [*a]", "- 1", "text", "ports: {}", "? {}", "\u0000", "ports: [[[[", "bgp: *none"]) {
      const result = readConfig(text);
      expect("mistakes" in result && result.mistakes.length).toBeGreaterThan(0);
    }
  });
});
