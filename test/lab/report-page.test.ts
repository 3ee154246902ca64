/**
 * The report's page: what it says, and how it looks in a real browser at two widths, light and dark. `ECMP_SCREENSHOTS=FOLDER`
 * keeps pictures of all four for a person to look at.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { computeStrip } from "#src/experiment/bucket-strip.ts";
import { forecastTables } from "#src/experiment/forecast.ts";
import { binomialBand } from "#src/lab/page/binomial.ts";
import { renderCsv } from "#src/lab/page/connections.ts";
import { renderPage } from "#src/lab/page/page.ts";
import { renderStrategiesPage } from "#src/lab/page/strategies-page.ts";
import { escapeText } from "#src/lab/page/svg.ts";
import { parseIpv4 } from "#src/net/address.ts";
import { Browser, hasChromium } from "./browser.ts";
import { makeLabResult } from "./lab-result.ts";
import { HARD, SUITE } from "./strategies-result.ts";

const PROVENANCE = { version: "0.1.0", node: "v20.19.0", kernel: "6.1.0", timestamp: "2026-01-02T03:04:05.678Z" };
const good = makeLabResult(false);
const bad = makeLabResult(true);

describe("the expected band", () => {
  it("is that of the tables for 20 fair coins", () => {
    expect(binomialBand(20, 0.5)).toEqual({ mean: 10, low: 6, high: 14 });
  });

  it("leaves at most the tail outside on either side, and one step further in leaves more", () => {
    const choose = (n: number, k: number): number => (k === 0 ? 1 : (choose(n - 1, k - 1) * n) / k);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.double({ min: 0.01, max: 0.99, noNaN: true }), (trials, share) => {
        const below = (end: number) =>
          Array.from({ length: end }, (_, k) => choose(trials, k) * share ** k * (1 - share) ** (trials - k)).reduce(
            (sum, probability) => sum + probability,
            0,
          );
        const { low, high } = binomialBand(trials, share);
        expect(below(low)).toBeLessThan(0.025 + 1e-9);
        expect(below(low + 1)).toBeGreaterThan(0.025 - 1e-9);
        expect(1 - below(high + 1)).toBeLessThan(0.025 + 1e-9);
        expect(1 - below(high)).toBeGreaterThan(0.025 - 1e-9);
      }),
    );
  });
});

describe("the bucket strip", () => {
  const departed = parseIpv4("10.0.0.12") ?? 0;

  it("of modulo compares four next hops with three exactly, in twelve parts of which nine move", () => {
    const [table] = forecastTables(good.runs[0].state, departed);
    const { before, after, exact } = computeStrip(table);
    expect([exact, before.length]).toEqual([true, 12]);
    expect(before.filter((owner, cell) => owner !== after[cell])).toHaveLength(9);
  });

  it("of resilient lights the departed node's buckets, and no others", () => {
    const [table] = forecastTables(good.runs[1].state, departed);
    const { before, after } = computeStrip(table);
    expect(before).toHaveLength(128);
    expect(new Set(before.filter((owner, cell) => owner !== after[cell]))).toEqual(new Set([departed]));
    expect(after).not.toContain(departed);
  });
});

describe("the page", () => {
  it("says the numbers of the judgment, and that everything was as forecast", () => {
    const page = renderPage(good, PROVENANCE);
    for (const { services, digest } of good.runs) {
      expect(page).toContain(`<td class="number">${services[0].judgment.broken.observed}</td>`);
      expect(page).toContain(digest);
    }
    expect(page).toContain("Every one of 1000 connections did what was forecast");
    expect(page).toContain("seed 42");
  });

  it("lists every difference", () => {
    const differences = bad.runs.flatMap(({ services }) => services.flatMap(({ judgment }) => judgment.differences));
    expect(differences.length).toBeGreaterThan(0);
    const page = renderPage(bad, PROVENANCE);
    for (const difference of differences) expect(page).toContain(escapeText(difference));
  });

  it("escapes what others wrote", () => {
    const lab = { ...good.lab, description: `<script>alert("1")</script>` };
    expect(renderPage({ ...good, lab }, PROVENANCE)).not.toContain("<script");
  });

  it("is complete without a run", () => {
    expect(renderPage({ ...good, runs: [] }, PROVENANCE)).toContain("metallb-bgp");
  });
});

it("the CSV has a line for each connection of each run, and says what the judgment counted", () => {
  const [header, ...rows] = renderCsv(good).trimEnd().split("\r\n");
  expect(header).toMatch(/^selector,service,flow,/);
  expect(rows).toHaveLength(1000);
  for (const { selector, services } of good.runs) {
    const broken = rows.filter((row) => row.startsWith(`${selector.name},cluster,`) && row.includes(",reset,"));
    expect(broken).toHaveLength(services[0].judgment.broken.observed);
  }
});

/** Pairs of labels of one chart that touch, labels that leave their chart, and whether the page is wider than its window. */
const MEASURE = `(() => {
  const wrong = [];
  for (const svg of document.querySelectorAll("svg[role=img]")) {
    const edge = svg.getBoundingClientRect();
    const labels = [...svg.querySelectorAll("text")].map((node) => ({ text: node.textContent, box: node.getBoundingClientRect() }));
    labels.forEach(({ text, box }, index) => {
      if (box.left < edge.left - 1 || box.right > edge.right + 1 || box.top < edge.top - 1 || box.bottom > edge.bottom + 1) wrong.push("clipped: " + text);
      for (const other of labels.slice(index + 1)) {
        const apart = box.right <= other.box.left || other.box.right <= box.left || box.bottom <= other.box.top + 1 || other.box.bottom <= box.top + 1;
        if (!apart) wrong.push("overlap: " + text + " | " + other.text);
      }
    });
  }
  const { scrollWidth } = document.documentElement;
  if (scrollWidth > innerWidth) wrong.push("overflow: " + scrollWidth + " > " + innerWidth);
  const size = Math.min(...[...document.querySelectorAll("svg text")].map((node) => parseFloat(getComputedStyle(node).fontSize) * node.getScreenCTM().a));
  if (size < 10) wrong.push("too small: " + size + " px");
  return { wrong, labels: document.querySelectorAll("svg text").length, width: innerWidth, ground: getComputedStyle(document.body).backgroundColor };
})()`;

