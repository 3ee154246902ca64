import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makePrefix, type Prefix, parsePrefix } from "#src/net/prefix.ts";
import { formatPrefixRule, type PrefixRule, parsePrefixRule, ruleMatches } from "#src/net/prefix-rule.ts";

const rule = (text: string): PrefixRule => parsePrefixRule(text) as PrefixRule;
const prefix = (text: string): Prefix => parsePrefix(text) as Prefix;

describe("a prefix rule", () => {
  it.each([
    ["198.51.100.0/24", ["198.51.100.0/24"], ["198.51.100.0/25", "198.51.0.0/16", "198.51.100.1/32", "2001:db8::/32"]],
    ["198.51.100.0/24 le 32", ["198.51.100.0/24", "198.51.100.7/32"], ["198.51.101.7/32", "198.51.0.0/16"]],
    ["198.51.100.0/24 ge 32", ["198.51.100.7/32"], ["198.51.100.0/24", "198.51.100.0/31"]],
    ["198.51.100.0/24 ge 26 le 28", ["198.51.100.64/26", "198.51.100.16/28"], ["198.51.100.0/25", "198.51.100.8/29"]],
    ["0.0.0.0/0", ["0.0.0.0/0"], ["10.0.0.0/8", "::/0"]],
    ["2001:db8::/32 le 128", ["2001:db8::/32", "2001:db8::1/128"], ["2001:db9::/32", "0.0.0.0/0"]],
  ])("%s", (text, matched, others) => {
    for (const one of matched) expect([one, ruleMatches(rule(text), prefix(one))]).toEqual([one, true]);
    for (const one of others) expect([one, ruleMatches(rule(text), prefix(one))]).toEqual([one, false]);
  });

  it.each([
    "198.51.100.0",
    "198.51.100.1/24",
    "198.51.100.0/24 le 23",
    "198.51.100.0/24 ge 28 le 26",
    "198.51.100.0/24 le 33",
    "198.51.100.0/24 le 30 ge 26",
    "198.51.100.0/24 to 26",
    "",
  ])("%s is none", (text) => {
    expect(parsePrefixRule(text)).toBeUndefined();
  });

  it("reads what it writes", () => {
    const any = fc
      .tuple(fc.integer({ min: 0, max: 0xffffffff }), ...[0, 0, 0].map(() => fc.integer({ min: 0, max: 32 })))
      .map(([address, ...lengths]) => {
        const [length, shortest, longest] = lengths.sort((a, b) => a - b);
        return { prefix: makePrefix(address, length), shortest, longest };
      });
    fc.assert(
      fc.property(any, (one) => {
        expect(parsePrefixRule(formatPrefixRule(one))).toEqual(one);
      }),
    );
  });
});
