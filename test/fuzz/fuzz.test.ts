/**
 * Whatever a peer sends, or a file holds, the decoders answer: no exception, no endless loop, no more values than the bytes
 * can pay for, and what they answer keeps its promises. Reproducible: the seed decides. `npm run fuzz` goes on for
 * ECMP_FUZZ_SECONDS, each round with the next seed; ECMP_FUZZ_SEED begins elsewhere. A message that once broke something gets
 * a test with its name in the file of its module.
 */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { formatHex } from "#src/bgp/bytes.ts";
import { CONSEQUENCES, strongest } from "#src/bgp/error.ts";
import { Framer, frame, LENGTH_BOUNDS } from "#src/bgp/framer.ts";
import { decodeMessage } from "#src/bgp/message.ts";
import { IPV4_UNICAST, IPV6_UNICAST } from "#src/bgp/nlri.ts";
import { JSON_LINES, MRT, Splitter } from "#src/mrt/splitter.ts";
import { systemClock } from "#src/net/clock.ts";
import { randomBelow, seededRandom } from "#src/net/random.ts";
import { createRib } from "#src/rib/table.ts";
import { Replay } from "#src/speaker/replay.ts";
import { staleLimitsOf } from "#src/speaker/settings.ts";
import { hex, updateBody } from "../bgp/hex.ts";
import { RICH_UPDATE, SAMPLES } from "./corpus.ts";
import { mutate, mutateBytes } from "./mutate.ts";
import { checkPromises, countValues } from "./promises.ts";

const FIRST_SEED = Number(process.env.ECMP_FUZZ_SEED ?? 20261121);
const SECONDS = Number(process.env.ECMP_FUZZ_SECONDS ?? 0);
const MESSAGES = 200_000;
const timeout = (SECONDS + 120) * 1000;

/** One round, or as many as there is time for; a third of it for each of the three that go on. */
function rounds(round: (seed: number) => void): void {
  const endMs = systemClock.nowMs() + (SECONDS * 1000) / 3;
  for (let seed = FIRST_SEED; ; seed++) {
    round(seed);
    if (systemClock.nowMs() >= endMs) return;
  }
}

const FAMILIES = [IPV4_UNICAST, IPV6_UNICAST];

test("the message that most of the damage is done to is whole", () => {
  const { faults } = decodeMessage(2, RICH_UPDATE, { asnSize: 4, peerType: "internal", families: FAMILIES });
  // Only a peer of two-octet AS numbers may send these.
  expect(faults.map(({ attribute }) => attribute)).toEqual(["AS4_PATH", "AS4_AGGREGATOR"]);
  for (const { type, body } of SAMPLES)
    expect("message" in decodeMessage(type, body, { asnSize: 4, peerType: "external", families: FAMILIES })).toBe(true);
});

test(`the decoder answers ${MESSAGES} damaged messages (seed ${FIRST_SEED})`, { timeout }, () => {
  rounds((seed) => {
    const random = seededRandom(seed);
    const outcomes = new Map<string, number>();
    for (let i = 0; i < MESSAGES; i++) {
      const { type, body } = mutate(random);
      const bits = randomBelow(random, 32);
      const context = {
        asnSize: bits & 1 ? 2 : 4,
        peerType: bits & 2 ? "internal" : "external",
        families: bits & 4 ? FAMILIES : [IPV4_UNICAST],
        pathIds: (bits & 24) === 0 ? FAMILIES : [],
      } as const;
      try {
        const decoded = decodeMessage(type, body, context);
        checkPromises(decoded, body.length);
        const outcome = "error" in decoded ? "reset" : strongest(decoded.faults);
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      } catch (cause) {
        throw new Error(`seed ${seed}, message ${i}: type ${type}, ${JSON.stringify(context)}: ${formatHex(body)}`, { cause });
      }
    }
    // A fuzzer that only ever reaches one end of the decoder would prove nothing.
    for (const outcome of ["none", ...CONSEQUENCES]) expect(outcomes.get(outcome) ?? 0, outcome).toBeGreaterThan(MESSAGES / 100);
  });
});

