/** Calls that no correct caller makes: each must be an error with a reason, never a crash. */

import { describe, expect, test } from "vitest";
import { loadNative } from "#native";
import { createCable, inNamespace } from "../common/namespace.ts";

await inNamespace(import.meta.url, () => {
  createCable("near0", "far0");
  const native = loadNative();
  const call = (name: keyof typeof native, ...values: unknown[]) =>
    (native[name] as (...values: unknown[]) => unknown)(...values);
  const open = () => native.openRing("near0", true, 64, 512, 64).ring;

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
});
