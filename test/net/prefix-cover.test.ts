import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Address } from "#src/net/address.ts";
import { makePrefix, prefixContains } from "#src/net/prefix.ts";
import { addressesWithin } from "#src/net/prefix-cover.ts";

/** Close together, so that prefixes meet, nest and repeat. */
const address: fc.Arbitrary<Address> = fc.oneof(
  fc.nat(63).map((low) => 0x0a0000e0 + low),
  fc.nat(63).map((low) => (0x20010db8000000e0n + BigInt(low)).toString(16).padStart(32, "0")),
);
const prefix = fc.tuple(address, fc.nat(8)).map(([one, host]) => makePrefix(one, (typeof one === "number" ? 32 : 128) - host));

describe("the addresses within prefixes", () => {
  it("are those that any of them contains", () => {
    fc.assert(
      fc.property(fc.array(prefix), fc.array(address), (prefixes, addresses) => {
        const wanted = addresses.filter((one) => prefixes.some((other) => prefixContains(other, one)));
        expect([...addressesWithin(prefixes, addresses)]).toEqual(wanted);
      }),
    );
  });

  it("are found by one look at each address, however many prefixes there are, and by none without prefixes", () => {
    let looks = 0;
    function* hosts(): Generator<Address> {
      for (let i = 0; i < 4000; i++) {
        looks++;
        yield 0x0a000000 + i;
      }
    }
    const parts = Array.from({ length: 800 }, (_, i) => ({ address: 0x0a000000 + i * 4, length: 31 }));
    expect([...addressesWithin(parts, hosts())]).toHaveLength(1600);
    expect(looks).toBe(4000);
    expect([...addressesWithin([], hosts())]).toEqual([]);
    expect(looks).toBe(4000);
  });
});
