/**
 * The addon's kernels choose at each call by what the processor can. Here each is made to do with less, level by level, and must
 * have the answers of TypeScript all the same: `hash-levels.cc` is the same source behind another question to the processor.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BatchKernels, createBatchHash } from "#src/ecmp/batch-hash.ts";
import { seededRandom } from "#src/net/random.ts";

const SOURCE = fileURLToPath(new URL("hash-levels.cc", import.meta.url));
const KERNELS = fileURLToPath(new URL("../../native-bindings", import.meta.url));
const ROWS = 1003;
const SEED = 0xdeadbeef;

/** By each hash, those that its kernel asks for, the best first; at last there is plain C++. */
const LEVELS: Readonly<Record<string, readonly string[]>> = {
  xxh32: ["avx512bw", "avx2"],
  "murmur3-32": ["avx512bw", "avx2"],
  crc32c: ["sse4.2"],
  toeplitz: ["avx2"],
};
const cases = Object.entries(LEVELS).flatMap(([hash, levels]) =>
  [...levels, "plain C++"].map((level, i) => ({ hash, level, allowed: levels.slice(i) })),
);

describe("kernels by level", () => {
  const folder = mkdtempSync(join(tmpdir(), "ecmp-hash-levels-"));
  const program = join(folder, "hash-levels");
  let processor: readonly string[] = [];

  beforeAll(() => {
    execFileSync("c++", ["-std=c++17", "-O3", "-Wall", "-Wextra", "-Werror", `-I${KERNELS}`, "-o", program, SOURCE]);
    processor = execFileSync(program, { encoding: "utf8" }).split("\n");
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  it.for(cases)("$hash by $level has the answers of TypeScript", ({ hash, level, allowed }, context) => {
    if (allowed.length > 0 && !processor.includes(level)) context.skip();
    const random = seededRandom(5);
    const columns = Uint32Array.from({ length: 4 * ROWS }, () => random());
    const wanted = new Uint32Array(ROWS);
    createBatchHash(hash, hash === "toeplitz" ? 0 : SEED)(columns, wanted);

    const input = Buffer.concat([Buffer.from(tablesOf(hash).buffer), Buffer.from(columns.buffer)]);
    const { status, stdout, stderr } = spawnSync(program, [hash, String(SEED), String(ROWS), ...allowed], { input });
    // What it was allowed and took; nothing of plain C++.
    expect({ status, used: stderr.toString() }).toEqual({ status: 0, used: allowed.length > 0 ? `${level}\n` : "" });
    expect([...new Uint32Array(Uint8Array.from(stdout).buffer)]).toEqual([...wanted]);
  });
});

/** What the kernel of Toeplitz is handed. */
function tablesOf(hash: string): Uint32Array {
  let tables = new Uint32Array(0);
  if (hash !== "toeplitz") return tables;
  const kernels: Pick<BatchKernels, "hashToeplitz"> = {
    hashToeplitz(given) {
      tables = Uint32Array.from(given);
    },
  };
  createBatchHash(hash, 0, {}, kernels as BatchKernels)(new Uint32Array(4), new Uint32Array(1));
  return tables;
}
