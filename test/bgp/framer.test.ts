import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Framer, type Framing, frame, LENGTH_BOUNDS, MAXIMUM_EXTENDED_LENGTH, MAXIMUM_MESSAGE_LENGTH } from "#src/bgp/framer.ts";
import { CAPTURES } from "./captures.ts";
import { hex, MARKER } from "./hex.ts";

/** Everything the framer answers to these chunks, without the requests for more. */
function feed(chunks: readonly Uint8Array[], maximumLength = MAXIMUM_MESSAGE_LENGTH): Exclude<Framing, { kind: "more" }>[] {
  const framer = new Framer();
  framer.maximumLength = maximumLength;
  const answers: Exclude<Framing, { kind: "more" }>[] = [];
  for (const chunk of chunks) {
    framer.push(chunk);
    for (let answer = framer.next(); answer.kind !== "more"; answer = framer.next()) {
      answers.push(answer);
      if (answer.kind === "error") return answers;
    }
  }
  return answers;
}

const error = (subcode: number, data: string) => ({ kind: "error", error: { code: 1, subcode, data: hex(data) } });

describe("framer", () => {
  const stream = CAPTURES["BIRD 2.0.12"];
  const types = [1, 4, 2, 2];

  test("finds the messages of a captured stream, whole or cut anywhere once", () => {
    const whole = feed([stream]);
    expect(whole.map((answer) => answer.kind === "message" && answer.type)).toEqual(types);
    for (let cut = 0; cut <= stream.length; cut++) {
      expect(feed([stream.subarray(0, cut), stream.subarray(cut)]), `cut at ${cut}`).toEqual(whole);
    }
  });

  test("finds them byte by byte, and in any chunks", () => {
    const whole = feed([stream]);
    expect(feed(Array.from(stream, (byte) => Uint8Array.of(byte)))).toEqual(whole);
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length)), (cuts) => {
        const ends = [...cuts, stream.length].sort((a, b) => a - b);
        const chunks = ends.map((end, i) => stream.subarray(ends[i - 1] ?? 0, end));
        expect(feed(chunks)).toEqual(whole);
      }),
    );
  });

  test("a body stays what it was when later messages arrive, cut in the same place", () => {
    const framer = new Framer();
    const bodies = [0x11, 0x22, 0x33].map((byte) => {
      const message = frame(2, new Uint8Array(8).fill(byte));
      framer.push(message.slice(0, 22));
      expect(framer.next().kind).toBe("more");
      framer.push(message.slice(22));
      const framing = framer.next();
      expect(framer.next().kind).toBe("more");
      return framing.kind === "message" ? framing.body : undefined;
    });
    expect(bodies).toEqual([0x11, 0x22, 0x33].map((byte) => new Uint8Array(8).fill(byte)));
  });

  test.each([
    ["marker, first byte", "00", error(1, "")],
    ["marker, last byte, alone in its chunk", `${MARKER.slice(0, -2)}fe`, error(1, "")],
    ["length 18", `${MARKER} 0012`, error(2, "0012")],
    ["length 4097, before its type is there", `${MARKER} 1001`, error(2, "1001")],
    ["length 65535", `${MARKER} ffff`, error(2, "ffff")],
    ["type 0", `${MARKER} 0013 00`, error(3, "00")],
    ["type 6", `${MARKER} 0013 06`, error(3, "06")],
    ["OPEN of 28 bytes", `${MARKER} 001c 01`, error(2, "001c")],
    ["UPDATE of 22 bytes", `${MARKER} 0016 02`, error(2, "0016")],
    ["NOTIFICATION of 20 bytes", `${MARKER} 0014 03`, error(2, "0014")],
    ["KEEPALIVE of 20 bytes", `${MARKER} 0014 04`, error(2, "0014")],
    ["ROUTE-REFRESH of 24 bytes", `${MARKER} 0018 05`, error(2, "0018")],
  ])("is wrong as soon as it shows: %s", (_, text, wanted) => {
    const bytes = hex(text);
    expect(feed([bytes])).toEqual([wanted]);
    expect(feed(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual([wanted]);
    expect(feed([bytes.subarray(0, -1)])).toEqual([]);
    expect(feed([stream, bytes]).at(-1)).toEqual(wanted);
  });

  test("takes a ROUTE-REFRESH of any length where the complaint about it is to quote it, and nothing else", () => {
    const framer = new Framer();
    framer.takesAnyRefresh = true;
    framer.push(hex(`${MARKER} 0018 05 0001 01 01 00 ${MARKER} 0013 05 ${MARKER} 0014 04`));
    expect(framer.next()).toEqual({ kind: "message", type: 5, body: hex("0001 01 01 00") });
    expect(framer.next()).toEqual({ kind: "message", type: 5, body: hex("") });
    expect(framer.next()).toEqual(error(2, "0014"));
    const tooLong = new Framer();
    tooLong.takesAnyRefresh = true;
    tooLong.push(hex(`${MARKER} 1001 05`));
    expect(tooLong.next()).toEqual(error(2, "1001"));
  });

  test("stays wrong, whatever comes", () => {
    const framer = new Framer();
    framer.push(hex("00"));
    expect(framer.next()).toEqual(error(1, ""));
    framer.push(stream);
    expect(framer.next()).toEqual(error(1, ""));
  });

  test.each([
    ["as RFC 4271 has them", MAXIMUM_MESSAGE_LENGTH],
    ["extended, as RFC 8654 has them", MAXIMUM_EXTENDED_LENGTH],
  ])("takes each type at its bounds, and nothing beyond: %s", (_, maximumLength) => {
    for (const [type, [minimum, maximum]] of LENGTH_BOUNDS) {
      const longest = Math.min(maximum, maximumLength);
      const message = (length: number) =>
        Uint8Array.of(...hex(MARKER), length >> 8, length & 255, type, ...new Uint8Array(Math.max(0, length - 19)));
      for (const length of [minimum, longest]) {
        const bytes = message(length);
        expect(feed([bytes.subarray(0, 18), bytes.subarray(18)], maximumLength)).toEqual([
          { kind: "message", type, body: new Uint8Array(length - 19) },
        ]);
      }
      for (const length of [minimum - 1, longest + 1]) {
        if (length > 65535) continue;
        expect(feed([message(length).subarray(0, 19)], maximumLength)).toMatchObject([{ kind: "error", error: { subcode: 2 } }]);
      }
    }
  });

  test("holds back one message and no more, however long it may be", () => {
    const framer = new Framer();
    framer.maximumLength = MAXIMUM_EXTENDED_LENGTH;
    framer.push(hex(`${MARKER} ffff 02 00`));
    expect(framer.next()).toEqual({ kind: "more" });
    const held = Object.values(framer).filter((value) => value instanceof Uint8Array);
    expect(held.reduce((sum, bytes) => sum + bytes.length, 0)).toBeLessThanOrEqual(MAXIMUM_EXTENDED_LENGTH + 20);
  });

  test("refuses a chunk while it still has one, and to frame what is too long", () => {
    const framer = new Framer();
    framer.push(stream);
    expect(() => framer.push(stream)).toThrow("push before next");
    expect(() => frame(2, new Uint8Array(MAXIMUM_MESSAGE_LENGTH - 18))).toThrow("4097 bytes, at most 4096 wanted");
  });
});
