/**
 * Whatever a peer sends, the decoder answers: no exception, no endless loop, and a value that keeps its own promises. The
 * messages are grown from good ones, by blind damage and by damage that knows where lengths and types are. `ECMP_FUZZ_SEED`
 * gives another run; a message that once broke something gets a test with its name in the file of its module.
 */

import { expect, test } from "vitest";
import { formatHex } from "#src/bgp/bytes.ts";
import { CONSEQUENCES } from "#src/bgp/error.ts";
import { Framer, frame, LENGTH_BOUNDS } from "#src/bgp/framer.ts";
import { type DecodedMessage, decodeMessage, encodeMessage } from "#src/bgp/message.ts";
import { IPV4_UNICAST, IPV6_UNICAST } from "#src/bgp/nlri.ts";
import { maskAddress, maximumLength } from "#src/net/prefix.ts";
import { type Random, randomBelow, seededRandom } from "#src/net/random.ts";
import { CAPTURES } from "./captures.ts";
import { hex, updateBody } from "./hex.ts";

const SEED = Number(process.env.ECMP_FUZZ_SEED ?? 20261121);
const MESSAGES = 60_000;

interface Sample {
  readonly type: number;
  readonly body: Uint8Array;
}

function samplesOf(stream: Uint8Array): Sample[] {
  const framer = new Framer();
  framer.push(stream);
  const samples: Sample[] = [];
  for (let framing = framer.next(); framing.kind === "message"; framing = framer.next()) samples.push(framing);
  return samples;
}

/** With every attribute that has a row, and some that have none. */
const RICH = updateBody(
  "18 0a0b0c 00",
  `800e1a 0002 01 10 20010db8000000000000000000000001 00 20 20010db8  800f0a 0002 01 30 20010db80001
   400101 00  400210 0202 0000fde9 fa56ea00 0101 00000001  400304 0a000001  800404 00000007  400504 00000064  400600
   c00708 fa56ea00 0a000009  c00808 ffff0000 04d20001  800904 0a000007  800a08 0a000008 0a000009  c01008 0002fde900000001
   c01106 0201 fa56ea00  c01208 fa56ea00 0a000009  c0200c 0000fc00 00000001 00000002  d0630003 010203  806402 ffff`,
  "20 c633640a 08 0b",
);

const SAMPLES: readonly Sample[] = [
  ...Object.values(CAPTURES).flatMap(samplesOf),
  { type: 2, body: RICH },
  { type: 3, body: hex("06 02 0b 676f6f64206e69676874 21") },
  { type: 5, body: hex("0001 00 01") },
  { type: 1, body: hex("04 fde9 005a 0a000001 ff ff 0009 02 0006 4104 0000fde9") },
];

const INTERESTING = [0, 1, 2, 3, 4, 7, 8, 14, 15, 16, 17, 24, 31, 32, 33, 64, 127, 128, 129, 254, 255];

/** One to four wounds. Half of them go where lengths, flags and types tend to be: small bytes. */
function damage(body: Uint8Array, random: Random): Uint8Array {
  let bytes = Array.from(body);
  for (let wounds = 1 + randomBelow(random, 4); wounds > 0; wounds--) {
    const at = randomBelow(random, bytes.length + 1);
    const small = bytes.findIndex((byte, i) => i >= at && byte < 0x30);
    switch (randomBelow(random, 8)) {
      case 0:
        if (at < bytes.length) bytes[at] = randomBelow(random, 256);
        break;
      case 1:
        if (at < bytes.length) bytes[at] ^= 1 << randomBelow(random, 8);
        break;
      case 2:
        bytes = bytes.slice(0, at);
        break;
      case 3:
        bytes.splice(at, randomBelow(random, 6));
        break;
      case 4:
        bytes.splice(at, 0, ...Array.from({ length: randomBelow(random, 6) }, () => randomBelow(random, 256)));
        break;
      case 5:
        if (small >= 0) bytes[small] = INTERESTING[randomBelow(random, INTERESTING.length)];
        break;
      case 6:
        if (small >= 0) bytes[small] = (bytes[small] + 255 + 2 * randomBelow(random, 2)) & 255;
        break;
      default: {
        // A piece of it again, somewhere else: doubled attributes, nested lists.
        const piece = bytes.slice(at, at + randomBelow(random, 40));
        bytes.splice(randomBelow(random, bytes.length + 1), 0, ...piece);
      }
    }
  }
  return Uint8Array.from(bytes.slice(0, 4077));
}

