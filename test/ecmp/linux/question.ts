/**
 * Questions to the kernel by the hundred thousand: which next hop for which flow, under which hash. A small program of our own
 * (`route-get.c`) puts them, because `ip route get` can give no flow label and takes too long. Flows are rows of words here, as
 * that program reads them.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createFields, FIELD, type Fields } from "#src/ecmp/fields.ts";
import { PROTOCOLS } from "#src/net/flow.ts";
import { type Random, randomBelow } from "#src/net/random.ts";
import { run } from "../../common/namespace.ts";
import type { FamilyNumber, HashSettings } from "./kernel.ts";

/** IPv4 addresses are the first of four words. */
export const FLOW = { protocol: 0, sourcePort: 1, destinationPort: 2, label: 3, source: 4, destination: 8 } as const;
export const FLOW_WORDS = 12;

export interface Question {
  readonly family: FamilyNumber;
  readonly settings: HashSettings;
  /** FLOW_WORDS each. */
  readonly flows: Uint32Array;
}

export interface Questioner {
  /** The number of each flow's next hop, of all questions one after the other. */
  ask(questions: readonly Question[]): Uint32Array;
  remove(): void;
}

export function createQuestioner(): Questioner {
  const folder = mkdtempSync(join(tmpdir(), "ecmp-test-"));
  const program = join(folder, "route-get");
  run(`cc -O1 -Wall -Werror -o ${program} ${fileURLToPath(new URL("route-get.c", import.meta.url))}`);
  return {
    ask(questions) {
      const input = Buffer.concat(questions.flatMap(writeBlock));
      const { stdout, stderr, status } = spawnSync(program, ["in0"], { input, maxBuffer: input.length + (1 << 16) });
      if (status !== 0) throw new Error(`route-get: ${stderr}`);
      return new Uint32Array(stdout.buffer.slice(stdout.byteOffset, stdout.byteOffset + stdout.length));
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}

function writeBlock({ family, settings: { policy, fields, seed }, flows }: Question): Buffer[] {
  const head = Uint32Array.of(family, policy, fields, seed, flows.length / FLOW_WORDS);
  return [head, flows].map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength));
}

/**
 * A flow from anywhere: TCP, UDP and now and then ICMP, which has no ports. Half of the IPv6 sources share the destination's
 * first word, so that the order of two addresses is not always told by that. The caller gives it a prefix to go to.
 */
export function drawFlow(random: Random, family: FamilyNumber, row: Uint32Array, hasLabel: boolean): void {
  const kind = randomBelow(random, 8);
  const port = () => (kind === 0 ? 0 : 1 + randomBelow(random, 65_535));
  const icmp = family === 4 ? PROTOCOLS.icmp : PROTOCOLS.icmp6;
  row[FLOW.protocol] = kind === 0 ? icmp : kind < 5 ? PROTOCOLS.tcp : PROTOCOLS.udp;
  row[FLOW.sourcePort] = port();
  row[FLOW.destinationPort] = port();
  row[FLOW.label] = family === 6 && hasLabel ? randomBelow(random, 1 << 20) : 0;
  for (let i = 0; i < (family === 4 ? 1 : 4); i++) {
    row[FLOW.source + i] = random();
    row[FLOW.destination + i] = random();
  }
  // No martian filter minds 20.0.0.0 to 119.255.255.255, or 2000::/4.
  if (family === 4) row[FLOW.source] = (randomBelow(random, 100) + 20) * 2 ** 24 + (row[FLOW.source] >>> 8);
  else row[FLOW.source] = random() & 1 ? 0x20010db8 : 0x20000000 + (row[FLOW.source] >>> 4);
}

const kept = createFields();

/** As a classifier would have read it; the same row of fields each time. */
export function flowFields(family: FamilyNumber, row: Uint32Array): Fields {
  kept[FIELD.family] = family;
  kept[FIELD.protocol] = row[FLOW.protocol];
  kept[FIELD.sourcePort] = row[FLOW.sourcePort];
  kept[FIELD.destinationPort] = row[FLOW.destinationPort];
  kept[FIELD.flowLabel] = row[FLOW.label];
  for (let i = 0; i < 4; i++) {
    kept[FIELD.source + i] = row[FLOW.source + i];
    kept[FIELD.destination + i] = row[FLOW.destination + i];
  }
  return kept;
}
