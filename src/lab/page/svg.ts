/**
 * Markup as text, escaped where it is made: one element, its attributes, its children. The charts of this folder are written in
 * it.
 */
export type Attributes = Readonly<Record<string, string | number | undefined>>;

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

export const escapeText = (text: string): string => text.replace(/[&<>"']/g, (character) => ESCAPES[character]);

/** Children are markup; text becomes markup by `escapeText`. Numbers are rounded to what an eye can see. */
export function element(name: string, attributes: Attributes = {}, ...children: readonly string[]): string {
  const written = Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [` ${key}="${typeof value === "number" ? round(value) : escapeText(value)}"`],
  );
  return `<${name}${written.join("")}>${children.join("")}</${name}>`;
}

export const label = (x: number, y: number, text: string, attributes: Attributes = {}): string =>
  element("text", { x, y, ...attributes }, escapeText(text));

/** All charts are drawn on this width, so that their text has one size wherever the page puts them. */
export const CHART_WIDTH = 480;
/** About what a character of a label takes there. */
export const CHARACTER_WIDTH = 8;

/** An image to a screen reader: `title` is what it is, `description` what can be seen in it. */
export function chart(height: number, title: string, description: string, ...children: readonly string[]): string {
  const words = [element("title", {}, escapeText(title)), element("desc", {}, escapeText(description))];
  return element("svg", { viewBox: `0 0 ${CHART_WIDTH} ${height}`, role: "img" }, ...words, ...children);
}

const round = (value: number): number => Math.round(value * 100) / 100;
