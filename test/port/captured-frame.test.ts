import { describe, expect, it } from "vitest";
import { RECORD, RECORD_WORDS } from "#src/pcap/record.ts";
import { makeFrame } from "#src/port/captured-frame.ts";

const AHEAD = 16;
const PACKET = "45000014";

/** The frame that is made of `hex`, captured with the link type, in hex; null where none can be. */
function framed(linkType: number, hex: string): string | null {
  const captured = Buffer.from(hex, "hex");
  const bytes = Buffer.concat([Buffer.alloc(AHEAD, 0xa5), captured, Buffer.alloc(4, 0xa5)]);
  const words = new Uint32Array(RECORD_WORDS);
  words[RECORD.offset] = AHEAD;
  words[RECORD.length] = captured.length;
  words[RECORD.wireLength] = captured.length + 3;
  words[RECORD.linkType] = linkType;
  if (!makeFrame(bytes, words, 0)) return null;
  const { [RECORD.offset]: offset, [RECORD.length]: length, [RECORD.wireLength]: wireLength } = words;
  if (length > 0) expect(wireLength - length).toBe(3);
  return bytes.toString("hex", offset, offset + length);
}

const ROUTER = "060000000001";
const ALL = "ffffffffffff";
const GROUP = "01005e000000";
const SENDER = "0200000000c1";

describe("a captured packet as a frame", () => {
  const rows: readonly [string, number, string, string | null][] = [
    ["Ethernet is one", 1, `${SENDER}${ALL}0800${PACKET}`, `${SENDER}${ALL}0800${PACKET}`],
    ["raw IPv4", 101, PACKET, `${ROUTER}0000000000000800${PACKET}`],
    ["raw IPv6", 229, "60000000", `${ROUTER}00000000000086dd60000000`],
    ["raw, and no IP", 101, "20000000", `${ROUTER}000000000000000020000000`],
    ["raw, and nothing", 101, "", `${ROUTER}0000000000000000`],
    ["cooked, to this host", 113, `000000010006${SENDER}00000800${PACKET}`, `${ROUTER}${SENDER}0800${PACKET}`],
    ["cooked, broadcast", 113, `000100010006${SENDER}00000806${PACKET}`, `${ALL}${SENDER}0806${PACKET}`],
    ["cooked, multicast", 113, `000200010006${SENDER}000086dd${PACKET}`, `${GROUP}${SENDER}86dd${PACKET}`],
    [
      "cooked, sent by this host over a tunnel without addresses",
      113,
      `0004030a0000${"00".repeat(8)}0800${PACKET}`,
      `${ROUTER}0000000000000800${PACKET}`,
    ],
    ["cooked 2, to another host", 276, `080000000000000200010306${SENDER}0000${PACKET}`, `${ROUTER}${SENDER}0800${PACKET}`],
    ["cooked 2, broadcast", 276, `080000000000000200010106${SENDER}0000${PACKET}`, `${ALL}${SENDER}0800${PACKET}`],
    ["cooked, cut in its header", 113, "00000001", ""],
    ["cooked 2, cut in its header", 276, "08".repeat(19), ""],
    ["a link type without frames", 105, PACKET, null],
  ];
  it.each(rows)("%s", (_, linkType, captured, frame) => {
    expect(framed(linkType, captured)).toBe(frame);
  });
});