interface Measured {
  readonly wrong: readonly string[];
  readonly labels: number;
  readonly width: number;
  readonly ground: string;
}

const PAGES = [
  { page: "report", text: () => renderPage(bad, PROVENANCE), labels: 100 },
  { page: "strategies", text: () => renderStrategiesPage(SUITE, HARD, PROVENANCE), labels: 30 },
];
const VIEWS = [
  { width: 1280, scheme: "light", ground: "rgb(253, 253, 251)" },
  { width: 1280, scheme: "dark", ground: "rgb(21, 24, 28)" },
  { width: 480, scheme: "light", ground: "rgb(253, 253, 251)" },
  { width: 480, scheme: "dark", ground: "rgb(21, 24, 28)" },
] as const;

describe.skipIf(!hasChromium)("the page in Chromium", { timeout: 60_000 }, () => {
  const directory = mkdtempSync(`${tmpdir()}/ecmp-report-`);
  const urlOf = (page: string) => `file://${directory}/${page}.html`;
  let browser: Browser;

  beforeAll(async () => {
    for (const { page, text } of PAGES) writeFileSync(`${directory}/${page}.html`, text());
    browser = await Browser.start();
  }, 60_000);

  afterAll(async () => {
    await browser.close();
    rmSync(directory, { recursive: true });
  });

  it.each(PAGES.flatMap((page) => VIEWS.map((view) => ({ ...page, ...view }))))(
    "$page at $width px, $scheme: nothing overlaps, is clipped, or comes from elsewhere",
    async ({ page, labels, ground, width, scheme }) => {
      browser.requests.length = 0;
      await browser.open(urlOf(page), { width, scheme });
      const measured = await browser.evaluate<Measured>(MEASURE);
      if (process.env.ECMP_SCREENSHOTS) {
        writeFileSync(`${process.env.ECMP_SCREENSHOTS}/${page}-${width}-${scheme}.png`, await browser.screenshot());
      }
      expect(measured).toMatchObject({ wrong: [], width, ground });
      expect(measured.labels).toBeGreaterThan(labels);
      expect(browser.requests.filter((request) => request !== urlOf(page) && request !== "about:blank")).toEqual([]);
      expect(browser.complaints).toEqual([]);
    },
  );

  it.each(PAGES)("would be told of labels that touch, on the page of $page", async ({ page }) => {
    await browser.open(urlOf(page), { width: 1280, scheme: "light" });
    await browser.evaluate(`document.querySelectorAll("svg[role=img] text").forEach((node) => node.setAttribute("x", 40))`);
    const { wrong } = await browser.evaluate<Measured>(MEASURE);
    expect(wrong.join()).toContain("overlap");
  });
});

it("the page's source names no other place", () => {
  const links = renderPage(good, PROVENANCE).match(/\b(?:src|href|url)\b[=(]"?[^"\s)]{0,24}/g) ?? [];
  for (const link of links) expect(link).toMatch(/^(href="data:|url\(#hatch)/);
});
