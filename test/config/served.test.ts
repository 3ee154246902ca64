import { describe, expect, it } from "vitest";
import { readConfig } from "#src/config/read.ts";
import { findWarnings } from "#src/config/served.ts";

function warningsOf(text: string): string[] {
  const result = readConfig(text);
  if ("mistakes" in result) throw new Error(JSON.stringify(result.mistakes));
  return findWarnings(result.config);
}
const BGP = "bgp: {asn: 64513, routerId: 10.0.0.1, maximumPaths: 64}";
const hops = (count: number) => Array.from({ length: count }, (_, i) => `{address: 10.0.0.${i + 1}}`).join(", ");
const route = (third: number, count: number) => `{prefix: 198.51.${third}.0/24, nextHops: [${hops(count)}]}`;

describe("warnings", () => {
  it("are none for the defaults, nor for groups of one or two over them", () => {
    expect(warningsOf("{}")).toEqual([]);
    expect(warningsOf(`${BGP}\nroutes: [${route(1, 1)}, ${route(2, 2)}]`)).toEqual([]);
  });

  it("name each group once whose shares vary by too few buckets, and what would be enough", () => {
    expect(
      warningsOf(`routes: [${route(1, 3)}, ${route(2, 5)}, ${route(3, 5)}]\necmp: {selector: {name: resilient, buckets: 9}}`),
    ).toEqual([
      "routes[1]: resilient deals 9 buckets to 5 members: shares vary by 22 % (coefficient of variation), wanted 25 buckets or more for 10 %",
    ]);
    expect(warningsOf(`${BGP}\necmp: {selector: {name: hrw}}`)).toEqual([
      expect.stringMatching(/^bgp\.maximumPaths: hrw deals 4096 buckets to 64 members: .* wanted 6300 buckets or more/),
    ]);
  });

  it("say what becomes of groups that a profile's router is too small for", () => {
    expect(warningsOf(`${BGP}\necmp: {profile: arista-recmp}`)).toEqual([
      "bgp.maximumPaths: 64 members go by the hash's remainder: Cannot fill an arista-recmp table: 64 members, wanted at most its capacity 16",
    ]);
  });

  it("name next hops that are in no bank", () => {
    const banks = "ecmp: {selector: {name: sonic-fgnhg, banks: [[10.0.0.1], [10.0.0.2]]}}";
    expect(warningsOf(`routes: [${route(1, 3)}]\n${banks}`)).toEqual(["routes[0]: 10.0.0.3 gets nothing, as it is in no bank"]);
    expect(warningsOf(`routes: [${route(1, 4)}]\n${banks}`)).toEqual([
      "routes[0]: 10.0.0.3, 10.0.0.4 get nothing, as they are in no bank",
    ]);
  });
});
