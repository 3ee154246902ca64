import { describe, expect, it } from "vitest";
import { balanceCommand } from "#src/commands/balance.ts";
import { run, wordsOf } from "./command.ts";

const balance = (words: string) => run(balanceCommand(), wordsOf(words));

describe("ecmp balance", () => {
  it.each([
    ["--hash toeplitz --tier-seeds 1,2", "--tier-seeds: 1, wanted no seed with toeplitz"],
    ["--profile katran --tier-seeds 1,2", "--tier-seeds: 1, wanted no seed"],
    ["--hash crc16-ibm --tiers 2 --tier-offsets 0,16", "hash offset: 16, wanted 0 to 15 with crc16-ibm"],
    ["--profile linux-l4 --tier-seeds 0,2", "--tier-seeds: 0, wanted a number from 1"],
    ["--hash-seed 1 --tier-seeds 1,2", "--hash-seed: 1, wanted no such flag beside --tier-seeds"],
  ])("refuses tiers by %s", async (words, message) => {
    await expect(balance(`--tiers 2 --flows 10 ${words}`)).rejects.toThrow(message);
  });

  it("refuses a hash by which packets have next hops and flows have none", async () => {
    await expect(balance("--hash round-robin --flows 10")).rejects.toThrow('hash algorithm: "round-robin", wanted one');
  });

  it("measures each selector, by flows and bytes of each next hop", async () => {
    const [modulo, resilient] = JSON.parse(await balance("--selector modulo,resilient --weights 3,1,1 --flows 50000 --json"));
    expect(Object.keys(modulo)).toEqual([
      "selector",
      "memberOrder",
      "members",
      "flows",
      "maxOverMean",
      "coefficientOfVariation",
      "chiSquare",
      "degreesOfFreedom",
      "pValue",
      "nextHops",
    ]);
    expect(modulo).toMatchObject({ selector: "modulo", members: 3, flows: 50_000, degreesOfFreedom: 2 });
    expect(modulo.pValue).toBeGreaterThan(0.001);
    expect(modulo.nextHops[0]).toMatchObject({ address: "10.0.0.1", weight: 3 });
    expect(modulo.nextHops[0].flows / 50_000).toBeCloseTo(0.6, 1);
    expect(resilient.nextHops.reduce((sum: number, { flows }: { flows: number }) => sum + flows, 0)).toBe(50_000);
  });

  it("shows polarization, and what seeds, offsets and fields do about it", async () => {
    const tiers = async (words: string) =>
      JSON.parse(await balance(`--members 4 --flows 20000 --tiers 3 ${words} --json`)).map(({ used }: { used: number }) => used);
    expect(await tiers("")).toEqual([4, 4, 4]);
    expect(await tiers("--tier-seeds 1,2,3")).toEqual([4, 16, 64]);
    expect(await tiers("--tier-offsets 0,8,16")).toEqual([4, 16, 64]);
    expect(await tiers("--tier-fields 5-tuple/3-tuple/source-port")).toEqual([4, 16, 64]);
  });

  it("prints tables", async () => {
    expect(await balance("--members 2 --flows 1000")).toMatch(
      /^selector +members +flows +max\/mean +cv +chi-square +p-value\nmodulo /,
    );
    expect(await balance("--members 2 --flows 1000 --tiers 2")).toMatch(/^selector +tier +seed +offset +links +used/);
  });

  it.each([
    ["--tiers 3 --tier-seeds 1,2", "--tier-seeds: 2 values, wanted 1 or 3"],
    ["--tiers 3 --members 64", "links in tier 3, wanted at most 65536"],
    ["--selector arista-recmp --members 17", "wanted at most its capacity 16"],
    ["--destination 2001:db8::1", "--destination: 2001:db8::1, wanted an address of the family of --sources"],
  ])("refuses %s", async (words, message) => {
    await expect(balance(words)).rejects.toThrow(message);
  });
});
