import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeNeighborMessage } from "#src/wire/neighbor-discovery.ts";
import { decodeRouterMessage, encodeRouterAdvertisement, encodeRouterSolicitation } from "#src/wire/router-discovery.ts";
import { changeIcmp6, mendIcmp6 } from "./icmp6-frames.ts";

const SENDER = { sourceMac: 0x020000000001, source: "fe800000000000000000000000000001" };
const advertisement = () => Buffer.from(encodeRouterAdvertisement(SENDER, 1800));

const changed = (changes: Record<number, number>): Buffer => changeIcmp6(advertisement(), changes);

describe("router messages", () => {
  it("have the checksum that the slow twin computes, and are read back", () => {
    const frame = advertisement();
    expect(mendIcmp6(Buffer.from(frame)).equals(frame)).toBe(true);
    expect(decodeRouterMessage(frame, 0, frame.length)).toEqual({
      kind: "advertisement",
      source: SENDER.source,
      lifetimeSeconds: 1800,
    });
    const question = encodeRouterSolicitation(SENDER);
    expect(decodeRouterMessage(question, 0, question.length)).toEqual({ kind: "solicitation" });
    expect(decodeNeighborMessage(frame, 0, frame.length)).toBeUndefined();
  });

  it.each<[string, Buffer]>([
    ["one that came through a router", changed({ 21: 254 })],
    ["a code", changed({ 55: 1 })],
    ["a sender that is not of the link", changed({ 22: 0x20 })],
    ["an option without length", changed({ 71: 0 })],
    ["an option that leaves the packet", changed({ 71: 2 })],
    ["another type", changed({ 54: 137 })],
  ])("are not believed: %s", (_, frame) => {
    expect(decodeRouterMessage(frame, 0, frame.length)).toBeUndefined();
  });

  it("are whole or nothing, whatever the bytes", () => {
    const frame = advertisement();
    for (let length = 0; length < frame.length; length++) expect(decodeRouterMessage(frame, 0, length)).toBeUndefined();
    fc.assert(fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => void decodeRouterMessage(bytes, 0, bytes.length)));
  });
});
