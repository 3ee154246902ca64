/** TCP-MD5 and GTSM as the kernel holds them, between two sockets of ours. */
import { once } from "node:events";
import { readdirSync } from "node:fs";
import type { Socket } from "node:net";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { parseAddress } from "#src/net/address.ts";
import { hostPrefix, parsePrefix } from "#src/net/prefix.ts";
import { parseSegmentDrops, readSegmentDrops } from "#src/port/segment-drops.ts";
import { type DialOptions, dialTcp, TcpListener, type TcpPeer } from "#src/port/tcp-socket.ts";
import { inNamespace, run } from "../common/namespace.ts";
import { eventually } from "../speaker/recorder.ts";

const address = (text: string) => parseAddress(text)!;
const host = (text: string) => hostPrefix(address(text));
const FAMILIES = [
  { family: "IPv4", at: "127.0.0.1", from: "127.0.0.2", other: "127.0.0.3", around: "127.0.0.0/30" },
  { family: "IPv6", at: "::1", from: "2001:db8::2", other: "2001:db8::3", around: "2001:db8::/126" },
];

await inNamespace(import.meta.url, () => {
  const ends: (() => unknown)[] = [];
  const accepted: Socket[] = [];

  beforeAll(() => {
    for (const words of ["link set lo up", "address add 2001:db8::2/128 dev lo", "address add 2001:db8::3/128 dev lo"])
      run(`ip ${words}`);
  });
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
    accepted.length = 0;
  });

  const listen = async (at: string, peers: readonly TcpPeer[]): Promise<TcpListener> => {
    const listener = await TcpListener.open({ address: address(at), port: 0 }, peers, (socket) => {
      accepted.push(socket.on("error", () => undefined));
      ends.unshift(() => socket.destroy());
    });
    ends.push(() => listener.close());
    return listener;
  };
  const dial = (listener: TcpListener, at: string, options: DialOptions): Socket => {
    const socket = dialTcp({ address: address(at), port: listener.port }, options).on("error", () => undefined);
    ends.unshift(() => socket.destroy());
    return socket;
  };
  const says = async (from: Socket, to: Socket, text: string): Promise<void> => {
    from.write(text);
    expect(String((await once(to, "data"))[0])).toBe(text);
  };

  describe.each(FAMILIES)("signed segments over $family", ({ at, from, other, around }) => {
    test("who has the password is heard, who has another or none is dropped and counted", async () => {
      const listener = await listen(at, [{ source: host(from), password: "right" }]);
      const before = readSegmentDrops();
      const [wrong, none] = ["wrong", undefined].map((password) => dial(listener, at, { from: address(from), password }));
      await eventually("two segments dropped", () => listener.droppedSegments() >= 2);
      const right = dial(listener, at, { from: address(from), password: "right" });
      await once(right, "connect");
      await eventually("one accepted", () => accepted.length === 1);
      await says(right, accepted[0], "hello");
      const after = readSegmentDrops();
      expect(after.signatureWrong).toBeGreaterThan(before.signatureWrong);
      expect(after.signatureMissing).toBeGreaterThan(before.signatureMissing);
      expect([wrong.connecting, none.connecting]).toEqual([true, true]);
    });

    test("a password changes, comes and goes while the listener and its connections live", async () => {
      const listener = await listen(at, [
        { source: host(from), password: "first" },
        { source: host(other), password: "theirs" },
      ]);
      const old = dial(listener, at, { from: address(from), password: "first" });
      const bystander = dial(listener, at, { from: address(other), password: "theirs" });
      await Promise.all([once(old, "connect"), once(bystander, "connect")]);
      await eventually("both accepted", () => accepted.length === 2);

      listener.protect([
        { source: host(from), password: "second" },
        { source: host(other), password: "theirs" },
      ]);
      const fresh = dial(listener, at, { from: address(from), password: "second" });
      await once(fresh, "connect");
      const late = dial(listener, at, { from: address(from), password: "first" });
      await eventually("the old password dropped", () => listener.droppedSegments() > 0);
      for (const socket of [old, bystander]) {
        const answer = accepted.find(({ remotePort }) => remotePort === socket.localPort)!;
        await says(socket, answer, "still there");
      }

      listener.protect([{ source: host(other), password: "theirs" }]);
      await once(dial(listener, at, { from: address(from) }), "connect");
      expect(late.connecting).toBe(true);
    });

    test("a whole prefix may have one password, and a host of it another", async () => {
      const listener = await listen(at, [
        { source: parsePrefix(around)!, password: "for all" },
        { source: host(other), password: "its own" },
      ]);
      await once(dial(listener, at, { from: address(from), password: "for all" }), "connect");
      await once(dial(listener, at, { from: address(other), password: "its own" }), "connect");
      dial(listener, at, { from: address(other), password: "for all" });
      await eventually("the wrong one dropped", () => listener.droppedSegments() > 0);
    });
  });

  describe.each(FAMILIES)("the TTL over $family", ({ at, from, other, around }) => {
    test("a SYN from too far away is dropped and counted, by the neighbor's own limit", async () => {
      const listener = await listen(at, [
        { source: host(from), ttl: 255, minimumTtl: 254 },
        { source: parsePrefix(around)!, minimumTtl: 100 },
      ]);
      const far = dial(listener, at, { from: address(from), ttl: 253 });
      await eventually("its SYN dropped", () => listener.droppedSegments() === 1);
      await Promise.all([
        once(dial(listener, at, { from: address(from), ttl: 254 }), "connect"),
        once(dial(listener, at, { from: address(other), ttl: 100 }), "connect"),
      ]);
      await eventually("both accepted", () => accepted.length === 2);
      listener.protect([]);
      await once(dial(listener, at, { from: address(from), ttl: 1 }), "connect");
      expect(far.connecting).toBe(true);
    });

    test("a prefix's limit is none for whoever is named inside of it without one", async () => {
      const near: TcpPeer = { source: parsePrefix(around)!, minimumTtl: 255 };
      const listener = await listen(at, [near, { source: host(other) }]);
      const dropped = async (who: string) => {
        const before = listener.droppedSegments();
        const far = dial(listener, at, { from: address(who), ttl: 254 });
        await eventually(`a SYN of ${who} dropped`, () => listener.droppedSegments() > before);
        far.destroy();
      };
      await dropped(from);
      await once(dial(listener, at, { from: address(other), ttl: 1 }), "connect");
      listener.protect([near]);
      await dropped(other);
    });

    test("who dials drops answers from too far away, and a guarded listener answers with 255", async () => {
      const open = await listen(at, []);
      const before = readSegmentDrops().ttlTooLow;
      const refused = dial(open, at, { from: address(from), minimumTtl: 255 });
      await eventually("the answer dropped", () => readSegmentDrops().ttlTooLow > before);
      const guarded = await listen(at, [{ source: host(from), minimumTtl: 255 }]);
      await once(dial(guarded, at, { from: address(from), ttl: 255, minimumTtl: 255 }), "connect");
      expect(refused.connecting).toBe(true);
    });

    test("an accepted connection sends with its neighbor's TTL", async () => {
      const listener = await listen(at, [{ source: host(from), ttl: 3 }]);
      const close = dial(listener, at, { from: address(from), minimumTtl: 3 });
      await once(close, "connect");
      await eventually("accepted", () => accepted.length === 1);
      await says(accepted[0], close, "near enough");
      const before = readSegmentDrops().ttlTooLow;
      await once(dial(listener, at, { from: address(from), minimumTtl: 4 }), "connect");
      await eventually("accepted", () => accepted.length === 2);
      accepted[1].write("too far");
      await eventually("its data dropped", () => readSegmentDrops().ttlTooLow > before);
    });
  });

  test("what cannot be had is an error of the socket, by name", async () => {
    const port = 179;
    const failure = async (options: DialOptions) => {
      const [error] = await once(dialTcp({ address: address("127.0.0.1"), port }, options), "error");
      return [(error as NodeJS.ErrnoException).code, (error as Error).message];
    };
    const nowhere = await failure({ from: address("192.0.2.1") });
    expect(nowhere).toEqual(["EADDRNOTAVAIL", expect.stringContaining("192.0.2.1:0: cannot bind a TCP socket")]);
    expect((await failure({ device: "nowhere0" }))[0]).toBe("ENODEV");
    expect((await failure({ device: "lo" }))[0]).toBe("ECONNREFUSED");
    const taken = await listen("127.0.0.1", []);
    const again = TcpListener.open({ address: address("127.0.0.1"), port: taken.port }, [], () => undefined);
    await expect(again).rejects.toMatchObject({ code: "EADDRINUSE" });
    const tooLong = { source: host("127.0.0.2"), password: "x".repeat(81) };
    expect(() => taken.protect([tooLong])).toThrow("signTcp: key; wanted at most 80 bytes");
  });

  test("failures and closing leave no descriptor", async () => {
    const descriptors = () => readdirSync("/proc/self/fd").length;
    const before = descriptors();
    for (let i = 0; i < 20; i++) {
      const listener = await TcpListener.open({ address: address("127.0.0.1"), port: 0 }, [], (socket) => socket.destroy());
      const socket = dialTcp({ address: address("127.0.0.1"), port: listener.port });
      await once(
        socket.resume().on("error", () => undefined),
        "close",
      );
      await listener.close();
      listener.protect([{ source: host("127.0.0.2"), password: "late" }]);
      await once(dialTcp({ address: address("127.0.0.1"), port: 179 }, { from: address("192.0.2.1") }), "error");
    }
    await eventually("no more than before", () => descriptors() <= before);
  });
});

describe("the kernel's counters", () => {
  test("are read by name, whatever stands between them", () => {
    const text = "TcpExt: A TCPMinTTLDrop B TCPMD5Failure\nTcpExt: 1 2 3 4\nIpExt: TCPMinTTLDrop\nIpExt: 9\n";
    expect(parseSegmentDrops(text)).toEqual({
      signatureMissing: 0,
      signatureUnexpected: 0,
      signatureWrong: 4,
      ttlTooLow: 2,
    });
  });
});