test(`the framer cuts the same anywhere, and lets through what it should (seed ${FIRST_SEED})`, { timeout }, () => {
  rounds((seed) => {
    const random = seededRandom(seed);
    let [messages, errors] = [0, 0];
    for (let i = 0; i < 10_000; i++) {
      const { type, body } = SAMPLES[randomBelow(random, SAMPLES.length)];
      const good = frame(type, body);
      const stream = randomBelow(random, 3) === 0 ? mutateBytes(good, random) : good;
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
          const length = framing.body.length + 19;
          if (length < minimum || length > maximum) throw new Error(`seed ${seed}: type ${framing.type}, ${length} bytes`);
        }
      }
    }
    expect(messages).toBeGreaterThan(6000);
    expect(errors).toBeGreaterThan(1000);
  });
});

const RECORDINGS = new URL("../conformance/recordings/", import.meta.url);

test(`recordings that are damaged are told to a RIB all the same (seed ${FIRST_SEED})`, { timeout }, () => {
  const recordings = readdirSync(RECORDINGS)
    .filter((name) => /\.(mrt|jsonl)$/.test(name))
    .map((name) => ({
      form: name.endsWith(".mrt") ? MRT : JSON_LINES,
      bytes: new Uint8Array(readFileSync(new URL(name, RECORDINGS))),
    }));
  rounds((seed) => {
    const random = seededRandom(seed);
    let [faults, records] = [0, 0];
    for (let i = 0; i < 600; i++) {
      const { form, bytes } = recordings[randomBelow(random, recordings.length)];
      const damaged = mutateBytes(bytes, random);
      const rib = createRib();
      const replay = new Replay({
        localAsn: 65000,
        limitsOf: () => staleLimitsOf({}),
        onUpdate: (update) => void rib.applyUpdate(update),
      });
      const splitter = new Splitter(form);
      for (let offset = 0; offset < damaged.length; offset += 1000) {
        for (const { record } of splitter.push(damaged.subarray(offset, offset + 1000))) {
          records++;
          if (record.kind === "fault") faults++;
          else replay.take(record);
        }
      }
      splitter.end();
      rib.routes();
    }
    expect(faults).toBeGreaterThan(50);
    expect(records).toBeGreaterThan(5000);
  });
});

test("the worst that fits into a message costs no more than its bytes", () => {
  const context = { asnSize: 4, peerType: "external", families: FAMILIES } as const;
  const worst = (length: number): readonly Uint8Array[] => [
    // Prefixes of length 0, withdrawn or of either family; attributes that are there twice; communities; AS numbers.
    new Uint8Array(length),
    updateBody("", "c06300".repeat(Math.floor(length / 3) - 2), ""),
    updateBody("", Array.from({ length: 250 }, (_, type) => `c0${(type + 1).toString(16).padStart(2, "0")}00`).join(""), "00"),
    updateBody(
      "",
      `d008${(length - 20 - (length % 4)).toString(16).padStart(4, "0")}${"00".repeat(length - 20 - (length % 4))}`,
      "00",
    ),
    updateBody("", `900f${(length - 20).toString(16).padStart(4, "0")} 000201 ${"00".repeat(length - 23)}`, ""),
    // A fault as long as the message, of the session's last family: no NOTIFICATION has room for all of it.
    updateBody("", `900e${(length - 8).toString(16).padStart(4, "0")} 0001010f ${"00".repeat(length - 12)}`, ""),
    hex("0000 0000").slice(0, 4),
  ];
  for (const length of [4077, 65516]) {
    for (const body of worst(length)) {
      const startMs = systemClock.nowMs();
      for (const families of [FAMILIES, [IPV4_UNICAST]])
        checkPromises(decodeMessage(2, body, { ...context, families }), body.length);
      // Far more than it takes on a busy machine; a quadratic loop over 65,516 bytes would take longer still.
      expect(systemClock.nowMs() - startMs).toBeLessThan(10_000);
    }
  }
  expect(countValues(decodeMessage(2, new Uint8Array(4077), context))).toBeGreaterThan(2 * 4077);
});
