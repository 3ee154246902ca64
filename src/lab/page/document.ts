/** The shell of every page: one HTML file that needs nothing else. */
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

/** Hatching for what broke: it must not depend on color. */
const PATTERNS = `<svg class="patterns" aria-hidden="true"><defs>
<pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
<rect class="hatch-ground" width="6" height="6"/><rect class="hatch-line" width="2.5" height="6"/></pattern></defs></svg>`;
