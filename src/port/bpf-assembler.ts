/**
 * BPF instructions from their names (RFC 9669): eight bytes each, opcode, registers, offset, immediate. A label may be jumped to
 * before it is set; whatever is wrong with a program as such is said by the kernel's verifier.
 */

/** r0 answers calls and the program; r1 to r5 are arguments, and lost in calls; r6 to r9 stay; r10 is the end of the stack. */
export type Register = "r0" | "r1" | "r2" | "r3" | "r4" | "r5" | "r6" | "r7" | "r8" | "r9" | "r10";
export type Operand = Register | number;

const CLASS = { ldx: 1, st: 2, stx: 3, alu32: 4, jump64: 5, jump32: 6, alu64: 7 } as const;
const OPERATION = { add: 0x00, sub: 0x10, mul: 0x20, or: 0x40, and: 0x50, lsh: 0x60, rsh: 0x70, xor: 0xa0, mov: 0xb0 } as const;
const CONDITION = {
  "=": 0x10,
  ">": 0x20,
  ">=": 0x30,
  "!=": 0x50,
  "signed >": 0x60,
  "signed <=": 0xd0,
  "<": 0xa0,
  "<=": 0xb0,
} as const;
const SIZE = { u8: 0x10, u16: 0x08, u32: 0x00, u64: 0x18 } as const;
const MODE_MEMORY = 0x60;
const MODE_ATOMIC = 0xc0;
const FROM_REGISTER = 0x08;
const FETCH = 0x01;
const LOAD_IMMEDIATE_64 = 0x18;
const PSEUDO_MAP_VALUE = 2;
const TO_BIG_ENDIAN = 0xdc;
const JUMP_ALWAYS = 0x05;
const CALL = 0x85;
const EXIT = 0x95;
const INSTRUCTION_BYTES = 8;

export type Operation = keyof typeof OPERATION;
export type Condition = keyof typeof CONDITION;
export type Size = keyof typeof SIZE;

/** Of linux/bpf.h, by their numbers there. */
export const HELPER = { processorId: 8, storeBytes: 9, redirect: 23, loadBytes: 26, redirectPeer: 155 } as const;

/** `struct __sk_buff`, as programs see a frame. */
export const FRAME = { length: 0, packetType: 4, protocol: 16, vlanPresent: 20, interface: 40, gsoSize: 176 } as const;

interface Instruction {
  readonly opcode: number;
  readonly destination?: Register;
  readonly source?: Register | number;
  readonly offset?: number;
  readonly immediate?: number;
  /** Instead of an offset. */
  readonly label?: string;
}

const numberOf = (register: Register | number | undefined): number =>
  typeof register === "string" ? Number(register.slice(1)) : (register ?? 0);

export class BpfAssembler {
  readonly #instructions: Instruction[] = [];
  readonly #labels = new Map<string, number>();

  /** Of 64 bits: `destination` becomes the result of itself and `operand`. */
  alu(operation: Operation, destination: Register, operand: Operand): this {
    return this.#withOperand({ opcode: CLASS.alu64 | OPERATION[operation], destination }, operand);
  }

  /** Of 32 bits; the upper half becomes 0. */
  alu32(operation: Operation, destination: Register, operand: Operand): this {
    return this.#withOperand({ opcode: CLASS.alu32 | OPERATION[operation], destination }, operand);
  }

  load(size: Size, destination: Register, base: Register, offset: number): this {
    return this.#add({ opcode: CLASS.ldx | MODE_MEMORY | SIZE[size], destination, source: base, offset });
  }

  store(size: Size, base: Register, offset: number, value: Operand): this {
    const opcode = MODE_MEMORY | SIZE[size];
    if (typeof value === "number") return this.#add({ opcode: CLASS.st | opcode, destination: base, offset, immediate: value });
    return this.#add({ opcode: CLASS.stx | opcode, destination: base, source: value, offset });
  }

  /** All at once; `value` becomes what was there before, and memory is in order before and after. */
  fetchAdd(size: "u32" | "u64", base: Register, offset: number, value: Register): this {
    const opcode = CLASS.stx | MODE_ATOMIC | SIZE[size];
    return this.#add({ opcode, destination: base, source: value, offset, immediate: OPERATION.add | FETCH });
  }

  /** From network order, 16 bits. */
  swap16(destination: Register): this {
    return this.#add({ opcode: TO_BIG_ENDIAN, destination, immediate: 16 });
  }

  /** Where the byte `offset` of an array map's only value is. */
  mapValue(destination: Register, descriptor: number, offset: number): this {
    this.#add({ opcode: LOAD_IMMEDIATE_64, destination, source: PSEUDO_MAP_VALUE, immediate: descriptor });
    return this.#add({ opcode: 0, immediate: offset });
  }

  /** Of 64 bits; an immediate is extended by its sign. */
  jumpIf(left: Register, condition: Condition, right: Operand, label: string): this {
    return this.#withOperand({ opcode: CLASS.jump64 | CONDITION[condition], destination: left, label }, right);
  }

  jumpIf32(left: Register, condition: Condition, right: Operand, label: string): this {
    return this.#withOperand({ opcode: CLASS.jump32 | CONDITION[condition], destination: left, label }, right);
  }

  jump(label: string): this {
    return this.#add({ opcode: JUMP_ALWAYS, label });
  }

  /** The next instruction is where jumps to it go. */
  label(name: string): this {
    if (this.#labels.has(name)) throw new Error(`label ${name}: set twice; wanted one place`);
    this.#labels.set(name, this.#instructions.length);
    return this;
  }

  call(helper: number): this {
    return this.#add({ opcode: CALL, immediate: helper });
  }

  exit(): this {
    return this.#add({ opcode: EXIT });
  }

  /** Throws if a jump has nowhere to go. */
  assemble(): Uint8Array {
    const view = new DataView(new ArrayBuffer(this.#instructions.length * INSTRUCTION_BYTES));
    for (const [i, { opcode, destination, source, offset = 0, immediate = 0, label }] of this.#instructions.entries()) {
      const at = i * INSTRUCTION_BYTES;
      view.setUint8(at, opcode);
      view.setUint8(at + 1, numberOf(destination) | (numberOf(source) << 4));
      view.setInt16(at + 2, label === undefined ? offset : this.#placeOf(label) - i - 1, true);
      view.setInt32(at + 4, immediate | 0, true);
    }
    return new Uint8Array(view.buffer);
  }

  #placeOf(label: string): number {
    const place = this.#labels.get(label);
    if (place === undefined) throw new Error(`label ${label}: never set; wanted a place to jump to`);
    return place;
  }

  #withOperand(instruction: Instruction, operand: Operand): this {
    if (typeof operand === "number") return this.#add({ ...instruction, immediate: operand });
    return this.#add({ ...instruction, opcode: instruction.opcode | FROM_REGISTER, source: operand });
  }

  #add(instruction: Instruction): this {
    this.#instructions.push(instruction);
    return this;
  }
}
