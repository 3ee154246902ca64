import { describe, expect, it } from "vitest";
import { profilesCommand } from "#src/commands/profiles.ts";
import { PROFILES } from "#src/ecmp/profile.ts";
import { run } from "./command.ts";

const profiles = (...words: string[]) => run(profilesCommand(), words);

describe("ecmp profiles", () => {
  it("lists every profile, one a line, with its fidelity", async () => {
    const lines = (await profiles()).split("\n");
    expect(lines[0]).toMatch(/^profile +hash +shown +selector +shown/);
    for (const name of PROFILES.keys())
      expect(
        lines.filter((line) => line.startsWith(`${name} `)),
        name,
      ).toHaveLength(1);
    expect(lines.find((line) => line.startsWith("linux-l4 "))).toMatch(/linux policy 1 +bit-exact +linux-threshold +bit-exact/);
    expect(lines.find((line) => line.startsWith("cisco-ios-original "))).toMatch(/crc32 +structure +modulo +structure/);
  });

  it("prints one JSON array with --json, each with the lesser of its claims", async () => {
    const rows = JSON.parse(await profiles("--json"));
    expect(rows.map(({ name }: { name: string }) => name)).toEqual([...PROFILES.keys()]);
    for (const row of rows) expect(Object.keys(row).slice(0, 2)).toEqual(["name", "summary"]);
    const katran = rows.find(({ name }: { name: string }) => name === "katran");
    expect(katran).toMatchObject({ fidelity: "algorithm", selector: { name: "maglev-katran-v2", options: { buckets: 65537 } } });
    const rss = rows.find(({ name }: { name: string }) => name === "toeplitz-rss");
    expect(rss).toMatchObject({ fidelity: "policy", hashClaim: { level: "bit-exact" } });
  });

  it("tells all about one", async () => {
    const text = await profiles("linux-l4");
    expect(text).toMatch(/^linux-l4: fib_multipath_hash_policy 1/);
    expect(text).toContain("shown by test/ecmp/linux/route-kernel.test.ts");
    expect(text).toMatch(/departs +a packet that carries a transport hash/);
    expect(JSON.parse(await profiles("linux-l4", "--json"))).toMatchObject({ name: "linux-l4", fidelity: "bit-exact" });
  });

  it("says which there are when there is none of that name", async () => {
    await expect(profiles("linux-l5")).rejects.toThrow(/profiles: "linux-l5", wanted one of linux-l3, linux-l4/);
  });
});
