/** Each pair in `cases/`: NAME.yaml, and NAME.expected, what reading it says. UPDATE_EXPECTED=1 writes the latter anew. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { formatMistake, readConfig } from "#src/config/read.ts";

const CASES = new URL("cases/", import.meta.url);
const names = readdirSync(CASES).filter((name) => name.endsWith(".yaml"));

/** Of files beside the cases. */
function readPasswordFile(name: string) {
  try {
    return { text: readFileSync(new URL(name, CASES), "utf8") };
  } catch (error) {
    return { problem: String((error as NodeJS.ErrnoException).code) };
  }
}

function say(text: string): string {
  const result = readConfig(text, readPasswordFile);
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

  it("is never more than a mistake, whatever the text", () => {
    for (const text of ["[", "a: &a [*a]", "- 1", "text", "ports: {}", "? {}", "\u0000", "ports: [[[[", "bgp: *none"]) {
      const result = readConfig(text);
      expect("mistakes" in result && result.mistakes.length).toBeGreaterThan(0);
    }
  });
});
