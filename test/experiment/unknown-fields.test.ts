import { expect, it } from "vitest";
import { describeUnknownFields } from "#src/experiment/unknown-fields.ts";

it("names what a flow does not say, and nothing else", () => {
  const of = (algorithm: string, fields: string[]) => describeUnknownFields({ algorithm, fields });
  expect(of("xxh32", ["source-address", "protocol", "destination-port"])).toEqual([]);
  expect(of("xxh32", ["source-address", "dscp", "inner-protocol"])).toEqual([
    "the hash reads dscp, inner-protocol, which flows do not say: counted as zero",
  ]);
  // A saved state may have the short names.
  expect(of("xxh32", ["5-tuple"])).toEqual([]);
  expect(of("xxh32", ["3-tuple", "vlan-id"])).toEqual(["the hash reads vlan-id, which flows do not say: counted as zero"]);
  // Its fields are only what is shown of the key.
  expect(of("linux", ["flow-label"])).toEqual([]);
});
