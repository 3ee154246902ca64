import { describe, expect, it } from "vitest";
import { createFields, flowToFields } from "#src/ecmp/fields.ts";
import { compileFlowHash } from "#src/ecmp/flow-hash.ts";
import { createKatranHash, katran } from "#src/ecmp/hash/katran.ts";
import { PROFILES } from "#src/ecmp/profile.ts";
import { parseFlow } from "#src/net/flow.ts";
import { keyOf, testTwin } from "../../common/hash.ts";
import { slowLookup3 } from "../../oracle/lookup3.ts";

/** `get_packet_hash` over the bytes of an address and of two ports. */
function slowKatran(address: Uint8Array, ports: Uint8Array, seed: number, addressSeed: number): number {
  const folded = address.length > 4 ? slowLookup3(address, addressSeed)[0] : new DataView(address.buffer).getUint32(0, true);
  return slowLookup3(Uint8Array.of(...new Uint8Array(Uint32Array.of(folded).buffer), ...ports), seed)[0];
}

describe("Katran's hash", () => {
  // Linux tools/testing/selftests/bpf/progs/test_l4lb_noinline_dynptr.c, which is Katran with two places for each of twelve
  // addresses, knows what its two packets, of address and ports zero, hash to.
  it("is that of the kernel's own test of it, IPv4 and IPv6", () => {
    const hash = createKatranHash(24, 12);
    expect(hash(keyOf(new Uint8Array(8)), 8)).toBe(0x358459b7);
    expect(hash(keyOf(new Uint8Array(20)), 20)).toBe(0x2f4bc6bb);
  });

  testTwin(katran, (bytes) => {
    const words = Math.max(2, Math.ceil(bytes.length / 4));
    const padded = new Uint8Array(4 * words);
    padded.set(bytes);
    return slowKatran(padded.slice(0, -4), padded.slice(-4), 512 * 65_537, 512);
  });

  it.each([
    ["IPv4", "tcp 192.0.2.1:40000 198.51.100.10:443", [192, 0, 2, 1]],
    ["IPv6", "tcp [2001:db8::1]:40000 [2001:db8::2]:443", [0x20, 0x01, 0x0d, 0xb8, ...new Array<number>(11).fill(0), 1]],
  ])("is what the profile hashes a flow of %s with: source and ports as they lie in the packet", (_, text, source) => {
    const hash = PROFILES.get("katran")?.hash;
    const { hashFields } = compileFlowHash({ ...hash!, seed: 0 }, undefined);
    const ports = Uint8Array.of(40_000 >> 8, 40_000 & 0xff, 443 >> 8, 443 & 0xff);
    const wanted = slowKatran(Uint8Array.from(source), ports, 512 * 65_537, 512);
    expect(hashFields(flowToFields(parseFlow(text)!, createFields())) >>> 0).toBe(wanted);
  });
});
