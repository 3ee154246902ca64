/** Calls that no correct caller makes: each must be an error with a reason, never a crash. */

import { describe, expect, test } from "vitest";
import { loadNative } from "#native";
import { findInterface } from "#src/port/interface.ts";
import { missingForFlowOffload } from "../common/flow-offload.ts";
import { createCable, inNamespace } from "../common/namespace.ts";

await inNamespace(import.meta.url, () => {
  createCable("near0", "far0");
  const native = loadNative();
  const call = (name: keyof typeof native, ...values: unknown[]) =>
    (native[name] as (...values: unknown[]) => unknown)(...values);
  const open = () => native.openRing("near0", true, 64, 512, 64).ring;

  /** r0 = 1; exit. */
  const ANSWER = Uint8Array.of(0xb7, 0, 0, 0, 1, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);

  describe("border", () => {
    test.each([-1, 0.5, Number.NaN, 2 ** 32, "0", undefined, null, {}])("ring %s is refused", (ring) => {
      for (const name of ["receive", "counters", "closeRing"] as const) expect(() => call(name, ring)).toThrow(/ring; wanted a/);
    });

    test("a ring that never was, and one that is closed, are different errors", () => {
      const ring = open();
      native.closeRing(ring);
      expect(() => native.receive(ring + 1)).toThrow(`ring ${ring + 1}: unknown`);
      for (const name of ["receive", "counters", "closeRing"] as const) {
        expect(() => call(name, ring)).toThrow("near0: the port is closed; wanted an open one");
      }
      expect(() => native.wait(Uint32Array.of(ring), 0, 0)).toThrow("near0: the port is closed");
    });

    test("a number is never given to a second ring", () => {
      const first = open();
      native.closeRing(first);
      const second = open();
      expect(second).not.toBe(first);
      native.closeRing(second);
    });

    test.each([
      ["bytes of another type", [new Uint32Array(8), new Uint32Array(8), 1, 0], /bytes; wanted a Uint8Array/],
      ["bytes that are a DataView", [new DataView(new ArrayBuffer(80)), new Uint32Array(8), 1, 0], /bytes; wanted/],
      ["rows of another type", [new Uint8Array(8), new Int32Array(8), 1, 0], /rows; wanted a Uint32Array/],
      [
        "more rows than there are",
        [new Uint8Array(100), new Uint32Array(15), 2, 0],
        /count; wanted at most the rows there are: 1/,
      ],
      ["a count below 0", [new Uint8Array(100), new Uint32Array(8), -1, 0], /count; wanted a whole number/],
      ["no egress", [new Uint8Array(100), new Uint32Array(8), 1], /egress; wanted a number/],
    ])("transmit of %s is refused", (_, values, message) => {
      const ring = open();
      expect(() => call("transmit", ring, ...values)).toThrow(message);
      native.closeRing(ring);
    });

    test("transmit of an empty or detached batch sends nothing", () => {
      const ring = open();
      expect(native.transmit(ring, new Uint8Array(0), new Uint32Array(0), 0, 0)).toBe(0);
      const rows = new Uint32Array(8);
      structuredClone(rows.buffer, { transfer: [rows.buffer] });
      expect(() => native.transmit(ring, new Uint8Array(100), rows, 1, 0)).toThrow(/count; wanted/);
      native.closeRing(ring);
    });

    test.each([
      ["", "openRing: interface; wanted"],
      ["a-name-that-is-too-long", "openRing: interface; wanted"],
      [7, "openRing: interface; wanted"],
      ["near0\0x", "openRing: interface; wanted"],
    ])("an interface named %j is refused", (name, message) => {
      expect(() => call("openRing", name, true, 64, 512, 64)).toThrow(message);
    });

    test.each([0.5, 65_536, Number.NaN, "one"])("fan-out group %s is refused", (group) => {
      const ring = open();
      expect(() => call("listen", ring, group)).toThrow(/listen: fanoutGroup; wanted/);
      native.closeRing(ring);
    });

    test("a wait without end, or on what is no wake-up, is refused", () => {
      const event = native.openEvent();
      for (const timeout of [-1, Number.NaN, "soon"])
        expect(() => call("wait", new Uint32Array(0), event, timeout)).toThrow(/timeoutMs/);
      expect(() => native.wait(new Uint32Array(0), 99_999, 10)).toThrow(/descriptor 99999 is closed/);
      native.closeEvent(event);
    });

    test("only what openEvent gave can be closed", () => {
      const event = native.openEvent();
      native.closeEvent(event);
      expect(() => native.closeEvent(event)).toThrow(/closeEvent: event; wanted one that openEvent returned/);
      expect(() => native.closeEvent(1)).toThrow(/closeEvent: event; wanted/);
    });

    test("the generator takes UDP within bounds, and nothing else", () => {
      const bad = (frame: Uint8Array, seconds: number, flows: number) => () =>
        native.generate("near0", frame, 1, seconds, 0, flows, true);
      const udp = new Uint8Array(60);
      udp.set([8, 0, 0x45], 12);
      udp[23] = 17;
      udp.set([0xff, 0xff, 0, 9, 0, 26], 34);
      expect(native.generate("near0", udp, 1, 1, 0, 1, true).sent).toBe(1);
      expect(bad(udp, 1, 2)).toThrow(/2 flows from source port 65535/);
      expect(bad(udp, 0, 1)).toThrow(/seconds/);
      expect(bad(udp, 1e9, 1)).toThrow(/seconds/);
      expect(bad(udp.subarray(0, 40), 1, 1)).toThrow(/frame of 40 bytes/);
      expect(bad(new Uint8Array(60), 1, 1)).toThrow(/frame of 60 bytes/);
      udp[39] = 200;
      expect(bad(udp, 1, 1)).toThrow(/UDP length 200/);
    });
  });

  describe("border, arguments of BPF", () => {
    const NUMBERS = [-1, 0.5, Number.NaN, 2 ** 31, "0", undefined, null];

    test.each(NUMBERS)("a size or descriptor of %s is refused", (number) => {
      expect(() => call("createMap", number)).toThrow(/createMap: bytes; wanted a/);
      expect(() => call("shareMap", number, 4096)).toThrow(/shareMap: descriptor; wanted a/);
      expect(() => call("shareMap", 3, number)).toThrow(/shareMap: bytes; wanted a/);
      expect(() => call("attachIngress", number, 1)).toThrow(/attachIngress: program; wanted a/);
      expect(() => call("attachIngress", 3, number)).toThrow(/attachIngress: interfaceIndex; wanted a/);
      expect(() => call("isVethAcross", number)).toThrow(/isVethAcross: interfaceIndex; wanted a/);
      expect(() => call("closeDescriptor", number)).toThrow(/closeDescriptor: descriptor; wanted a/);
    });

    test.each([
      ["no kind", [undefined, "answer", ANSWER], /isIngress; wanted true or false/],
      ["no name", [false, "", ANSWER], /name; wanted a name of 1 to 15 bytes/],
      ["a name that is too long", [false, "sixteen-is-a-lot", ANSWER], /name; wanted a name of 1 to 15 bytes/],
      ["code that is no bytes", [false, "answer", [0xb7]], /code; wanted a Uint8Array/],
      ["half an instruction", [false, "answer", ANSWER.subarray(4)], /code; wanted instructions of eight bytes/],
    ])("a program with %s is refused", (_, values, message) => {
      expect(() => call("loadProgram", ...values)).toThrow(message);
    });

    test("memory or a place that is none is an error that says what was tried", () => {
      const event = native.openEvent();
      expect(() => native.shareMap(99_999, 4096)).toThrow(/BPF: cannot map 4096 bytes: Bad file descriptor/);
      expect(() => native.shareMap(event, 4096)).toThrow(/BPF: cannot map 4096 bytes/);
      expect(() => native.attachIngress(event, findInterface("near0").index)).toThrow(/interface \d+: cannot attach a program/);
      expect(native.isVethAcross(0)).toBe(false);
      expect(native.isVethAcross(99_999)).toBe(false);
      expect(native.isVethAcross(findInterface("lo").index)).toBe(false);
      expect(native.isVethAcross(findInterface("near0").index)).toBe(false);
      native.closeEvent(event);
    });
  });

  describe.skipIf(missingForFlowOffload())("BPF at the border", () => {
    test("a program that the verifier refuses is an error with its words", () => {
      // r0 = the byte at r2, which nobody has set.
      const unset = Uint8Array.of(0x71, 0x20, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);
      for (const isIngress of [false, true])
        expect(() => native.loadProgram(isIngress, "unset", unset)).toThrow(
          /BPF: cannot load the program unset: .*; wanted what the verifier takes, which says:\n.*R2 !read_ok/s,
        );
      expect(() => native.loadProgram(false, "endless", ANSWER.subarray(0, 8))).toThrow(/last insn is not an exit or jmp/);
      expect(() => native.loadProgram(false, "empty", new Uint8Array(0))).toThrow(/BPF: cannot load the program empty/);
    });

    test("maps hold what is written by either view, and no map has no bytes or too many", () => {
      const { descriptor, buffer } = native.createMap(4096);
      const shared = native.shareMap(descriptor, 4096);
      new Uint32Array(buffer)[7] = 42;
      expect(new Uint32Array(shared)[7]).toBe(42);
      expect(() => native.shareMap(descriptor, 1 << 20)).toThrow(/BPF: cannot map 1048576 bytes/);
      native.closeDescriptor(descriptor);
      // Mapped, it stays.
      new Uint32Array(shared)[8] = 43;
      expect(new Uint32Array(buffer)[8]).toBe(43);
      expect(() => native.createMap(0)).toThrow(/BPF: cannot create a map of 0 bytes: .*; wanted CAP_BPF/);
    });

    test("only what this thread opened can be closed, once", () => {
      const { descriptor } = native.createMap(4096);
      const program = native.loadProgram(true, "answer", ANSWER);
      native.closeDescriptor(program);
      native.closeDescriptor(descriptor);
      for (const number of [program, descriptor, 1])
        expect(() => native.closeDescriptor(number)).toThrow(
          /closeDescriptor: descriptor; wanted one that this thread opened and has not closed/,
        );
    });

    test("a program of one kind does not go to the place of the other", () => {
      const filter = native.loadProgram(false, "answer", ANSWER);
      const ingress = native.loadProgram(true, "answer", ANSWER);
      expect(() => native.attachIngress(filter, findInterface("near0").index)).toThrow(/cannot attach a program/);
      expect(() => native.attachIngress(ingress, 99_999)).toThrow(/interface 99999: cannot attach a program/);
      const ring = open();
      expect(() => call("filterRing", ring, -1)).toThrow(/filterRing: program; wanted a/);
      for (const wrong of [ingress, 99_999]) {
        native.filterRing(ring, wrong);
        expect(() => native.listen(ring, -1)).toThrow(/near0: cannot attach a program/);
      }
      native.filterRing(ring, filter);
      native.listen(ring, -1);
      native.closeRing(ring);
      for (const descriptor of [filter, ingress]) native.closeDescriptor(descriptor);
    });
  });
});
