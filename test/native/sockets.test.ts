/** Calls about sockets that no correct caller makes: each must be an error with a reason, never a crash or a leak. */
import { readdirSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { loadNative } from "#native";
import { inNamespace, run } from "../common/namespace.ts";

const LOCALHOST = Uint8Array.of(127, 0, 0, 1);
const native = loadNative();
const call = (name: keyof typeof native, ...values: unknown[]) => (native[name] as (...values: unknown[]) => unknown)(...values);
const descriptors = () => readdirSync("/proc/self/fd").length;

await inNamespace(import.meta.url, () => {
  beforeAll(() => void run("ip link set lo up"));

  describe("TCP sockets at the border", () => {
    test("are the caller's to close until they are released, once", () => {
      const before = descriptors();
      const descriptor = native.openTcp(false);
      expect(descriptors()).toBe(before + 1);
      native.closeTcp(descriptor);
      expect(descriptors()).toBe(before);
      for (const name of ["closeTcp", "releaseTcp"] as const)
        expect(() => call(name, descriptor)).toThrow(`${name}: descriptor; wanted one that openTcp returned to this thread`);
    });

    test.each([
      ["bindTcp", [LOCALHOST.subarray(1), 0, false], /address; wanted an IP address: 4 or 16 bytes/],
      ["bindTcp", [LOCALHOST, 65536, false], /port; wanted a whole number from 0 to 65535/],
      ["signTcp", [LOCALHOST, 33, new Uint8Array(1)], /prefixLength; wanted a whole number from 0 to 32/],
      ["signTcp", [LOCALHOST, 32, new Uint8Array(81)], /key; wanted at most 80 bytes/],
      ["signTcp", [LOCALHOST, 32, "secret"], /key; wanted a Uint8Array/],
      ["setTtl", [0], /ttl; wanted a whole number from 1 to 255/],
      ["setMinimumTtl", [256], /ttl; wanted/],
      ["requireTtl", [LOCALHOST, Uint8Array.of(32)], /addresses; wanted 4 or 16 bytes for each row/],
      ["requireTtl", [new Uint8Array(7), Uint8Array.of(32, 1)], /addresses; wanted 4 or 16 bytes/],
      ["requireTtl", [LOCALHOST, Uint8Array.of(33, 1)], /rows; wanted prefix lengths of the family/],
      ["bindToDevice", ["a name that is too long"], /interface; wanted a name of 1 to 15 bytes/],
    ] as const)("%s(%o) is refused", (name, values, reason) => {
      const descriptor = native.openTcp(false);
      expect(() => call(name, descriptor, ...values)).toThrow(reason);
      native.closeTcp(descriptor);
    });

    test("a descriptor of something else is an error of the system", () => {
      const event = native.openEvent();
      expect(() => native.setTtl(event, 1)).toThrow(/Socket operation on non-socket/);
      expect(() => native.droppedSegments(99_999)).toThrow(/Bad file descriptor/);
      native.closeEvent(event);
    });

    test("a filter has room for hundreds of neighbors, and says when it has not", () => {
      const descriptor = native.openTcp(true);
      const filter = (count: number) => () =>
        native.requireTtl(descriptor, new Uint8Array(16 * count), new Uint8Array(2 * count).fill(128));
      expect(filter(100)).not.toThrow();
      expect(filter(300)).toThrow(/GTSM: 300 neighbors; wanted fewer/);
      native.requireTtl(descriptor, new Uint8Array(0), new Uint8Array(0));
      native.requireTtl(descriptor, new Uint8Array(0), new Uint8Array(0));
      native.closeTcp(descriptor);
    });
  });

  describe("UDP sockets at the border", () => {
    test("are numbers that are never given out twice", () => {
      const first = native.openDatagrams(LOCALHOST, 0, 255);
      native.closeDatagrams(first);
      const second = native.openDatagrams(LOCALHOST, 0, 255);
      expect(second).not.toBe(first);
      native.closeDatagrams(second);
      const facts = new Uint32Array(8);
      expect(() => native.receiveDatagram(second, new Uint8Array(9), facts)).toThrow(`UDP socket ${second}: closed`);
      expect(() => native.receiveDatagram(second + 1, new Uint8Array(9), facts)).toThrow(`UDP socket ${second + 1}: unknown`);
      expect(() => native.waitForDatagrams(Uint32Array.of(second), 0, 0)).toThrow("closed");
    });

    test("facts need their room, and a wait a time and an event", () => {
      const socket = native.openDatagrams(LOCALHOST, 0, 255);
      expect(() => native.receiveDatagram(socket, new Uint8Array(9), new Uint32Array(7))).toThrow("facts; wanted 8 words");
      expect(native.receiveDatagram(socket, new Uint8Array(9), new Uint32Array(8))).toBe(-1);
      expect(() => native.waitForDatagrams(Uint32Array.of(socket), 0, Number.NaN)).toThrow(/timeoutMs/);
      expect(() => native.waitForDatagrams(Uint32Array.of(socket), 99_999, 0)).toThrow(/descriptor 99999 is closed/);
      native.closeDatagrams(socket);
    });

    test("a port that is taken is an error by number", () => {
      const socket = native.openDatagrams(LOCALHOST, 50_123, 255);
      expect(() => native.openDatagrams(LOCALHOST, 50_123, 255)).toThrow(
        expect.objectContaining({ code: "98", message: "127.0.0.1:50123: cannot bind a UDP socket: Address already in use" }),
      );
      native.closeDatagrams(socket);
    });

    test("a longer datagram comes cut, with its whole length, its source and its TTL", () => {
      const [from, to] = [native.openDatagrams(LOCALHOST, 50_124, 77), native.openDatagrams(LOCALHOST, 50_125, 255)];
      expect(native.sendDatagram(from, Uint8Array.of(1, 2, 3, 4, 5), LOCALHOST, 50_125)).toBe(0);
      native.waitForDatagrams(Uint32Array.of(to), native.openEvent(), 1000);
      const [bytes, facts] = [new Uint8Array(2), new Uint32Array(8)];
      expect(native.receiveDatagram(to, bytes, facts)).toBe(5);
      expect([[...bytes], facts[0], facts[2], facts[3]]).toEqual([[1, 2], 77, 50_124, 4]);
      expect(new Uint8Array(facts.buffer, 16, 4)).toEqual(LOCALHOST);
      for (const socket of [from, to]) native.closeDatagrams(socket);
    });
  });
});
