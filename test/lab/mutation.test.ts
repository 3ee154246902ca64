/** The mutations of UPDATEs: our own codec makes of each what its row says, before any router is asked. */
import { describe, expect, it } from "vitest";
import { Framer } from "#src/bgp/framer.ts";
import { decodeMessage } from "#src/bgp/message.ts";
import { drawMutation, MUTATIONS } from "#src/lab/mutation.ts";

/** As BIRD says it: ORIGIN, AS_PATH 64512, NEXT_HOP 10.0.0.13, and 198.51.100.10/32. */
const UPDATE = [
  ...[...Array(16).fill(0xff), 0, 48, 2, 0, 0, 0, 20],
  ...[0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0xfc, 0, 0x40, 3, 4, 10, 0, 0, 13],
  ...[32, 198, 51, 100, 10],
];

function consequenceOf(bytes: readonly number[]): string {
  const framer = new Framer();
  framer.push(Uint8Array.from(bytes));
  const framing = framer.next();
  if (framing.kind !== "message") return framing.kind === "error" ? "session-reset" : framing.kind;
  const decoded = decodeMessage(framing.type, framing.body, {
    asnSize: 4,
    peerType: "external",
    families: [{ afi: 1, safi: 1 }],
  });
  if ("error" in decoded) return "session-reset";
  return decoded.faults.map(({ consequence }) => consequence)[0] ?? "none";
}

describe("a mutation", () => {
  it("is of an UPDATE that is sound without it", () => expect(consequenceOf(UPDATE)).toBe("none"));

  it.each(MUTATIONS)("$name has the consequence $consequence", ({ bytes, consequence }) => {
    const mutated = [...UPDATE];
    for (const [offset, value] of bytes) mutated[offset] = value;
    expect(consequenceOf(mutated)).toBe(consequence);
  });

  it("is drawn by its seed, and every one is drawn by some", () => {
    const drawn = Array.from({ length: 40 }, (_, seed) => drawMutation(seed).name);
    expect(new Set(drawn)).toEqual(new Set(MUTATIONS.map(({ name }) => name)));
  });
});
