/**
 * A value that one thread sets and others look up, for settings that change while a worker is in its loop and hears no
 * messages. It travels as JSON through shared memory, guarded by a sequence word (a seqlock); who looks pays one load while
 * nothing changes, and gets the same object.
 *
 *   Int32  sequence (odd while being written) │ length in bytes
 *   bytes  JSON
 */
const SEQUENCE = 0;
const LENGTH = 1;
const HEADER_BYTES = 8;
const CAPACITY_BYTES = 64 * 1024;

export const createSharedValue = (): SharedArrayBuffer => new SharedArrayBuffer(HEADER_BYTES + CAPACITY_BYTES);

/** Undefined takes the value away. Throws if it has no room. One thread only. */
export function setSharedValue(memory: SharedArrayBuffer, value: unknown): void {
  const text = value === undefined ? new Uint8Array() : new TextEncoder().encode(JSON.stringify(value));
  if (text.length > CAPACITY_BYTES) throw new RangeError(`a value of ${text.length} bytes, wanted at most ${CAPACITY_BYTES}`);
  const state = new Int32Array(memory, 0, 2);
  Atomics.add(state, SEQUENCE, 1);
  Atomics.store(state, LENGTH, text.length);
  new Uint8Array(memory, HEADER_BYTES).set(text);
  Atomics.add(state, SEQUENCE, 1);
}

/** Looks the value up; what was seen last while another is being written. */
export function createSharedReader<Value>(memory: SharedArrayBuffer): () => Value | undefined {
  const state = new Int32Array(memory, 0, 2);
  const bytes = new Uint8Array(memory, HEADER_BYTES);
  let known = 0;
  let value: Value | undefined;
  return () => {
    const sequence = Atomics.load(state, SEQUENCE);
    if (sequence === known || sequence & 1) return value;
    const text = bytes.slice(0, Atomics.load(state, LENGTH));
    if (Atomics.load(state, SEQUENCE) !== sequence) return value;
    known = sequence;
    value = text.length === 0 ? undefined : (JSON.parse(new TextDecoder().decode(text)) as Value);
    return value;
  };
}
