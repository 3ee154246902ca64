import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BatchKernels, createBatchHash, TUPLE_COLUMNS } from "#src/ecmp/batch-hash.ts";
import { HASHES } from "#src/ecmp/hash.ts";
import { hashBytes } from "../common/hash.ts";

const word = fc.integer({ min: 0, max: 0xffffffff });

/** Columns with more rows than are asked for, so that no column is where it would be if there were as many. */
const batches = fc
  .tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 5 }))
  .chain(([count, spare]) =>
    fc
      .array(word, { minLength: TUPLE_COLUMNS * (count + spare), maxLength: TUPLE_COLUMNS * (count + spare) })
      .map((words) => ({ count, columns: Uint32Array.from(words) })),
  );

/** Tuple `i` as the bytes of the key. */
function tupleBytes(columns: Uint32Array, i: number): Uint8Array {
  const [source, destination, protocol, ports] = [0, 1, 2, 3].map((column) => columns[(column * columns.length) / 4 + i]);
  const bytes = Buffer.alloc(13);
  bytes.writeUInt32BE(source, 0);
  bytes.writeUInt32BE(destination, 4);
  bytes.writeUInt8(protocol % 256, 8);
  bytes.writeUInt32BE(ports, 9);
  return bytes;
}

describe("a batch without kernels", () => {
  it.each(Object.values(HASHES).filter(({ perPacket }) => !perPacket))("has the answers of $name", (hash) => {
    fc.assert(
      fc.property(batches, word, ({ count, columns }, seed) => {
        const hashes = new Uint32Array(count);
        createBatchHash(hash.name, seed)(columns, hashes);
        expect([...hashes]).toEqual(Array.from(hashes, (_, i) => hashBytes(hash, tupleBytes(columns, i), seed)));
      }),
      { numRuns: 20 },
    );
  });

  it("refuses columns that are too short, or not four", () => {
    const batch = createBatchHash("xxh32", 0);
    expect(() => batch(new Uint32Array(4 * 7), new Uint32Array(8))).toThrow("columns of 28 words; wanted four");
    expect(() => batch(new Uint32Array(4 * 8 + 1), new Uint32Array(8))).toThrow("columns of 33 words; wanted four");
  });
});

describe("a batch with kernels", () => {
  /** Kernels that say which of them was asked, and for what. */
  function recorder(): BatchKernels & { readonly calls: string[]; tables?: Uint32Array } {
    const calls: string[] = [];
    const kernel = (name: string) => (first: number | Uint32Array) => {
      calls.push(typeof first === "number" ? `${name} ${first}` : name);
    };
    return {
      calls,
      hashXxh32: kernel("xxh32"),
      hashMurmur3: kernel("murmur3"),
      hashCrc32c: kernel("crc32c"),
      hashToeplitz(tables) {
        calls.push("toeplitz");
        this.tables = tables;
      },
    };
  }

  it.each([
    ["xxh32", "xxh32 5"],
    ["murmur3-32", "murmur3 5"],
    ["crc32c", "crc32c 5"],
    ["toeplitz", "toeplitz"],
    ["toeplitz-symmetric", "toeplitz"],
  ])("leaves %s to its own", (algorithm, call) => {
    const kernels = recorder();
    createBatchHash(algorithm, 5, {}, kernels)(new Uint32Array(4), new Uint32Array(1));
    expect(kernels.calls).toEqual([call]);
  });

  it("leaves nothing else to them", () => {
    const kernels = recorder();
    for (const algorithm of ["xxh64", "crc32", "random"]) {
      createBatchHash(algorithm, 5, {}, kernels)(new Uint32Array(4), new Uint32Array(1));
    }
    expect(kernels.calls).toEqual([]);
  });

  it("hands Toeplitz the tables of its key", () => {
    const kernels = recorder();
    const key = Uint8Array.from({ length: 40 }, (_, i) => 7 * i + 1);
    createBatchHash("toeplitz", 0, { key }, kernels)(new Uint32Array(4), new Uint32Array(1));
    const bytes = Uint8Array.from({ length: 13 }, (_, i) => 19 * i + 3);
    const sum = bytes.reduce((hash, byte, i) => hash ^ (kernels.tables?.[256 * i + byte] ?? 0), 0);
    const whole = new Uint8Array(128);
    whole.set(bytes);
    expect(sum >>> 0).toBe(HASHES.toeplitz.create(0, { key })({ bytes: whole, words: new Uint32Array(whole.buffer) }, 13));
  });
});
