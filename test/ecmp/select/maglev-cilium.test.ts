import { describe, expect, it } from "vitest";
import { DEFAULT_CILIUM_SEED, parseCiliumSeed } from "#src/ecmp/cilium-seed.ts";
import { ciliumTable, maglevCilium } from "#src/ecmp/select/maglev-cilium.ts";
import { murmur3x64 } from "#src/ecmp/select/murmur3-x64-128.ts";
import { equalMembers } from "#src/ecmp/table.ts";

/** Cilium's tests name backends 0.0.0.i with port i. */
const backend = (i: number, weight: number) => ({ address: i, port: i, weight });
const seed = parseCiliumSeed(DEFAULT_CILIUM_SEED).backends;

/** "2(5),3(1)": five places of backend 2, then one of backend 3. */
function runLengths(owners: Uint16Array): string {
  const runs: [number, number][] = [];
  for (const owner of owners) {
    const last = runs.at(-1);
    if (last?.[0] === owner) last[1]++;
    else runs.push([owner, 1]);
  }
  return runs.map(([owner, count]) => `${owner}(${count})`).join();
}

describe("MurmurHash3_x64_128", () => {
  it.each([
    ["", 0, "00000000000000000000000000000000"],
    ["The quick brown fox jumps over the lazy dog", 0, "e34bbc7bbc071b6c7a433ca9c49a9347"],
    ["The quick brown fox jumps over the lazy cog", 0, "658ca970ff85269a43fee3eaa68e5c3e"],
  ])("of %j with seed %d is as published", (text, seed, wanted) => {
    const [first, second] = murmur3x64(new TextEncoder().encode(text), seed);
    expect(first.toString(16).padStart(16, "0") + second.toString(16).padStart(16, "0")).toBe(wanted);
  });
});

describe("Maglev as Cilium fills it", () => {
  // pkg/maglev/maglev_test.go, TestReproducible: the table is part of what Cilium promises not to change.
  it("is Cilium's own table of 251 places, place by place", () => {
    const backends = [backend(1, 2), backend(3, 13), backend(4, 111), backend(5, 10)];
    expect(runLengths(ciliumTable(backends, 251, seed))).toBe(
      "2(5),3(1),2(3),1(1),2(2),0(1),2(1),3(1),2(1),3(1),2(1),1(1),2(7),1(1),2(14),3(1),2(1)," +
        "1(2),2(12),3(1),2(3),1(1),2(4),3(1),2(8),3(1),2(2),1(1),2(16),1(2),2(3),3(1),2(11),1(2),2(4),3(1),2(3)," +
        "1(1),2(4),3(1),2(1),0(1),1(1),2(8),1(1),2(7),1(1),2(4),3(1),2(1),3(1),2(9),1(2),2(5),1(1),2(7),3(1),2(1)," +
        "3(1),1(1),2(8),1(1),2(4),0(1),2(1),1(1),2(5),3(1),2(3),1(1),2(4),3(1),2(3),1(1),2(12),0(1),3(1),2(3),3(1)," +
        "2(4),3(1),2(2),1(1),2(7)",
    );
  });

  // TestWeightedBackendWithRemoval.
  it("gives weights 2, 13, 111 and 10 of 1021 places as many as Cilium's test counts, and moves less than 1 % needlessly", () => {
    const backends = [backend(1, 2), backend(2, 13), backend(3, 111), backend(4, 10)];
    const before = ciliumTable(backends, 1021, seed);
    expect([0, 1, 2, 3].map((i) => before.filter((owner) => owner === i).length)).toEqual([16, 98, 832, 75]);
    const after = ciliumTable(backends.slice(1), 1021, seed);
    const excess = before.filter((owner, place) => owner !== 0 && after[place] + 1 !== owner);
    expect(excess.length / 1021).toBeLessThan(0.01);
  });

  it("looks at the backend's port, and at the cluster's seed", () => {
    const table = maglevCilium.fill(equalMembers(4), { buckets: 251 });
    expect(maglevCilium.fill(equalMembers(4), { buckets: 251, backendPort: 8080 }).owners).not.toEqual(table.owners);
    expect(maglevCilium.fill(equalMembers(4), { buckets: 251, hashSeed: "AAAAAAAAAAAAAAAA" }).owners).not.toEqual(table.owners);
    expect(() => maglevCilium.fill(equalMembers(4), { hashSeed: "short" })).toThrow("wanted 12 bytes in base64");
  });
});