function checkPromises(decoded: DecodedMessage): void {
  for (const fault of decoded.faults) expect(CONSEQUENCES).toContain(fault.consequence);
  if ("error" in decoded) {
    expect(decoded.error.code).toBeGreaterThanOrEqual(1);
    expect(decoded.error.code).toBeLessThanOrEqual(3);
    // What we would answer can be said.
    encodeMessage({ kind: "notification", error: decoded.error }, 4);
    return;
  }
  const { message } = decoded;
  if (message.kind !== "update") return;
  const prefixes = [...message.withdrawn, ...message.announcements.flatMap((announcement) => announcement.prefixes)];
  for (const { address, length } of prefixes) {
    if (length > maximumLength(address) || maskAddress(address, length) !== address) throw new Error("not a prefix");
  }
  const consequences = decoded.faults.map(({ consequence }) => consequence);
  if (consequences.includes("treat-as-withdraw")) expect(message.announcements).toEqual([]);
  for (const { attributes } of message.announcements) {
    expect(attributes.origin).toBeLessThanOrEqual(2);
    expect(attributes.asPath.every(({ asns }) => asns.length > 0 && !asns.includes(0))).toBe(true);
  }
}

test("the message that most of the damage is done to is whole", () => {
  const { faults } = decodeMessage(2, RICH, { asnSize: 4, peerType: "internal", families: [IPV4_UNICAST, IPV6_UNICAST] });
  // Only a peer of two-octet AS numbers may send these.
  expect(faults.map(({ attribute }) => attribute)).toEqual(["AS4_PATH", "AS4_AGGREGATOR"]);
});

test(`the decoder survives ${MESSAGES} damaged messages (seed ${SEED})`, { timeout: 120_000 }, () => {
  const random = seededRandom(SEED);
  const outcomes = { none: 0, discard: 0, "treat-as-withdraw": 0, "disable-family": 0, reset: 0 };
  for (let i = 0; i < MESSAGES; i++) {
    // Half of them are the rich UPDATE: there most can go wrong.
    const sample = randomBelow(random, 2) === 0 ? SAMPLES[randomBelow(random, SAMPLES.length)] : { type: 2, body: RICH };
    const type = randomBelow(random, 50) === 0 ? randomBelow(random, 256) : sample.type;
    const body = damage(sample.body, random);
    const asnSize = randomBelow(random, 2) === 0 ? 2 : 4;
    const peerType = randomBelow(random, 2) === 0 ? "internal" : "external";
    try {
      const decoded = decodeMessage(type, body, { asnSize, peerType, families: [IPV4_UNICAST, IPV6_UNICAST] });
      checkPromises(decoded);
      const worst = CONSEQUENCES.findLast((consequence) => decoded.faults.some((fault) => fault.consequence === consequence));
      outcomes[worst ?? ("error" in decoded ? "reset" : "none")]++;
    } catch (cause) {
      throw new Error(`type ${type}, ${asnSize} octets, ${peerType}: ${formatHex(body)}`, { cause });
    }
  }
  // A fuzzer that only ever reaches one end of the decoder would prove nothing.
  for (const [outcome, count] of Object.entries(outcomes)) expect(count, outcome).toBeGreaterThan(MESSAGES / 200);
});

test(`the framer survives the same, cut anywhere (seed ${SEED})`, () => {
  const random = seededRandom(SEED + 1);
  let messages = 0;
  let errors = 0;
  for (let i = 0; i < 5000; i++) {
    const sample = SAMPLES[randomBelow(random, SAMPLES.length)];
    const good = frame(sample.type, sample.body);
    const stream = randomBelow(random, 3) === 0 ? damage(good, random) : good;
    const framer = new Framer();
    for (let offset = 0; offset < stream.length; ) {
      const end = offset + 1 + randomBelow(random, 60);
      framer.push(stream.subarray(offset, end));
      offset = end;
      for (let framing = framer.next(); framing.kind !== "more"; framing = framer.next()) {
        if (framing.kind === "error") {
          errors++;
          offset = stream.length;
          break;
        }
        messages++;
        const [minimum, maximum] = LENGTH_BOUNDS.get(framing.type) ?? [0, -1];
        expect(framing.body.length + 19).toBeGreaterThanOrEqual(minimum);
        expect(framing.body.length + 19).toBeLessThanOrEqual(maximum);
      }
    }
  }
  expect(messages).toBeGreaterThan(3000);
  expect(errors).toBeGreaterThan(500);
});

test("the worst that fits into a message costs no more than its bytes", () => {
  const context = { asnSize: 4, peerType: "external", families: [IPV4_UNICAST] } as const;
  const prefixes = decodeMessage(2, new Uint8Array(4077), context);
  expect("message" in prefixes && prefixes.message.kind === "update" && prefixes.message.withdrawn.length).toBe(4073);
  const attributes = decodeMessage(2, updateBody("", "c06300".repeat(1357), ""), context);
  expect(attributes.faults.length).toBe(1356);
  const distinct = Array.from({ length: 255 }, (_, type) => `c0${(type + 1).toString(16).padStart(2, "0")}00`).join("");
  expect(decodeMessage(2, updateBody("", distinct, "00"), context).faults.length).toBeLessThan(40);
});
