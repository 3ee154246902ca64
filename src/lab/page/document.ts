/** The shell of every page, one HTML file that needs nothing else, and the parts that pages are put together from. */
import { STYLE } from "./style.ts";
import { element, escapeText } from "./svg.ts";

/** What else it takes to run it again, and when it was. */
export interface Provenance {
  readonly version: string;
  readonly node: string;
  readonly kernel: string;
  readonly timestamp: string;
}

export function renderDocument(title: string, body: readonly string[]): string {
  const head = [
    '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    element("title", {}, escapeText(title)),
    element("style", {}, STYLE),
  ];
  return `<!doctype html>\n<html lang="en"><head>${head.join("")}</head><body>${PATTERNS}<main>${body.join("\n")}</main></body></html>\n`;
}

export const paragraph = (text: string, className?: string): string => element("p", { class: className }, escapeText(text));

export const section = (title: string, ...content: string[]): string =>
  element("section", {}, element("h2", {}, escapeText(title)), ...content);

export const figure = (title: string, drawing: string, caption: string): string =>
  element("figure", {}, element("h3", {}, escapeText(title)), drawing, element("figcaption", {}, escapeText(caption)));

/** Of what went wrong. */
export const list = (lines: readonly string[]): string =>
  element("ul", { class: "differences" }, ...lines.map((text) => element("li", {}, escapeText(text))));

/** Of a column's longest cell: more characters than that are prose, which may be broken into lines, as a last column's may. */
const MOST_IN_A_LINE = 48;
/** More of them are written smaller. */
const MOST_COLUMNS = 12;
/** What marks a cell that says what went wrong: not by its color alone. */
export const WRONG = "✗ ";

/**
 * A table that scrolls by itself where the window is narrower. The first row is its heading, and the first cell that of its row;
 * `numeric` says which columns are numbers.
 */
export function table(title: string, [head, ...rows]: readonly (readonly string[])[], numeric: readonly boolean[]): string {
  const isProse = head.map((_, column) => column === head.length - 1 || rows.some((row) => row[column].length > MOST_IN_A_LINE));
  const align = (column: number) => (numeric[column] ? "number" : isProse[column] ? "prose" : undefined);
  const headings = head.map((text, column) => element("th", { scope: "col", class: align(column) }, escapeText(text)));
  const cell = (text: string, column: number) =>
    column === 0
      ? element("th", { scope: "row", class: align(column) }, escapeText(text))
      : element("td", { class: text.startsWith(WRONG) ? "alarm" : align(column) }, escapeText(text));
  const lines = rows.map((row) => element("tr", {}, ...row.map(cell)));
  const size = head.length > MOST_COLUMNS ? "many" : undefined;
  const whole = element(
    "table",
    { class: size },
    element("thead", {}, element("tr", {}, ...headings)),
    element("tbody", {}, ...lines),
  );
  return element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": title }, whole);
}

export function settingsList(
  rows: readonly (readonly [string, string])[],
  { version, node, kernel, timestamp }: Provenance,
): string {
  const versions = `ecmp-router ${version}, Node.js ${node}, Linux ${kernel}`;
  const all = [...rows, ["Versions", versions], ["Finished", timestamp]] as const;
  return element("dl", {}, ...all.map(([name, value]) => `<dt>${escapeText(name)}</dt><dd>${escapeText(value)}</dd>`));
}

export interface Download {
  readonly file: string;
  readonly type: "application/json" | "text/csv";
  readonly text: string;
  readonly words: string;
}

/** The same content for other programs, inside the page itself. */
export function downloads(files: readonly Download[]): string {
  const links = files.map(({ file, type, text, words }) => {
    const href = `data:${type};base64,${Buffer.from(text).toString("base64")}`;
    return element("a", { download: file, href }, escapeText(words));
  });
  return element("footer", {}, `<p>The same as data: ${links.join(" · ")}</p>`);
}

/** Hatching for what broke: it must not depend on color. */
const PATTERNS = `<svg class="patterns" aria-hidden="true"><defs>
<pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
<rect class="hatch-ground" width="6" height="6"/><rect class="hatch-line" width="2.5" height="6"/></pattern></defs></svg>`;
