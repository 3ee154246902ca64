/**
 * A recording on disk, as its records in order: MRT or JSON lines, as it is or compressed by gzip, told apart by their first
 * bytes. It is read as a stream, so a table of any size costs no more than its longest record.
 */
import { createReadStream } from "node:fs";
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { JSON_LINES, MRT, type Recorded, Splitter } from "./splitter.ts";

const CHUNK_BYTES = 256 * 1024;
const GZIP = [0x1f, 0x8b];
const BRACE = "{".charCodeAt(0);

/** `-` is the standard input. Rejects if the file cannot be read; what is wrong inside it comes among the records. */
export async function* readRecording(path: string): AsyncGenerator<readonly Recorded[]> {
  let splitter: Splitter | undefined;
  try {
    for await (const chunk of await plainChunks(path)) {
      // A plain view: what is cut out of it is compared and kept as such.
      const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
      splitter ??= new Splitter(bytes[0] === BRACE ? JSON_LINES : MRT);
      yield splitter.push(bytes);
      if (splitter.over) return;
    }
  } catch (error) {
    // Of the compression; a file that cannot be read has another code.
    if (!(error as NodeJS.ErrnoException).code?.startsWith("Z_")) throw error;
    yield [{ offset: splitter?.position ?? 0, record: { kind: "fault", problem: `gzip: ${(error as Error).message}` } }];
    return;
  }
  if (splitter) yield splitter.end();
}

async function plainChunks(path: string): Promise<AsyncIterable<Uint8Array>> {
  const stream = path === "-" ? process.stdin : createReadStream(path, { highWaterMark: CHUNK_BYTES });
  const chunks: AsyncIterator<Uint8Array> = stream[Symbol.asyncIterator]();
  const first = await chunks.next();
  const all = async function* (): AsyncGenerator<Uint8Array> {
    for (let next = first; !next.done; next = await chunks.next()) yield next.value;
  };
  if (first.done || GZIP.some((byte, i) => first.value[i] !== byte)) return all();
  // Whoever iterates over the last stream of a pipeline gets its error.
  return pipeline(Readable.from(all()), createGunzip(), () => undefined);
}
