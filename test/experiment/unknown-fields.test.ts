import { expect, it } from "vitest";
import { describeUncaptured, describeUnknownFields } from "#src/experiment/unknown-fields.ts";

it("names what a flow does not say, and nothing else", () => {
  const of = (algorithm: string, fields: string[]) => describeUnknownFields({ algorithm, fields });
  expect(of("xxh32", ["source-address", "protocol", "destination-port"])).toEqual([]);
  expect(of("xxh32", ["source-address", "dscp", "inner-protocol"])).toEqual([
    "the hash reads dscp, inner-protocol, which flows do not say: counted as zero",
  ]);
  // A saved state may have the short names.
  expect(of("xxh32", ["5-tuple"])).toEqual([]);
  expect(of("xxh32", ["3-tuple", "vlan-id"])).toEqual(["the hash reads vlan-id, which flows do not say: counted as zero"]);
});

it("names what the kernel's hash reads beyond the 5-tuple, by its policy", () => {
  // Its fields are only what is shown of the key.
  const of = (policy: 0 | 1 | 2 | 3, fields?: number) =>
    describeUnknownFields({ algorithm: "linux", fields: ["flow-label"], linux: { policy, fields } });
  const read = (names: string) => [`the hash reads ${names}, which flows do not say: counted as zero`];
  expect(of(1)).toEqual([]);
  expect(of(3)).toEqual([]);
  expect(of(3, 0x037)).toEqual([]);
  expect(of(0)).toEqual(read("flow-label of IPv6"));
  expect(of(3, 0xfc0)).toEqual(
    read(
      "inner-source-address, inner-destination-address, inner-protocol, inner-flow-label, inner-source-port, inner-destination-port",
    ),
  );
  expect(of(2)).toEqual(
    read("flow-label of IPv6, inner-source-address, inner-destination-address, inner-protocol, inner-flow-label"),
  );
});

it("names the one field that a capture does not say", () => {
  const of = (algorithm: string, fields: string[]) => describeUncaptured({ algorithm, fields });
  expect(of("xxh32", ["5-tuple", "inner-protocol", "source-mac"])).toEqual([]);
  expect(of("xxh32", ["5-tuple", "ingress-port"])).toEqual([
    "the hash reads ingress-port, which a capture does not say: counted as zero",
  ]);
});
