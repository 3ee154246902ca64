import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ControlPacket, decodeControl, diagnosticName, encodeControl, STATES } from "#src/bfd/packet.ts";

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));

/** As bfdd (FRR 8.4.4) and BIRD (2.0.12) sent them. */
const CAPTURED: readonly (readonly [string, string, ControlPacket])[] = [
  [
    "FRR's, beginning",
    "2080 0318 281cdb00 e32f6940 000f4240 000f4240 0000c350",
    {
      ...{ diagnostic: 0, state: "Init", poll: false, final: false, independent: false, demand: false, multiplier: 3 },
      ...{ myDiscriminator: 0x281cdb00, yourDiscriminator: 0xe32f6940 },
      ...{ desiredMinTxUs: 1_000_000, requiredMinRxUs: 1_000_000, requiredMinEchoRxUs: 50_000 },
    },
  ],
  [
    "BIRD's, polling",
    "20e0 0318 f68fd7d4 e32f6940 00002710 00002710 00000000",
    {
      ...{ diagnostic: 0, state: "Up", poll: true, final: false, independent: false, demand: false, multiplier: 3 },
      ...{ myDiscriminator: 0xf68fd7d4, yourDiscriminator: 0xe32f6940 },
      ...{ desiredMinTxUs: 10_000, requiredMinRxUs: 10_000, requiredMinEchoRxUs: 0 },
    },
  ],
];

const word = fc.integer({ min: 0, max: 0xffffffff });
const anyPacket: fc.Arbitrary<ControlPacket> = fc.record({
  diagnostic: fc.integer({ min: 0, max: 31 }),
  state: fc.constantFrom(...STATES),
  poll: fc.boolean(),
  final: fc.boolean(),
  independent: fc.boolean(),
  demand: fc.boolean(),
  multiplier: fc.integer({ min: 1, max: 255 }),
  myDiscriminator: fc.integer({ min: 1, max: 0xffffffff }),
  yourDiscriminator: fc.integer({ min: 1, max: 0xffffffff }),
  desiredMinTxUs: word,
  requiredMinRxUs: word,
  requiredMinEchoRxUs: word,
});

describe("the control packet", () => {
  it.each(CAPTURED)("%s reads as it was meant, and is written so", (_, hex, packet) => {
    expect(decodeControl(bytes(hex))).toEqual({ packet });
    expect(encodeControl(packet)).toEqual(bytes(hex));
  });

  it("reads as it was written, whatever it says", () => {
    fc.assert(
      fc.property(anyPacket, (packet) => {
        expect(decodeControl(encodeControl(packet))).toEqual({ packet });
      }),
    );
  });

  it.each([
    ["version", "40 c0 03 18", ""],
    ["length", "20 c0 03 17", ""],
    ["length", "20 c0 03 19", ""],
    ["multiplier", "20 c0 00 18", ""],
    ["multipoint", "20 c1 03 18", ""],
    ["authentication", "20 c4 03 18", ""],
    ["my-discriminator", "20 c0 03 18", "00000000 00000001"],
    ["your-discriminator", "20 c0 03 18", "00000001 00000000"],
    ["your-discriminator", "20 80 03 18", "00000001 00000000"],
  ])("is dropped for its %s: %s %s", (drop, head, discriminators) => {
    const rest = `${discriminators || "00000001 00000002"} 000f4240 000f4240 00000000`;
    expect(decodeControl(bytes(head + rest))).toEqual({ drop });
  });

  it("without our discriminator begins a session, or says that there is none to be", () => {
    for (const state of ["00", "40"])
      expect(decodeControl(bytes(`20 ${state} 03 18 00000001 00000000 000f4240 000f4240 00000000`))).toHaveProperty("packet");
  });

  it("is cut at the length that it says, and is never more than a value or a drop", () => {
    const [, hex, packet] = CAPTURED[0];
    expect(decodeControl(bytes(`${hex} ffff`))).toEqual({ packet });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (noise) => {
        expect(Object.keys(decodeControl(noise))).toHaveLength(1);
      }),
    );
  });

  it("names diagnostics, by number where they have no name", () => {
    expect([diagnosticName(1), diagnosticName(31)]).toEqual(["control detection time expired", "diagnostic 31"]);
  });
});
