import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { VIRTIO_HEADER_LENGTH } from "#src/port/batch.ts";
import { PacketRing, type RingSize } from "#src/port/packet-ring.ts";
import { PacketWaiter } from "#src/port/packet-waiter.ts";
import { Wake } from "#src/port/wake.ts";
import { createCable, deleteInterface, inNamespace, run } from "../common/namespace.ts";
import { batchOf, collect, copyFrames, expectSameFrames, numberedFrame, portSuite } from "../common/port.ts";

await inNamespace(import.meta.url, () => {
  beforeEach(() => createCable("near0", "far0"));
  afterEach(() => {
    if (run("ip -o link").includes("near0")) deleteInterface("near0");
  });

  const openWire = (options: Partial<RingSize> = {}) => {
    const near = new PacketRing({ interface: "near0", ...options });
    const far = new PacketRing({ interface: "far0", ...options });
    const wake = new Wake();
    const waiter = new PacketWaiter([near, far], wake.descriptor);
    const close = () => {
      waiter.close();
      for (const part of [near, far, wake]) part.close();
    };
    return { near, far, waiter, wake, pause: () => waiter.wait(20), close };
  };

  portSuite("packet-ring", () => openWire());

  describe("packet-ring, frames larger than a slot", () => {
    /** What TCP hands to a device that segments: one frame of `length` bytes, its checksum unfinished. */
    const largeFrame = (number: number, length: number) => {
      const frame = numberedFrame(number, length);
      frame.set([0x08, 0x00, 0x45, 0, (length - 14) >> 8, (length - 14) & 255, 0, number, 0x40, 0, 64, 6, 0, 0], 12);
      frame.set([0x50, 0x10], 46);
      return frame;
    };
    // struct virtio_net_hdr: NEEDS_CSUM, GSO_TCPV4, header of 54, segments of 1448, checksum from 34, to be put at 34 + 16.
    const virtioHeader = Uint8Array.of(1, 1, 54, 0, 0xa8, 0x05, 34, 0, 16, 0);
    const largeBatch = (frames: Uint8Array[]) => {
      const batch = batchOf(frames, 0);
      for (const [index, frame] of frames.entries()) {
        if (frame.length > 1514) batch.bytes.set(virtioHeader, batch.rows[index * 8] - VIRTIO_HEADER_LENGTH);
      }
      return batch;
    };

    test.each([256, 512, 2048])(
      "arrive whole, in order among small ones (%i bytes a slot), with what is still to do in front",
      (slotBytes) => {
        const { near, far, pause, close } = openWire({ slotBytes });
        const lengths = Array.from({ length: 200 }, (_, i) => (i % 3 === 0 ? 60 + i : 2000 + ((i * 7919) % 63_000)));
        const frames = lengths.map((length, i) => (length > 1514 ? largeFrame(i, length) : numberedFrame(i, length)));
        expect(near.transmit(largeBatch(frames), 0)).toBe(0);
        const seen = collect(far, frames.length, pause);
        expectSameFrames(seen, frames);
        for (const { bytes, virtioHeader: header, row } of seen) {
          expect(row[2]).toBe(bytes.length);
          expect(header.subarray(0, 2)).toEqual(bytes.length > 1514 ? Uint8Array.of(1, 1) : Uint8Array.of(0, 0));
          // hdr_len (bytes 2 and 3) is a hint that the kernel makes anew.
          if (bytes.length > 1514) expect(header.subarray(4)).toEqual(virtioHeader.subarray(4));
        }
        expect(far.counters()).toMatchObject({ cutFrames: 0, receiveDrops: 0 });
        close();
      },
    );

    test("end a batch where they are more than a near cache holds", () => {
      const { near, far, pause, close } = openWire();
      const frames = Array.from({ length: 8 }, (_, i) => largeFrame(i, 65_000));
      expect(near.transmit(largeBatch(frames), 0)).toBe(0);
      pause();
      expect([far.receive(), far.receive(), far.receive()]).toEqual([5, 3, 0]);
      close();
    });

    test("are those that a slot has no room for, which is of all but 82 bytes of it", () => {
      const { near, far, pause, close } = openWire({ slotBytes: 512 });
      const frames = [numberedFrame(0, 430), numberedFrame(1, 431)];
      expect(near.transmit(batchOf(frames, 0), 0)).toBe(0);
      const { bytes } = far.batch;
      const seen = collect(far, 2, pause);
      expectSameFrames(seen, frames);
      const ring = 8192 * 512;
      expect(seen.map(({ row }) => row[0] < ring)).toEqual([true, false]);
      expect(bytes.length).toBeGreaterThan(ring);
      close();
    });

    test("go on to a device that does not segment, as the segments they stand for", () => {
      run("ethtool -K near0 tso off gso off");
      const { near, far, pause, close } = openWire();
      expect(near.transmit(largeBatch([largeFrame(0, 54 + 3 * 1448), numberedFrame(1)]), 0)).toBe(0);
      expect(collect(far, 4, pause).map(({ bytes }) => bytes.length)).toEqual([1502, 1502, 1502, 60]);
      expect(near.counters()).toMatchObject({ transmittedFrames: 2, transmitErrors: 0 });
      close();
    });
  });

  test("a tag that the kernel took out of the frame is in the row, type and control", () => {
    const { near, far, pause, close } = openWire();
    const tagged = numberedFrame(0, 64);
    tagged.copyWithin(16, 12);
    tagged.set([0x81, 0x00, 0x20, 0x64], 12);
    near.transmit(batchOf([tagged], 0), 0);
    const [{ bytes, row }] = collect(far, 1, pause);
    expect(row[3]).toBe(0x81002064);
    expect(bytes.length).toBe(60);
    expect([...bytes.subarray(12, 14)]).toEqual([0x88, 0xb5]);
    close();
  });

  test("a ring that is full loses the newest, counts them, and goes on", () => {
    const { near, far, pause, close } = openWire({ slots: 64 });
    near.transmit(
      batchOf(
        Array.from({ length: 200 }, (_, i) => numberedFrame(i)),
        0,
      ),
      0,
    );
    expect(collect(far, 64, pause).map(({ bytes }) => bytes[17])).toEqual(Array.from({ length: 64 }, (_, i) => i));
    expect(far.receive()).toBe(0);
    expect(far.counters().receiveDrops).toBe(136);
    expect(far.counters().receiveDrops).toBe(136);
    near.transmit(batchOf([numberedFrame(201)], 0), 0);
    expect(collect(far, 1, pause)).toHaveLength(1);
    close();
  });

  test("frames of a batch stay as they are while others arrive, until the next receive", () => {
    const { near, far, close } = openWire({ slots: 64 });
    near.transmit(batchOf([numberedFrame(0), numberedFrame(1)], 0), 0);
    expect(far.receive()).toBe(2);
    near.transmit(
      batchOf(
        Array.from({ length: 100 }, (_, i) => numberedFrame(100 + i)),
        0,
      ),
      0,
    );
    expect(copyFrames(far.batch).map(({ bytes }) => bytes)).toEqual([numberedFrame(0), numberedFrame(1)]);
    close();
  });

  test("what this machine sends out of the interface does not come in, alone or in a fan-out group", () => {
    for (const options of [{}, { fanout: { group: 7 } }]) {
      const listener = new PacketRing({ interface: "near0", ...options });
      const { near, far, pause, close } = openWire();
      run("ip addr replace 10.9.0.1/24 dev near0");
      run("ip neigh replace 10.9.0.2 lladdr 02:00:00:00:00:02 dev near0");
      // The kernel's own frame, which taps would see, unlike those of a socket that passes the queueing discipline by.
      spawnDatagram("10.9.0.2");
      expect(collect(far, 1, pause)).toHaveLength(1);
      near.transmit(batchOf([numberedFrame(1)], 0), 0);
      far.transmit(batchOf([numberedFrame(2)], 0), 0);
      expect(collect(listener, 1, pause).map(({ bytes }) => bytes[17])).toEqual([2]);
      listener.close();
      close();
    }
  });

  test("a port that only transmits hears nothing", () => {
    const deaf = new PacketRing({ interface: "near0", receive: false });
    const { far, pause, close } = openWire();
    far.transmit(batchOf([numberedFrame(1)], 0), 0);
    expect(deaf.receive()).toBe(0);
    expect(deaf.transmit(batchOf([numberedFrame(2)], 0), 0)).toBe(0);
    expect(collect(far, 1, pause)[0].bytes[17]).toBe(2);
    deaf.close();
    close();
  });

  test.each([undefined, { group: 7 }])(
    "a ring that was opened deaf hears from when it listens, and nothing of before (%j)",
    (fanout) => {
      const { far, pause, close } = openWire();
      const deaf = new PacketRing({ interface: "near0", isDeaf: true });
      far.transmit(batchOf([numberedFrame(1)], 0), 0);
      expect(deaf.receive()).toBe(0);
      deaf.listen(fanout);
      expect(deaf.receive()).toBe(0);
      far.transmit(batchOf([numberedFrame(2)], 0), 0);
      expect(collect(deaf, 1, pause).map(({ bytes }) => bytes[17])).toEqual([2]);
      deaf.close();
      expect(() => deaf.listen()).toThrow("near0: the port is closed");
      close();
    },
  );

  test.each([undefined, { group: 7 }])("a ring that goes deaf has what it heard, and hears no more (%j)", (fanout) => {
    const { far, pause, close } = openWire();
    const [ring, witness] = [fanout, undefined].map(
      (group) => new PacketRing({ interface: "near0", ...(group && { fanout: group }) }),
    );
    far.transmit(batchOf([numberedFrame(1)], 0), 0);
    expect(collect(witness, 1, pause)).toHaveLength(1);
    ring.deafen();
    far.transmit(batchOf([numberedFrame(2)], 0), 0);
    expect(collect(witness, 1, pause).map(({ bytes }) => bytes[17])).toEqual([2]);
    expect(collect(ring, 1, pause).map(({ bytes }) => bytes[17])).toEqual([1]);
    expect(ring.receive()).toBe(0);
    for (const one of [ring, witness]) one.close();
    close();
  });

  describe("packet-ring, trouble with the interface", () => {
    const elapsedMs = (action: () => void) => {
      const start = process.hrtime.bigint();
      action();
      return Number(process.hrtime.bigint() - start) / 1e6;
    };

    test("deleted while in use: counted, nothing crashes, waiting still waits", () => {
      const { near, far, waiter, wake, close } = openWire();
      near.transmit(batchOf([numberedFrame(0)], 0), 0);
      expect(far.receive()).toBe(1);
      deleteInterface("near0");
      waiter.wait(0);
      expect(far.counters().interfaceErrors).toBeGreaterThan(0);
      expect(far.counters().lastInterfaceError).toBe("Network is down");
      expect(copyFrames(far.batch)[0].bytes).toEqual(numberedFrame(0));
      expect(far.receive()).toBe(0);
      expect(near.transmit(batchOf([numberedFrame(1), numberedFrame(2), numberedFrame(3)], 0), 0)).toBe(3);
      expect(near.counters()).toMatchObject({ transmitErrors: 3, lastInterfaceError: "No such device or address" });
      expect(elapsedMs(() => waiter.wait(50))).toBeGreaterThan(45);
      wake.signal();
      expect(elapsedMs(() => waiter.wait(900))).toBeLessThan(500);
      close();
    });

    test("down and up again: frames flow again", () => {
      const { near, far, waiter, pause, close } = openWire();
      run("ip link set dev far0 down");
      expect(near.transmit(batchOf([numberedFrame(0), numberedFrame(1)], 0), 0)).toBe(2);
      expect(far.transmit(batchOf([numberedFrame(0)], 0), 0)).toBe(1);
      waiter.wait(0);
      expect(elapsedMs(() => waiter.wait(50))).toBeGreaterThan(45);
      run("ip link set dev far0 up");
      expect(near.transmit(batchOf([numberedFrame(2)], 0), 0)).toBe(0);
      expect(collect(far, 1, pause).map(({ bytes }) => bytes[17])).toEqual([2]);
      close();
    });

    test("down while large frames wait: they still come", () => {
      const { near, far, close } = openWire();
      const frame = numberedFrame(0, 1400);
      run("ip link set dev near0 mtu 9000");
      run("ip link set dev far0 mtu 9000");
      const large = numberedFrame(1, 5000);
      expect(near.transmit(batchOf([frame, large], 0), 0)).toBe(0);
      run("ip link set dev far0 down");
      expect(far.receive()).toBe(2);
      expect(copyFrames(far.batch).map(({ bytes }) => bytes)).toEqual([frame, large]);
      close();
    });
  });

  test("a wake-up before the wait is not lost, and ends one wait only", () => {
    const { waiter, wake, close } = openWire();
    wake.signal();
    wake.signal();
    const start = process.hrtime.bigint();
    waiter.wait(900);
    expect(Number(process.hrtime.bigint() - start) / 1e6).toBeLessThan(500);
    waiter.wait(30);
    expect(Number(process.hrtime.bigint() - start) / 1e6).toBeGreaterThan(29);
    close();
  });

  test("what cannot be opened says where, what and what is wanted", () => {
    expect(() => new PacketRing({ interface: "nowhere0" })).toThrow(/nowhere0: cannot find the interface: .*; wanted a name/);
    expect(() => new PacketRing({ interface: "near0", slots: 100 })).toThrow(/near0: 100 slots; wanted a multiple of 32/);
    expect(() => new PacketRing({ interface: "near0", slots: 32 })).toThrow(/near0: 32 slots; wanted .* capacity/);
    expect(() => new PacketRing({ interface: "near0", slotBytes: 768 })).toThrow(
      /near0: slots of 768 bytes; wanted a power of two/,
    );
    expect(() => new PacketRing({ interface: "near0", slotBytes: 4096 })).toThrow(/near0: slots of 4096 bytes; wanted .* 2048/);
    expect(() => new PacketRing({ interface: "near0", fanout: { group: 65536 } })).toThrow(/fanoutGroup; wanted .* 65535/);
  });
});

function spawnDatagram(address: string): void {
  run(`node -e require("node:dgram").createSocket("udp4").send("x",9,"${address}",()=>process.exit())`);
}
