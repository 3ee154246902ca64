/** Instructions against the bytes that RFC 9669 gives them (a little-endian machine's), and jumps against counted places. */
import { describe, expect, it } from "vitest";
import { BpfAssembler, type Condition, type Operation, type Size } from "#src/port/bpf-assembler.ts";

/** An instruction a line: opcode, registers (the source in the upper half), offset, immediate. */
const encode = (write: (program: BpfAssembler) => void): string[] => {
  const program = new BpfAssembler();
  write(program);
  const hex = Buffer.from(program.assemble()).toString("hex");
  return (hex.match(/.{16}/g) ?? []).map((one) => one.replace(/(..)(..)(....)(........)/, "$1 $2 $3 $4"));
};

describe("BPF instructions", () => {
  // RFC 9669, section 4.1: the code of the operation, K or X, and the class (ALU64 is 7, ALU 4).
  it.each<[Operation, string, string]>([
    ["add", "07", "0f"],
    ["sub", "17", "1f"],
    ["mul", "27", "2f"],
    ["or", "47", "4f"],
    ["and", "57", "5f"],
    ["lsh", "67", "6f"],
    ["rsh", "77", "7f"],
    ["xor", "a7", "af"],
    ["mov", "b7", "bf"],
  ])("%s, of 64 and 32 bits, with an immediate and a register", (operation, immediate, register) => {
    const in32 = (opcode: string): string => (Number.parseInt(opcode, 16) - 3).toString(16).padStart(2, "0");
    expect(
      encode((program) =>
        program
          .alu(operation, "r6", -2)
          .alu(operation, "r6", "r1")
          .alu32(operation, "r10", 0x12345678)
          .alu32(operation, "r0", "r9"),
      ),
    ).toEqual([
      `${immediate} 06 0000 feffffff`,
      `${register} 16 0000 00000000`,
      `${in32(immediate)} 0a 0000 78563412`,
      `${in32(register)} 90 0000 00000000`,
    ]);
  });

  // Section 5: MEM, and the class (LDX 1, ST 2, STX 3).
  it.each<[Size, string, string, string]>([
    ["u32", "61", "62", "63"],
    ["u16", "69", "6a", "6b"],
    ["u8", "71", "72", "73"],
    ["u64", "79", "7a", "7b"],
  ])("%s, loaded and stored", (size, load, storeImmediate, storeRegister) => {
    expect(
      encode((program) =>
        program.load(size, "r1", "r10", -48).store(size, "r10", -8, 0xffffffff).store(size, "r4", 0x1234, "r2"),
      ),
    ).toEqual([`${load} a1 d0ff 00000000`, `${storeImmediate} 0a f8ff ffffffff`, `${storeRegister} 24 3412 00000000`]);
  });

  it("atomic additions that fetch (5.3)", () => {
    expect(encode((program) => program.fetchAdd("u32", "r1", 4, "r0").fetchAdd("u64", "r9", -16, "r2"))).toEqual([
      "c3 01 0400 01000000",
      "db 29 f0ff 01000000",
    ]);
  });

  it("a swap to big-endian of 16 bits (4.2), a call (4.3.1), the end", () => {
    expect(encode((program) => program.swap16("r1").call(155).exit())).toEqual([
      "dc 01 0000 10000000",
      "85 00 0000 9b000000",
      "95 00 0000 00000000",
    ]);
  });

  it("the address of a map's value, as wide as two (5.4: a source of 2)", () => {
    expect(encode((program) => program.mapValue("r9", 25, 0x01020304))).toEqual(["18 29 0000 19000000", "00 00 0000 04030201"]);
  });

  // Section 4.3: the condition, K or X, and the class (JMP 5, JMP32 6).
  it.each<[Condition, string, string]>([
    ["=", "15", "1d"],
    [">", "25", "2d"],
    [">=", "35", "3d"],
    ["!=", "55", "5d"],
    ["signed >", "65", "6d"],
    ["<", "a5", "ad"],
    ["<=", "b5", "bd"],
  ])("jumps if %s, of 64 and 32 bits", (condition, immediate, register) => {
    const in32 = (opcode: string): string => (Number.parseInt(opcode, 16) + 1).toString(16);
    expect(
      encode((program) =>
        program
          .jumpIf("r1", condition, -1, "end")
          .jumpIf("r1", condition, "r2", "end")
          .jumpIf32("r3", condition, 7, "end")
          .jumpIf32("r3", condition, "r4", "end")
          .label("end")
          .exit(),
      ).slice(0, 4),
    ).toEqual([
      `${immediate} 01 0300 ffffffff`,
      `${register} 21 0200 00000000`,
      `${in32(immediate)} 03 0100 07000000`,
      `${in32(register)} 43 0000 00000000`,
    ]);
  });
});

describe("labels", () => {
  it("are jumped to forward and back; an address of a map's value counts for two", () => {
    expect(
      encode((program) =>
        program
          .label("start")
          .jump("end")
          .mapValue("r1", 3, 0)
          .jumpIf("r1", "=", 0, "start")
          .label("end")
          .label("here too")
          .jump("end")
          .jump("here too"),
      ).filter((line) => line.startsWith("05") || line.startsWith("15")),
    ).toEqual(["05 00 0300 00000000", "15 01 fcff 00000000", "05 00 ffff 00000000", "05 00 feff 00000000"]);
  });

  it("that were never set, or are set twice, are refused by name", () => {
    expect(() => new BpfAssembler().jump("nowhere").exit().assemble()).toThrow(
      "label nowhere: never set; wanted a place to jump to",
    );
    expect(() => new BpfAssembler().label("here").exit().label("here")).toThrow("label here: set twice; wanted one place");
  });
});
