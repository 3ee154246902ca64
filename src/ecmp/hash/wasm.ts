/**
 * Just enough of WebAssembly to write one function by hand (WebAssembly Core Specification 1.0, section 5): a hash that is made
 * of 64-bit additions and rotations gets at the machine's own in this way, and in no other without BigInt. One function, one
 * page of memory, numbers below 2^31 for constants.
 */

/** What of the global object of this name is used here; its types come with the DOM's, which are not wanted. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
  ) => { readonly exports: { readonly f: Assembled["run"]; readonly m: { readonly buffer: ArrayBuffer } } };
};

/** Instructions, one behind the other. */
export type Code = readonly number[];

export const I32 = 0x7f;
export const I64 = 0x7e;

/** By their names in the text format, without the type where the code here needs only one. */
export const OP = {
  end: 0x0b,
  i32ge: 0x4f,
  i32add: 0x6a,
  i32and: 0x71,
  i32shl: 0x74,
  add: 0x7c,
  sub: 0x7d,
  and: 0x83,
  or: 0x84,
  xor: 0x85,
  shl: 0x86,
  rotl: 0x89,
  wrap: 0xa7,
  extend: 0xad,
} as const;

export const get = (local: number): Code => [0x20, local];
export const set = (local: number): Code => [0x21, local];
export const i32 = (constant: number): Code => [0x41, ...signed(constant)];
export const i64 = (constant: number): Code => [0x42, ...signed(constant)];

/** Of 64 bits, at the address on the stack and `offset` bytes more; alignment 2^3. */
export const load = (offset: number): Code => [0x29, 3, ...unsigned(offset)];
export const store = (offset: number): Code => [0x37, 3, ...unsigned(offset)];

/** Runs `body` again and again, as long as `condition` leaves 0 on the stack before it. */
export const repeatUntil = (condition: Code, body: Code): Code => [
  ...[0x02, 0x40, 0x03, 0x40],
  ...condition,
  ...[0x0d, 1],
  ...body,
  ...[0x0c, 0, OP.end, OP.end],
];

export interface Assembled {
  readonly memory: Uint32Array;
  readonly run: (...values: number[]) => number;
}

/** A function from numbers of 32 bits to one such; its own locals come behind them. */
export function assemble(parameters: number, locals: readonly number[], body: Code): Assembled {
  const code = [locals.length, ...locals.flatMap((type) => [1, type]), ...body, OP.end];
  const module = new WebAssembly.Module(
    Uint8Array.from([
      ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      ...section(1, [1, 0x60, parameters, ...new Array<number>(parameters).fill(I32), 1, I32]),
      ...section(3, [1, 0]),
      ...section(5, [1, 0, 1]),
      ...section(7, [2, 1, 0x66, 0, 0, 1, 0x6d, 2, 0]), // "f" and "m"
      ...section(10, [1, ...unsigned(code.length), ...code]),
    ]),
  );
  const { f, m } = new WebAssembly.Instance(module).exports;
  return { memory: new Uint32Array(m.buffer), run: f };
}

const section = (id: number, content: Code): Code => [id, ...unsigned(content.length), ...content];

/** LEB128, seven bits a byte, the lowest first. */
function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: number): Code {
  return value >= -0x40 && value < 0x40 ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)];
}
