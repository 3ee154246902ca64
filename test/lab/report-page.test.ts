/**
 * The report's page: what it says, and how it looks in a real browser at two widths, light and dark. `ECMP_SCREENSHOTS=FOLDER`
 * keeps pictures of all four for a person to look at.
 */
import { existsSync } from "node:fs";
import fc from "fast-check";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SELECTORS } from "#src/ecmp/selector.ts";
import { equalMembers, memberShares } from "#src/ecmp/table.ts";
import { computeStrip, movedCells } from "#src/experiment/bucket-strip.ts";
import { forecastTables } from "#src/experiment/forecast.ts";
import { binomialBand } from "#src/lab/page/binomial.ts";
import { renderCsv } from "#src/lab/page/connections.ts";
import { renderPage } from "#src/lab/page/page.ts";
import { renderStrategiesPage } from "#src/lab/page/strategies-page.ts";
import { escapeText } from "#src/lab/page/svg.ts";
import { differencesOf } from "#src/lab/report.ts";
import { parseIpv4 } from "#src/net/address.ts";
import { makeLabResult } from "./lab-result.ts";
import { LAB, PLAYED, SUITE } from "./report-scenario.ts";
import { HARD, SUITE as HARD_SUITE } from "./strategies-result.ts";

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
  const departs = { kind: "departs", address: departed } as const;

  it("of modulo compares four next hops with three exactly, in twelve parts of which nine move", () => {
    const [{ tables }] = forecastTables(good.runs[0].state, [departs]);
    const { phases, exact } = computeStrip(tables);
    expect([exact, phases[0].length]).toEqual([true, 12]);
    expect(movedCells(phases[0], phases[1])).toBe(9);
  });

  it("of resilient lights the departed node's buckets, and no others", () => {
    const [{ tables }] = forecastTables(good.runs[1].state, [departs]);
    const [before, after] = computeStrip(tables).phases;
    expect(before).toHaveLength(128);
    expect(new Set(before.filter((owner, cell) => owner !== after[cell]))).toEqual(new Set([departed]));
    expect(after).not.toContain(departed);
  });

  it.each([
    ["hrw", 4096],
    ["maglev", 65537],
    ["resilient", 1000],
    ["threshold", undefined],
  ] as const)("of %s is too fine to be drawn whole (%s), and its samples have the shares of the tables", (name, buckets) => {
    const members = equalMembers(name === "threshold" ? 7 : 4);
    const weighted = members.map((member, index) => ({ ...member, weight: index + 1 }));
    const [whole, left] = [weighted, weighted.slice(1)].map((some) => SELECTORS[name].fill(some, { buckets }));
    const { phases, exact } = computeStrip([whole, left]);
    expect([exact, phases[0].length]).toEqual([false, 512]);
    for (const [at, table] of [whole, left].entries()) {
      const shares = memberShares(table);
      const space = shares.reduce((sum, share) => sum + share, 0);
      table.members.forEach(({ address }, index) => {
        const drawn = phases[at].filter((owner) => owner === address).length;
        expect(Math.abs(drawn / 512 - shares[index] / space)).toBeLessThan(0.04);
      });
    }
  });

  it("has a phase for each change, and nobody in it where nobody is left", () => {
    const members = ["10.0.0.11", "10.0.0.12", "10.0.0.13", "10.0.0.14"].map((text) => parseIpv4(text) ?? 0);
    const changes = members.map((address) => ({ kind: "departs", address }) as const);
    const [{ tables }] = forecastTables(good.runs[0].state, [...changes, { kind: "returns", address: departed }]);
    const { phases } = computeStrip(tables);
    expect(phases).toHaveLength(6);
    expect(new Set(phases[4])).toEqual(new Set([undefined]));
    expect(new Set(phases[5])).toEqual(new Set([departed]));
  });
});

