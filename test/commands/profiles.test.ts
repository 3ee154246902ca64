import { afterEach, describe, expect, it, vi } from "vitest";
import { profilesCommand } from "#src/commands/profiles.ts";
import { PROFILES } from "#src/ecmp/profile.ts";

function run(...words: string[]): string {
  let output = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    output += text;
    return true;
  });
  profilesCommand().exitOverride().parse(words, { from: "user" });
  vi.restoreAllMocks();
  return output;
}

afterEach(() => vi.restoreAllMocks());

describe("ecmp profiles", () => {
  it("lists every profile, one a line, with its fidelity", () => {
    const lines = run().split("\n");
    expect(lines[0]).toMatch(/^profile +hash +shown +selector +shown/);
    for (const name of PROFILES.keys())
      expect(
        lines.filter((line) => line.startsWith(`${name} `)),
        name,
      ).toHaveLength(1);
    expect(lines.find((line) => line.startsWith("linux-l4 "))).toMatch(/linux policy 1 +bit-exact +linux-threshold +bit-exact/);
    expect(lines.find((line) => line.startsWith("cisco-ios-original "))).toMatch(/crc32 +structure +modulo +structure/);
  });

  it("prints one JSON array with --json, each with the lesser of its claims", () => {
    const rows = JSON.parse(run("--json"));
    expect(rows.map(({ name }: { name: string }) => name)).toEqual([...PROFILES.keys()]);
    for (const row of rows) expect(Object.keys(row).slice(0, 2)).toEqual(["name", "summary"]);
    const katran = rows.find(({ name }: { name: string }) => name === "katran");
    expect(katran).toMatchObject({ fidelity: "algorithm", selector: { name: "maglev-katran-v2", options: { buckets: 65537 } } });
    const rss = rows.find(({ name }: { name: string }) => name === "toeplitz-rss");
    expect(rss).toMatchObject({ fidelity: "policy", hashClaim: { level: "bit-exact" } });
  });

  it("tells all about one", () => {
    const text = run("linux-l4");
    expect(text).toMatch(/^linux-l4: fib_multipath_hash_policy 1/);
    expect(text).toContain("shown by test/ecmp/linux/route-kernel.test.ts");
    expect(text).toMatch(/departs +a packet that carries a transport hash/);
    expect(JSON.parse(run("linux-l4", "--json"))).toMatchObject({ name: "linux-l4", fidelity: "bit-exact" });
  });

  it("says which there are when there is none of that name", () => {
    expect(() => run("linux-l5")).toThrow(/profiles: "linux-l5", wanted one of linux-l3, linux-l4/);
  });
});
