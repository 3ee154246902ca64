/**
 * The golden table: every selector, every kind of event, fixed seeds. A change of behavior shows as a difference of numbers
 * that somebody reads. UPDATE_EXPECTED=1 writes it anew.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { SELECTORS } from "#src/ecmp/selector.ts";
import { equalMembers } from "#src/ecmp/table.ts";
import { formatCsv, outcomeRow } from "#src/experiment/report.ts";
import { applyEvent, type MemberEvent, placesOf, playScenario } from "#src/experiment/scenario.ts";

const EXPECTED = new URL("disruption-table.csv", import.meta.url);

const members = equalMembers(8);
const place = (i: number) => members[i - 1].address;
const events: MemberEvent[] = [
  { kind: "remove", label: "first departs", address: place(1) },
  { kind: "add", label: "first returns", address: place(1), weight: 1 },
  { kind: "remove", label: "fourth departs", address: place(4) },
  { kind: "remove", label: "last departs too", address: place(8) },
  { kind: "add", label: "fourth returns", address: place(4), weight: 1 },
  { kind: "add", label: "last returns", address: place(8), weight: 1 },
  { kind: "add", label: "ninth arrives", address: Number(place(8)) + 1, weight: 1 },
  { kind: "reweight", label: "second weighs 3", address: place(2), weight: 3 },
];

describe("the disruption table", () => {
  it("is as committed: 20,000 flows of seed 1, xxh32 of the 5-tuple with seed 0", async () => {
    const { outcomes } = await playScenario({
      members,
      memberOrder: "address",
      selectors: Object.keys(SELECTORS).map((name) => ({ name, options: {} })),
      events,
      flows: {
        count: 20_000,
        seed: 1,
        sources: { address: 0xac100000, length: 12 },
        destination: 0xc633640a,
        destinationPort: 80,
      },
      hash: {
        algorithm: "xxh32",
        fields: ["source-address", "destination-address", "protocol", "source-port", "destination-port"],
        seed: 0,
      },
    });
    const table = `${formatCsv(outcomes.map(outcomeRow))}\n`;
    if (process.env.UPDATE_EXPECTED) writeFileSync(EXPECTED, table);
    expect(table).toBe(readFileSync(EXPECTED, "utf8"));
  });

  it("is honest: whoever promises minimal movement moves nobody else when a member departs", () => {
    const rows = readFileSync(EXPECTED, "utf8").trim().split("\n").slice(1);
    const cells = rows.map((row) => row.split(","));
    expect(cells.length).toBe(Object.keys(SELECTORS).length * events.length);
    for (const [selector, , event, , , , , excess] of cells) {
      if (SELECTORS[selector].movement === "minimal" && event.includes("departs"))
        expect(`${selector} ${event} ${excess}`).toBe(`${selector} ${event} 0`);
    }
  });
});

describe("applyEvent", () => {
  it("keeps the places of the beginning, and refuses what cannot be", () => {
    const [a, b, c] = members;
    const written = placesOf({ members: [c, b], events: [] });
    expect(applyEvent([b], { kind: "add", label: "", address: c.address, weight: 2 }, written)).toEqual([{ ...c, weight: 2 }, b]);
    expect(applyEvent([c, b], { kind: "add", label: "", address: a.address, weight: 1 }, written)).toEqual([c, b, a]);
    expect(applyEvent([c, b], { kind: "reweight", label: "", address: b.address, weight: 3 }, written)).toEqual([
      c,
      { ...b, weight: 3 },
    ]);
    expect(() => applyEvent([a], { kind: "remove", label: "", address: b.address }, written)).toThrow(
      "Cannot remove 10.0.0.2 as it is not there",
    );
    expect(() => applyEvent([a], { kind: "add", label: "", address: a.address, weight: 1 }, written)).toThrow(
      "Cannot add 10.0.0.1 as it is there already",
    );
  });
});
