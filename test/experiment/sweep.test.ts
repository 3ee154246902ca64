import { describe, expect, it } from "vitest";
import { changeGroup } from "#src/ecmp/change.ts";
import { SELECTORS } from "#src/ecmp/selector.ts";
import { equalMembers } from "#src/ecmp/table.ts";
import { disrupt } from "#src/experiment/disruption.ts";
import { hashFlows, hashRecipe } from "#src/experiment/flow-hashes.ts";
import { type FlowRecipe, generateFlows } from "#src/experiment/flows.ts";
import { sweep } from "#src/experiment/sweep.ts";
import type { Address } from "#src/net/address.ts";
import { PROTOCOLS } from "#src/net/flow.ts";

const hash = { algorithm: "xxh32", fields: ["source-address", "destination-address", "protocol", "source-port"], seed: 9 };
const ipv4: FlowRecipe = {
  count: 1000,
  seed: 5,
  sources: { address: 0x0a000000, length: 8 },
  destination: 0xc633640a,
  destinationPort: 80,
};
const ipv6Address = (last: string): Address => `20010db8${last.padStart(24, "0")}`;
const recipes: [string, FlowRecipe][] = [
  ["IPv4", ipv4],
  ["IPv4 from anywhere", { ...ipv4, sources: { address: 0, length: 0 } }],
  ["IPv4 from one host", { ...ipv4, sources: { address: 0x0a000001, length: 32 } }],
  ["IPv4 without ports", { ...ipv4, protocol: PROTOCOLS.icmp }],
  ["IPv6", { ...ipv4, sources: { address: ipv6Address(""), length: 32 }, destination: ipv6Address("1") }],
];

describe("hashRecipe", () => {
  it.each(recipes)("makes the hashes of the flows that generateFlows makes, whole and in parts: %s", (_, recipe) => {
    for (const bits of [undefined, 31]) {
      const wanted = hashFlows(generateFlows(recipe), { options: hash, bits });
      expect(hashRecipe(recipe, { options: hash, bits })).toEqual(wanted);
      const parts = [0, 1, 333, 334, 999].map((from, i, all) =>
        hashRecipe(recipe, { options: hash, bits }, from, all[i + 1] ?? 1000),
      );
      expect(parts.flatMap((part) => [...part])).toEqual([...wanted]);
    }
  });

  it.each([
    ["xxh32", {}],
    ["murmur3-32", {}],
    ["crc32c", {}],
    ["toeplitz", {}],
    ["toeplitz-symmetric", {}],
    ["toeplitz", { key: "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff0011223344556677" }],
    ["xxh32", { offset: 5 }],
    ["xxh32", { symmetric: true }],
    ["xxh32", { masks: { "source-address": { ipv4: 8 } } }],
    ["siphash", {}],
  ])("hashes whole 5-tuples by the block as one by one: %s, %j", (algorithm, settings) => {
    const recipe = { ...ipv4, count: 70_001 };
    for (const bits of [undefined, 31, 32]) {
      const options = { algorithm, fields: ["5-tuple"], seed: 3, ...settings };
      const wanted = hashFlows(generateFlows(recipe), { options, bits });
      expect(Buffer.compare(Buffer.from(hashRecipe(recipe, { options, bits }).buffer), Buffer.from(wanted.buffer))).toBe(0);
    }
  });
});

describe("sweep", () => {
  const members = equalMembers(5);
  const changes = Object.values(SELECTORS).map((selector) => {
    const before = changeGroup(undefined, members, selector).after;
    return { change: changeGroup(before, members.slice(1), selector), hashBits: selector.hashBits };
  });

  it("counts what disrupt counts, for every selector", async () => {
    const recipe = { ...ipv4, count: 70_000 };
    const disruptions = await sweep(changes, recipe, hash, 1);
    changes.forEach(({ change, hashBits }, i) => {
      expect(disruptions[i]).toEqual(disrupt(change, hashFlows(generateFlows(recipe), { options: hash, bits: hashBits })));
    });
  });

  it("gives the same answer from threads", async () => {
    const recipe = { ...ipv4, count: 1_200_000 };
    const few = changes.slice(0, 10);
    expect(few.length * recipe.count).toBeGreaterThan(10_000_000);
    expect(await sweep(few, recipe, hash, 2)).toEqual(await sweep(few, recipe, hash, 1));
  });
});
