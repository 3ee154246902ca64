/** The page `lab/conformance/README.md` is made of the recorded verdicts: UPDATE_EXPECTED=1 writes it, and here it is compared. */
import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { CHECK_GROUPS } from "#src/conform/catalog.ts";
import { PAGE, readExpected, SUBJECTS, type Verdicts } from "./subjects.ts";

const MARKS: Readonly<Record<string, string>> = {
  pass: "✓",
  warn: "~",
  fail: "✗",
  "no-answer": "?",
  "not-applicable": "·",
  varies: "±",
};

const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

function page(all: readonly Verdicts[]): string {
  const find = (verdicts: Verdicts, name: string) => verdicts.checks.find((check) => check.name === name);
  const heading = ["check", "clause", ...all.map(({ speaker, version }) => `${speaker} ${version}`)];
  const tables = CHECK_GROUPS.map(({ title, checks }) => {
    const rows = checks.map(({ name, clause }) => {
      const marks = all.map((verdicts) => MARKS[find(verdicts, name)?.verdict ?? ""] ?? "");
      return row([`\`${name}\``, clause, ...marks]);
    });
    return [`### ${title}`, "", row(heading), row(heading.map(() => "---")), ...rows].join("\n");
  });
  const sums = Object.entries(MARKS).map(([verdict, mark]) => {
    const counts = all.map(({ checks }) => `${checks.filter((check) => check.verdict === verdict).length}`);
    return row([`${mark} ${verdict}`, ...counts]);
  });
  const total = [row(["verdict", ...heading.slice(2)]), row(["verdict", ...heading.slice(2)].map(() => "---")), ...sums].join(
    "\n",
  );
  const wanted = new Map(CHECK_GROUPS.flatMap(({ checks }) => checks.map((check) => [check.name, check.wanted])));
  const found = all.map(({ speaker, version, checks }) => {
    const lines = checks
      .filter(({ verdict }) => ["fail", "warn", "no-answer", "varies"].includes(verdict))
      .map(({ name, verdict, saw }) => `* ${MARKS[verdict]} \`${name}\`: ${saw}. Wanted: ${wanted.get(name)}.`);
    return [`### ${speaker} ${version}`, "", ...(lines.length > 0 ? lines : ["Nothing."])].join("\n");
  });
  return `${[HEAD, total, ...tables, "## What was found, speaker by speaker", ...found].join("\n\n")}\n`;
}

const HEAD = `# Who conforms to what

The verdicts of \`ecmp conform\` on six BGP speakers, with the configuration that a lab would give them: one session for each
check, and for those that pass routes on, an observer. They are of the versions that Debian 12 has, were recorded by
\`test/conform/speakers.test.ts\`, and are compared with a fresh run by every \`npm test\`; a newer version may do better. This page
is made from the record.

✓ conforms. ~ does less than it should, and breaks no MUST. ✗ does not do what the clause demands. ? could not be judged.
· does not apply: not offered, or nothing to see. ± differs from run to run. ExaBGP and this router pass no routes on, so where
the others are also seen to withdraw or to keep a route, of these two only the life of the session is judged.

\`ecmp conform --list\` shows the steps of every check; \`ecmp conform --peer ... --evidence\` every byte sent and received.`;

test("the page says what is recorded", () => {
  const all = SUBJECTS.flatMap((subject) => readExpected(subject) ?? []);
  expect(all).toHaveLength(SUBJECTS.length);
  if (process.env.UPDATE_EXPECTED !== undefined) writeFileSync(PAGE, page(all));
  expect(readFileSync(PAGE, "utf8")).toBe(page(all));
});

test("this router conforms in everything that applies", () => {
  const [ours] = SUBJECTS.flatMap((subject) => readExpected(subject) ?? []);
  expect(ours.speaker).toBe("ecmp-router");
  expect(ours.checks.filter(({ verdict }) => verdict !== "pass" && verdict !== "not-applicable")).toEqual([]);
});
