/**
 * A file that is written behind the back of whoever writes to it, and put aside when it is long: `name`, `name.1` (the one
 * before) and so on, of which the oldest goes. Writing never waits and never throws; what does not fit into the bound of
 * what may be under way is refused, and the caller counts it.
 */
import { access, constants, type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";

export interface RotatingFileOptions {
  readonly file: string;
  /** A record more is the next file's. */
  readonly maximumBytes: number;
  /** How many there may be, the one that is written to included. */
  readonly files: number;
  /** What each file begins with. */
  preamble(): readonly Uint8Array[];
  /** Said once; nothing is written from then on. */
  onFailure(problem: string): void;
}

/** Of what is not on disk yet: a disk that stalls for a second under a full table. */
const MAXIMUM_WAITING_BYTES = 16 * 1024 * 1024;
const BYTES_PER_WRITE = 1024 * 1024;

const NEXT_FILE = Symbol("next file");

export class RotatingFile {
  private readonly options: RotatingFileOptions;
  private queue: (Uint8Array | typeof NEXT_FILE)[] = [NEXT_FILE];
  private waitingBytes = 0;
  /** Of the file that what is queued now will be in. */
  private queuedBytes = 0;
  private handle: FileHandle | undefined;
  private working: Promise<void> | undefined;
  private failure: string | undefined;

  constructor(options: RotatingFileOptions) {
    this.options = options;
    for (const bytes of options.preamble()) this.enqueue(bytes);
    this.work();
  }

  /** False: there was no room, or the file has failed. */
  write(bytes: Uint8Array): boolean {
    if (this.failure !== undefined || this.waitingBytes + bytes.length > MAXIMUM_WAITING_BYTES) return false;
    if (this.queuedBytes > 0 && this.queuedBytes + bytes.length > this.options.maximumBytes) this.turnOver();
    this.enqueue(bytes);
    this.work();
    return true;
  }

  /** Settles when all that was taken is on disk, or can no longer be: at first, when the file is open or cannot be. */
  async settled(): Promise<void> {
    while (this.working) await this.working;
  }

  /** Settles as `settled`. */
  async close(): Promise<void> {
    await this.settled();
    await this.handle?.close();
    this.handle = undefined;
  }

  get problem(): string | undefined {
    return this.failure;
  }

  private enqueue(bytes: Uint8Array): void {
    this.queue.push(bytes);
    this.waitingBytes += bytes.length;
    this.queuedBytes += bytes.length;
  }

  private turnOver(): void {
    this.queue.push(NEXT_FILE);
    this.queuedBytes = 0;
    for (const bytes of this.options.preamble()) this.enqueue(bytes);
  }

  private work(): void {
    this.working ??= this.drain()
      .catch((error: Error) => this.fail(error.message))
      .finally(() => {
        this.working = undefined;
        if (this.queue.length > 0) this.work();
      });
  }

  private async drain(): Promise<void> {
    for (let next = this.queue[0]; next !== undefined; next = this.queue[0]) {
      if (next === NEXT_FILE) {
        this.queue.shift();
        await this.openNext();
        continue;
      }
      const batch = this.takeBatch();
      await this.handle?.appendFile(batch);
      this.waitingBytes -= batch.length;
    }
  }

  private takeBatch(): Uint8Array {
    let [count, length] = [0, 0];
    for (const next of this.queue) {
      if (next === NEXT_FILE || length >= BYTES_PER_WRITE) break;
      count++;
      length += next.length;
    }
    const batch = Buffer.concat(this.queue.slice(0, count) as Uint8Array[], length);
    this.queue = this.queue.slice(count);
    return batch;
  }

  private async openNext(): Promise<void> {
    const { file, files } = this.options;
    await this.handle?.close();
    this.handle = undefined;
    if ((await sizeOf(file)) > 0) {
      const aside = (index: number): string => (index === 0 ? file : `${file}.${index}`);
      for (let index = files - 2; index >= 0; index--) await renameIfThere(aside(index), aside(index + 1));
      if (files === 1) await rm(file);
    }
    this.handle = await open(file, "a");
  }

  private fail(problem: string): void {
    this.failure = problem;
    this.queue = [];
    this.waitingBytes = 0;
    this.options.onFailure(problem);
  }
}

/** What would keep such a file from being opened, as far as that shows without opening it. */
export async function foreseeProblem(file: string): Promise<string | undefined> {
  try {
    // What has something in it is put aside, which is its folder's to allow.
    if ((await isThere(file)) && (await sizeOf(file)) === 0) await access(file, constants.W_OK);
    else await access(dirname(file), constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

const isThere = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (isAbsent(error)) return false;
      throw error;
    },
  );

const isAbsent = (error: NodeJS.ErrnoException): boolean => error.code === "ENOENT";

async function sizeOf(file: string): Promise<number> {
  try {
    const found = await stat(file);
    // A folder is not put aside: it is somebody's.
    return found.isFile() ? found.size : 0;
  } catch (error) {
    if (isAbsent(error as NodeJS.ErrnoException)) return 0;
    throw error;
  }
}

async function renameIfThere(from: string, to: string): Promise<void> {
  await rename(from, to).catch((error: NodeJS.ErrnoException) => {
    if (!isAbsent(error)) throw error;
  });
}
