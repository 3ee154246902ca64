/**
 * How far each worker of a data plane has come with its end, in shared memory, one word a worker: so that the workers of the
 * next one begin where these leave off, without waiting for the main thread. Two rings on one interface hear the same frames;
 * so a worker that is told to stop goes deaf first, then forwards what it has heard, and only then closes.
 *
 *   the one:   hears │ deaf, goes on with what has come │ drained, closes its rings
 *   the next:  waits │ hears, its rings fill            │ forwards
 *
 * Written by its worker, and for one that has died by the main thread.
 */
export const ENDING = { hears: 0, deaf: 1, drained: 2 } as const;
export type Ending = (typeof ENDING)[keyof typeof ENDING];

/** Who waits looks this often whether it is still to wait. */
const LOOK_EVERY_MS = 50;

export const createEndings = (workers: number): SharedArrayBuffer => new SharedArrayBuffer(4 * workers);

export function setEnding(memory: SharedArrayBuffer, worker: number, ending: Ending): void {
  const words = new Int32Array(memory);
  Atomics.store(words, worker, ending);
  Atomics.notify(words, worker);
}

/** Blocks until every worker has come so far, or until `isOver`. */
export function awaitEndings(memory: SharedArrayBuffer, ending: Ending, isOver: () => boolean): void {
  const words = new Int32Array(memory);
  for (const worker of words.keys()) {
    for (let now = Atomics.load(words, worker); now < ending && !isOver(); now = Atomics.load(words, worker))
      Atomics.wait(words, worker, now, LOOK_EVERY_MS);
  }
}
