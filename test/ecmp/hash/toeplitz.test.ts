/**
 * Vectors: Microsoft's "Verifying the RSS Hash Calculation" (windows-driver-docs, network), all eight rows, through the keys
 * that the product writes.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createFields, flowToFields } from "#src/ecmp/fields.ts";
import { MICROSOFT_KEY, SYMMETRIC_KEY, toeplitz, toeplitzSymmetric } from "#src/ecmp/hash/toeplitz.ts";
import { compileKey, createKey } from "#src/ecmp/key.ts";
import { type Address, parseAddress } from "#src/net/address.ts";
import { hashBytes, keyOf, testTwin } from "../../common/hash.ts";
import { slowToeplitz } from "../../oracle/toeplitz.ts";

const ADDRESSES = ["source-address", "destination-address"];
const PORTS = ["source-port", "destination-port"];

function hashFlow(fieldNames: readonly string[], source: string, sourcePort: number, destination: string, port: number): number {
  const key = createKey();
  const flow = {
    protocol: 6,
    source: parseAddress(source) as Address,
    sourcePort,
    destination: parseAddress(destination) as Address,
    destinationPort: port,
  };
  const length = compileKey(fieldNames)(flowToFields(flow, createFields()), key);
  return toeplitz.create(0)(key, length);
}

describe("toeplitz", () => {
  it.each([
    ["161.142.100.80", 1766, "66.9.149.187", 2794, 0x323e8fc2, 0x51ccc178],
    ["65.69.140.83", 4739, "199.92.111.2", 14230, 0xd718262a, 0xc626b0ea],
    ["12.22.207.184", 38024, "24.19.198.95", 12898, 0xd2d0a5de, 0x5c2b394a],
    ["209.142.163.6", 2217, "38.27.205.30", 48228, 0x82989176, 0xafc7327f],
    ["202.188.127.2", 1303, "153.39.163.191", 44251, 0x5d1809c5, 0x10e828a2],
    ["3ffe:2501:200:3::1", 1766, "3ffe:2501:200:1fff::7", 2794, 0x2cc18cd5, 0x40207d3d],
    ["ff02::1", 4739, "3ffe:501:8::260:97ff:fe40:efab", 14230, 0x0f0c461c, 0xdde51bbf],
    ["fe80::200:f8ff:fe21:67cf", 38024, "3ffe:1900:4545:3:200:f8ff:fe21:67cf", 44251, 0x4b61e985, 0x02d1feef],
  ])("gives Microsoft's two hashes of what comes to %s port %i from %s port %i", (to, port, from, fromPort, addresses, all) => {
    expect(hashFlow(ADDRESSES, from, fromPort, to, port)).toBe(addresses);
    expect(hashFlow([...ADDRESSES, ...PORTS], from, fromPort, to, port)).toBe(all);
  });

  testTwin(toeplitz, (bytes) => slowToeplitz(bytes, MICROSOFT_KEY));

  it("agrees with its slow twin under any key, however short for the input", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.uint8Array({ minLength: 4, maxLength: 70 }), (bytes, key) => {
        expect(toeplitz.create(0, { key })(keyOf(bytes), bytes.length)).toBe(slowToeplitz(bytes, key));
      }),
      { numRuns: 300 },
    );
  });

  it("refuses a key that fills not even one answer", () => {
    expect(() => toeplitz.create(0, { key: new Uint8Array(3) })).toThrow("toeplitz: a key of 3 bytes; wanted at least 4");
  });
});

describe("toeplitz-symmetric", () => {
  testTwin(toeplitzSymmetric, (bytes) => slowToeplitz(bytes, SYMMETRIC_KEY));

  it("hashes both directions of a flow alike, which the other key does not", () => {
    const bytes = fc.uint8Array({ minLength: 13, maxLength: 13 });
    let parted = 0;
    fc.assert(
      fc.property(bytes, (there) => {
        const back = Uint8Array.of(
          ...there.subarray(4, 8),
          ...there.subarray(0, 4),
          there[8],
          ...there.subarray(11, 13),
          ...there.subarray(9, 11),
        );
        expect(hashBytes(toeplitzSymmetric, back)).toBe(hashBytes(toeplitzSymmetric, there));
        if (hashBytes(toeplitz, back) !== hashBytes(toeplitz, there)) parted++;
      }),
    );
    expect(parted).toBeGreaterThan(0);
  });
});
