/** No vectors are published: the two functions of bpf/lib/hash.h are written out, over the steps of the slow lookup3. */
import { describe, expect, it } from "vitest";
import { splitCiliumSeed } from "#src/ecmp/cilium-seed.ts";
import { createFields, flowToFields } from "#src/ecmp/fields.ts";
import { compileFlowHash } from "#src/ecmp/flow-hash.ts";
import { cilium } from "#src/ecmp/hash/cilium.ts";
import { PROFILES } from "#src/ecmp/profile.ts";
import { addressToBytes } from "#src/net/address.ts";
import { type Flow, parseFlow } from "#src/net/flow.ts";
import { keyOf } from "../../common/hash.ts";
import { slowFinal, slowLookup3, slowMix } from "../../oracle/lookup3.ts";

/** JLfvgnHc2kaSUFaI, the seed of a cluster that was told none. */
const DEFAULT_SEEDS = { ipv4: 0x71dcda46, ipv6: 0x92505688 };

const littleEndian = (bytes: Uint8Array): bigint => bytes.reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n);

/** hash_from_tuple_v4 and hash_from_tuple_v6. */
function slowCilium({ source, sourcePort, destinationPort, protocol }: Flow, { ipv4, ipv6 } = DEFAULT_SEEDS): number {
  const address = addressToBytes(source);
  const ports = Uint8Array.of(sourcePort >> 8, sourcePort & 0xff, destinationPort >> 8, destinationPort & 0xff);
  if (address.length === 4) return slowLookup3(Uint8Array.of(...address, ...ports, protocol, 0, 0, 0), ipv4)[0];
  const [p1, p2, p3, p4] = [0, 4, 8, 12].map((at) => littleEndian(address.subarray(at, at + 4)));
  let [a, b, c] = slowMix([p1, p2, p3]);
  [a, b, c] = slowMix([a + p4, b + littleEndian(ports), c + BigInt(protocol)]);
  return Number(slowFinal([a + BigInt(ipv6), b, c])[2]);
}

const FLOWS = ["tcp 192.0.2.1:40000 198.51.100.10:443", "udp [2001:db8::1234:5]:53535 [2001:db8::2]:53"].map(
  (text) => parseFlow(text) as Flow,
);

describe("Cilium's hash", () => {
  it.each(FLOWS)("is what the profile hashes a flow with: source, ports and protocol, not where it goes (%#)", (flow) => {
    const hash = PROFILES.get("cilium")?.hash;
    const { hashFields } = compileFlowHash({ ...hash!, seed: 0 }, undefined);
    expect(hashFields(flowToFields(flow, createFields())) >>> 0).toBe(slowCilium(flow));
    const elsewhere = { ...flow, destination: flow.source };
    expect(hashFields(flowToFields(elsewhere, createFields())) >>> 0).toBe(slowCilium(flow));
  });

  it.each(FLOWS)("is that of a cluster with a seed of its own, where it is the key (%#)", (flow) => {
    const key = "000102030405060708090a0b";
    const fields = ["source-address", "source-port", "destination-port", "protocol"];
    const { hashFields } = compileFlowHash({ algorithm: "cilium", fields, seed: 0, key }, undefined);
    const seeds = splitCiliumSeed(Buffer.from(key, "hex"));
    expect(seeds).toEqual({ backends: 0x00010203, ipv4: 0x04050607, ipv6: 0x08090a0b });
    expect(hashFields(flowToFields(flow, createFields())) >>> 0).toBe(slowCilium(flow, seeds));
  });

  it("is mixed by turns of three words, however long the key", () => {
    for (let length = 13; length <= 128; length++) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 37 + length) & 0xff);
      const padded = new Uint8Array(12 * Math.ceil(length / 12));
      padded.set(bytes);
      let state: readonly bigint[] = [0n, 0n, 0n];
      for (let at = 0; at < padded.length; at += 12)
        state = slowMix(state.map((word, i) => word + littleEndian(padded.subarray(at + 4 * i, at + 4 * i + 4))));
      const [a, b, c] = state;
      const wanted = slowFinal([a + BigInt(DEFAULT_SEEDS.ipv6), b, c])[2];
      expect(cilium.create(0)(keyOf(bytes), length)).toBe(Number(wanted));
    }
  });
});