describe("the page", () => {
  it("says the numbers of the judgment, and that everything was as forecast", () => {
    const page = renderPage(good, PROVENANCE);
    for (const { services, digest } of good.runs) {
      expect(page).toContain(`<td class="number">${services[0].judgment.broken.observed}</td>`);
      expect(page).toContain(digest);
    }
    expect(page).toContain("Every one of 1000 connections did what was forecast before it was opened.");
    const behindNat = renderPage(makeLabResult(false, "behind-nat"), PROVENANCE);
    expect(behindNat).toContain("Every one of 60 connections did what was forecast before anything happened.");
    expect(page).toContain("seed 42");
  });

  it("lists every difference", () => {
    const differences = differencesOf(bad);
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

describe("a scenario's page", () => {
  const page = renderStrategiesPage(LAB, SUITE, PLAYED, PROVENANCE);
  const [json, , flows] = [...page.matchAll(/href="data:[a-z/]+;base64,([^"]+)"/g)].map(([, text]) =>
    Buffer.from(text, "base64").toString(),
  );
  const report = JSON.parse(json);

  it("has for each strategy its course, the ways of its flows before and after, and each group's buckets and balance", () => {
    for (const title of ["Over time", "Connections before", "Connections after", "Datagrams after", "Requests"]) {
      expect(page.split(`<h3>${title}</h3>`)).toHaveLength(1 + PLAYED.length);
    }
    for (const title of ["Buckets of cluster", "Balance of cluster", "Buckets of local", "Balance of local"]) {
      expect(page.split(`<h3>${title}, `)).toHaveLength(1 + PLAYED.length);
    }
  });

  it("has no chart of a time in which nothing could be seen, but says what happened, and no columns of traffic that was not", () => {
    const [first] = PLAYED;
    const { judged, connections, requests } = first.outcome;
    const outcome = {
      ...first.outcome,
      connections: { ...connections, opened: 0 },
      requests: { ...requests, count: 0 },
      judged: { ...judged, connections: [], requests: [] },
      failedAtMs: [],
    };
    const without = renderStrategiesPage(LAB, SUITE, [{ ...first, outcome }], PROVENANCE);
    const headings = (text: string) => [...text.matchAll(/<th scope="col"[^>]*>([^<]*)/g)].map(([, heading]) => heading);
    expect(page).toContain("<h3>Over time</h3>");
    expect(headings(page)).toEqual(expect.arrayContaining(["longest gap", "after retry", "UDP flows"]));
    expect(without).not.toContain("<h3>Over time</h3>");
    expect(without).toContain("1 s: n2&#39;s speaker killed; in force 6.25 ms later.");
    expect(headings(without)).toContain("UDP flows");
    expect(headings(without)).not.toEqual(expect.arrayContaining(["longest gap"]));
    expect(headings(without)).not.toEqual(expect.arrayContaining(["after retry"]));
  });

  it("has the groups of services that its traffic asks for, and no others", () => {
    const [first] = PLAYED;
    const traffic = first.scenario.traffic.filter(({ service }) => service === "local");
    const without = renderStrategiesPage(LAB, SUITE, [{ ...first, scenario: { ...first.scenario, traffic } }], PROVENANCE);
    expect(page).toContain("<h3>Buckets of cluster, ");
    expect(without).toContain("<h3>Buckets of local, ");
    expect(without).not.toContain("<h3>Buckets of cluster, ");
  });

  it("has no axis beyond 100 %", () => {
    const [all] = PLAYED;
    const connections = { ...all.outcome.connections, broken: all.outcome.connections.opened };
    const broken = renderStrategiesPage(LAB, SUITE, [{ ...all, outcome: { ...all.outcome, connections } }], PROVENANCE);
    const [chart] = /<h3>Broken<.*?<\/svg>/s.exec(broken) ?? [""];
    const ticks = [...chart.matchAll(/>(\d+) %</g)].map(([, tick]) => Number(tick));
    expect(ticks).toEqual([0, 25, 50, 75, 100]);
  });

  it("says every difference with its reason, the versions and the seed", () => {
    const [differs] = PLAYED[1].outcome.judged.connections.filter(({ reason }) => reason !== undefined);
    expect(page).toContain(`<td>${differs.record.flow}</td><td>lives</td><td>reset</td>`);
    expect(page).toContain("10.10.10");
    expect(page).toContain("seed 7");
  });

  it("has a phase of a group for each change of it, in which as many parts move as it lights", () => {
    const [cluster, local] = report.strategies[0].groups;
    expect(cluster.phases.map(({ name, moved }: { name: string; moved: number }) => [name, moved])).toEqual([
      ["before", 0],
      ["1 s", 9],
      ["2.5 s", 9],
    ]);
    expect(local.phases).toHaveLength(1);
    const entered = cluster.balance.reduce((sum: number, { count }: { count: number }) => sum + count, 0);
    expect(entered).toBeGreaterThan(240);
    expect(entered).toBeLessThan(317);
  });

  it("has every flow in its JSON and in its CSV", () => {
    const { connections, requests, datagrams } = PLAYED[0].outcome.judged;
    const all = connections.length + requests.length + datagrams.length;
    expect(report.strategies[0].flows).toHaveLength(all);
    expect(flows.trimEnd().split("\r\n")).toHaveLength(1 + 2 * all);
    expect(report.strategies[0].states[LAB.router.name].groups).toHaveLength(2);
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
  // What a label stands on: its own border, else the last shape below it, else the panel.
  const channels = (color) => (color.match(/[\\d.]+/g) ?? []).map(Number);
  const over = ([r, g, b, a = 1], below) => [r, g, b].map((value, index) => value * a + below[index] * (1 - a));
  const luminance = (color) => {
    const [r, g, b] = color.map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  const groundOf = (node) => {
    if (!node) return [255, 255, 255];
    const color = channels(getComputedStyle(node).backgroundColor);
    return color.length === 3 || color[3] === 1 ? color.slice(0, 3) : over(color, groundOf(node.parentElement));
  };
  const shapesOf = (svg) => [...svg.querySelectorAll("rect, path")].flatMap((shape) => {
    const { fill, fillOpacity, opacity } = getComputedStyle(shape);
    const alpha = Number(fillOpacity) * Number(opacity);
    return fill.startsWith("rgb") && alpha > 0 ? [{ shape, box: shape.getBoundingClientRect(), color: [...channels(fill), alpha] }] : [];
  });
  const standsOn = (text, shapes, panel) => {
    const { stroke } = getComputedStyle(text);
    if (stroke !== "none") return channels(stroke);
    const { left, right, top, bottom } = text.getBoundingClientRect();
    const [x, y] = [(left + right) / 2, (top + bottom) / 2];
    const below = shapes.filter(({ shape, box }) =>
      box.left <= x && x <= box.right && box.top <= y && y <= box.bottom && shape.compareDocumentPosition(text) === 4);
    return below.reduce((ground, { color }) => over(color, ground), panel);
  };
  const pale = [];
  const see = (text, color, ground) => {
    const ratio = contrast(over(channels(color), ground), ground);
    if (ratio < 4.5) pale.push(ratio.toFixed(2) + ": " + text.textContent);
  };
  for (const node of document.querySelectorAll("main *:not(svg, svg *)"))
    if ([...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim())) see(node, getComputedStyle(node).color, groundOf(node));
  for (const svg of document.querySelectorAll("svg[role=img]")) {
    const [shapes, panel] = [shapesOf(svg), groundOf(svg)];
    for (const text of svg.querySelectorAll("text")) see(text, getComputedStyle(text).fill, standsOn(text, shapes, panel));
  }
  const { scrollWidth } = document.documentElement;
  if (scrollWidth > innerWidth) wrong.push("overflow: " + scrollWidth + " > " + innerWidth);
  // Of a window as wide as a page is; in a narrower one a table scrolls.
  for (const table of document.querySelectorAll(".scroll"))
    if (innerWidth >= 1280 && table.scrollWidth > table.clientWidth) wrong.push("cut: " + table.ariaLabel + " " + table.scrollWidth);
  const size = Math.min(...[...document.querySelectorAll("svg text")].map((node) => parseFloat(getComputedStyle(node).fontSize) * node.getScreenCTM().a));
  if (size < 10) wrong.push("too small: " + size + " px");
  const alarms = [...document.querySelectorAll('svg text[fill="var(--alarm)"]')].map((node) => getComputedStyle(node).fill);
  return { wrong, pale, labels: document.querySelectorAll("svg text").length, width: innerWidth, ground: getComputedStyle(document.body).backgroundColor, alarms: [...new Set(alarms)] };
})()`;

interface Measured {
  readonly wrong: readonly string[];
  /** Words of less contrast than 4.5 to 1, by WCAG 2.2's formula. */
  readonly pale: readonly string[];
  readonly labels: number;
  readonly width: number;
  readonly ground: string;
  /** The colors of labels that are to stand out. */
  readonly alarms: readonly string[];
}

const PAGES = [
  { page: "report", render: () => renderPage(bad, PROVENANCE), labels: 100 },
  ...["metallb-l3-tor-pair", "behind-nat", "anycast-pmtu"].map((name) => {
    return { page: name, render: () => renderPage(makeLabResult(false, name), PROVENANCE), labels: 15 };
  }),
  { page: "scenario", render: () => renderStrategiesPage(LAB, SUITE, PLAYED, PROVENANCE), labels: 100 },
  { page: "strategies", render: () => renderStrategiesPage(LAB, HARD_SUITE, HARD, PROVENANCE), labels: 30 },
].map((page) => ({ ...page, text: page.render() }));
/** One of each kind. */
const READ = PAGES.filter(({ page }) => page === "report" || page === "scenario");
const VIEWS = [
  { width: 1280, colorScheme: "light", ground: "rgb(253, 253, 251)", alarm: "rgb(179, 38, 30)" },
  { width: 1280, colorScheme: "dark", ground: "rgb(21, 24, 28)", alarm: "rgb(255, 147, 138)" },
  { width: 480, colorScheme: "light", ground: "rgb(253, 253, 251)", alarm: "rgb(179, 38, 30)" },
  { width: 480, colorScheme: "dark", ground: "rgb(21, 24, 28)", alarm: "rgb(255, 147, 138)" },
] as const;

const CHROMIUM = "/usr/bin/chromium";

describe.skipIf(!existsSync(CHROMIUM))("the page in Chromium", { timeout: 60_000 }, () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
  }, 60_000);

  afterAll(() => browser?.close());

  /** A window that refuses every request; what it refused, and what the page complained of. */
  async function open(text: string) {
    const page = await browser.newPage();
    const complaints: string[] = [];
    await page.route("**", (route) => {
      complaints.push(`asks for ${route.request().url()}`);
      return route.abort();
    });
    page.on("console", (message) => complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(error.message));
    await page.setContent(text);
    return { page, complaints };
  }

  const measure = (page: Page): Promise<Measured> => page.evaluate<Measured>(MEASURE);

  it.each(PAGES)("$page: nothing overlaps, is clipped, or comes from elsewhere, at two widths, light and dark", async (one) => {
    const { page, complaints } = await open(one.text);
    for (const { width, colorScheme, ground, alarm } of VIEWS) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme });
      if (process.env.ECMP_SCREENSHOTS) {
        await page.screenshot({
          path: `${process.env.ECMP_SCREENSHOTS}/${one.page}-${width}-${colorScheme}.png`,
          fullPage: true,
        });
      }
      const measured = await measure(page);
      expect(measured).toMatchObject({ wrong: [], pale: [], width, ground, alarms: [alarm] });
      expect(measured.labels).toBeGreaterThan(one.labels);
    }
    expect(complaints).toEqual([]);
    await page.evaluate(`for (const text of document.querySelectorAll("svg[role=img] text"))
      for (const [name, value] of Object.entries({ x: 40, y: 40, transform: "" })) text.setAttribute(name, value);`);
    expect((await measure(page)).wrong.join(), "labels put on top of each other").toContain("overlap");
    await page.addStyleTag({ content: ":root { --quiet: #6a6f78 } p { color: #6a6f78 !important }" });
    expect((await measure(page)).pale.length, "words in a gray that is too dark").toBeGreaterThan(5);
    await page.close();
  });

  it.each(READ)("$page: a screen reader is told what each drawing is and shows, and the headings of each cell", async (one) => {
    const { page } = await open(one.text);
    const session = await page.context().newCDPSession(page);
    const { nodes } = await session.send("Accessibility.getFullAXTree");
    const drawings = nodes.filter(({ role }) => role?.value === "image");
    expect(drawings).toHaveLength(await page.locator("svg[role=img]").count());
    for (const { name, description } of drawings) {
      expect(name?.value).toMatch(/\w/);
      expect(description?.value).toMatch(/\w/);
    }
    expect(await page.locator("table").count()).toBeGreaterThan(0);
    expect(
      await page.locator("table:not(:has(thead th[scope=col])), tbody tr:not(:has(th[scope=row]:first-child))").count(),
    ).toBe(0);
    const roles = nodes.map(({ role }) => role?.value);
    for (const role of ["columnheader", "rowheader"]) expect(roles).toContain(role);
    await page.close();
  });

  it("would be told of what a page asks others for", async () => {
    const { page, complaints } = await open(`<img src="http://192.0.2.1/x.png">`);
    await page.close();
    expect(complaints.join()).toContain("192.0.2.1");
  });
});

it("the page's source names no other place", () => {
  const links = renderPage(good, PROVENANCE).match(/\b(?:src|href|url)\b[=(]"?[^"\s)]{0,24}/g) ?? [];
  for (const link of links) expect(link).toMatch(/^(href="data:|url\(#hatch)/);
});

it("every color of a chart is one of the style sheet, and no id is the process's own", () => {
  const svgs = PAGES.flatMap(({ text }) => text.match(/<svg [^>]*role="img".*?<\/svg>/gs) ?? []);
  expect(svgs.length).toBeGreaterThan(10);
  // A line is filled with nothing, whatever it says.
  const line = /<path d="M[-\d. ]+L[-\d. ]+"[^>]* fill="#000"/g;
  for (const svg of svgs) {
    expect(svg.replace(line, "").match(/(?:fill|stroke)="(?!none|var\(--|url\(#hatch\))[^"]*"/g)).toBeNull();
    expect(svg).not.toMatch(/ id=|<style|<defs/);
  }
});

it("lines of a course differ by more than their colors, and what broke is hatched", () => {
  const page = renderStrategiesPage(LAB, SUITE, PLAYED, PROVENANCE);
  for (const [course] of page.matchAll(/<h3>Over time<.*?<\/svg>/gs)) {
    const lines = course.match(/<path [^>]*stroke-width="2.2"[^>]*>/g) ?? [];
    const looks = lines.map((line) => [/stroke="([^"]+)"/.exec(line)?.[1], /stroke-dasharray="([^"]+)"/.exec(line)?.[1]]);
    const colors = new Set(looks.map(([color]) => color));
    expect(colors.size).toBe(4);
    expect(new Set(looks.map(([, dashes]) => dashes)).size).toBe(colors.size);
  }
  for (const [after] of page.matchAll(/<h3>Connections after<.*?<\/svg>/gs)) expect(after).toContain("url(#hatch)");
});

it("the same result is the same page", () => {
  for (const { text, render } of PAGES) expect(render()).toBe(text);
});
