import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { type CaptureFlowsOptions, readCaptureFlows } from "#src/experiment/capture-flows.ts";
import { type Hashing, hashFlows } from "#src/experiment/flow-hashes.ts";
import { makePacket, makePacket6, type TestPacket, tagFrame } from "../dataplane/packets.ts";
import { makePcap, makePcapng, type TestRecord } from "../pcap/captures.ts";

const directory = mkdtempSync(join(tmpdir(), "ecmp-flows-"));
afterAll(() => rmSync(directory, { recursive: true }));

const PLAIN: Hashing = { options: { algorithm: "xxh32", fields: ["5-tuple"], seed: 0 }, bits: undefined };

let files = 0;
/** What of each flow, in the order of their first packets: packets and bytes. */
function read(file: Uint8Array, options: Partial<CaptureFlowsOptions> = {}) {
  const path = join(directory, `${++files}.pcap`);
  writeFileSync(path, file);
  const { flows, bytes, packets, hash: _, ...rest } = readCaptureFlows(path, { hashings: [PLAIN], ...options });
  expect([bytes.length, packets.length]).toEqual([flows, flows]);
  return { flows: Array.from(packets, (count, i) => `${count} of ${bytes[i]}`), ...rest };
}

const record = (packet: TestPacket): TestRecord => ({ bytes: makePacket(packet) });

/** An IPv6 UDP packet behind a destination-options header. */
const IPV6 = Buffer.concat([
  Buffer.from("020000000001020000000002" + "86dd", "hex"),
  Buffer.from("60012345" + "0010" + "3c" + "40", "hex"),
  Buffer.from("20010db8000000000000000000000001" + "20010db8000000000000000000000002", "hex"),
  Buffer.from("1100010400000000" + "303900350008abcd", "hex"),
]);

describe("the flows of a capture", () => {
  it("are its 5-tuples, once each, in the order of their first packets, with their bytes on the wire", () => {
    const first = { sourcePort: 1000 };
    const other = { sourcePort: 2000, protocol: 17, payloadBytes: 100 };
    const records = [record(first), record(other), record({ ...first, payloadBytes: 60 }), record({ protocol: 1 })];
    const wanted = {
      flows: ["2 of 164", "1 of 142", "1 of 62"],
      allPackets: 4,
      notForwarded: new Map(),
      unknownLinks: [],
      fault: undefined,
    };
    for (const file of [makePcap(records), makePcap(records, { bigEndian: true, nanoseconds: true }), makePcapng(records)]) {
      expect(read(file)).toEqual(wanted);
    }
  });

  it("are as many as the hash tells apart, by any of the ways that were asked for", () => {
    const records = [1, 1, 2, 3].map((flowLabel) => ({ bytes: makePacket6({ flowLabel }) }));
    const byLabel: Hashing = { ...PLAIN, options: { ...PLAIN.options, fields: ["5-tuple", "flow-label"] } };
    expect(read(makePcap(records)).flows).toEqual(["4 of 328"]);
    expect(read(makePcap(records), { hashings: [byLabel] }).flows).toEqual(["2 of 164", "1 of 82", "1 of 82"]);
    expect(read(makePcap(records), { hashings: [PLAIN, byLabel] }).flows).toHaveLength(3);
  });

  it("hash as 5-tuples of the same name do", () => {
    const path = join(directory, "named.pcap");
    writeFileSync(path, makePcap([record({ sourcePort: 5 }), { bytes: IPV6 }, record({ sourcePort: 6, fragment: 0x2000 })]));
    const addresses = { source: 0x0a000102, destination: 0xc633640a };
    const wanted = [
      { ...addresses, protocol: 6, sourcePort: 5, destinationPort: 80 },
      {
        protocol: 17,
        source: "20010db8000000000000000000000001",
        destination: "20010db8000000000000000000000002",
        sourcePort: 12345,
        destinationPort: 53,
      },
      { ...addresses, protocol: 6, sourcePort: 0, destinationPort: 0 },
    ];
    expect(readCaptureFlows(path, { hashings: [PLAIN] }).hash(PLAIN)).toEqual(hashFlows(wanted, PLAIN));
  });

  it("are found in IPv6 behind extension headers, behind VLAN tags, and without Ethernet", () => {
    expect(read(makePcap([{ bytes: IPV6 }])).flows).toEqual(["1 of 70"]);
    const frame = makePacket({ sourcePort: 7 });
    const records = [
      { bytes: tagFrame(frame, { id: 100 }) },
      { bytes: tagFrame(frame, { type: 0x88a8, id: 1 }, { id: 100 }) },
      { bytes: frame },
    ];
    expect(read(makePcap(records)).flows).toEqual(["3 of 186"]);
    expect(read(makePcap([{ bytes: frame.subarray(14) }], { linkType: 101 })).flows).toEqual(["1 of 62"]);
  });

  it("leave out what is not forwarded, by name, and say where a file is damaged", () => {
    const arp = { bytes: makePacket({ ethertype: 0x0806 }) };
    const cut = { bytes: makePacket().subarray(0, 20), wireLength: 62 };
    const tags = { bytes: tagFrame(makePacket(), { id: 1 }, { id: 2 }, { id: 3 }) };
    expect(read(makePcap([arp, cut, record({ ttl: 1 }), record({}), tags]))).toMatchObject({
      flows: ["1 of 62"],
      allPackets: 5,
      notForwarded: new Map([
        ["arp", 1],
        ["truncated", 1],
        ["ttl-expired", 1],
        ["vlan-tagged", 1],
      ]),
    });
    const file = makePcap([record({}), record({ sourcePort: 2 })]);
    expect(read(file.subarray(0, file.length - 5))).toMatchObject({
      allPackets: 1,
      fault: { problem: expect.stringContaining("ends after") },
    });
  });

  it("have packets that were cut behind their ports, where headers are enough", () => {
    const cut = [38, 37].map((length) => ({ bytes: makePacket().subarray(0, length), wireLength: 62 }));
    expect(read(makePcap(cut), { headersOnly: true })).toMatchObject({
      flows: ["1 of 62"],
      notForwarded: new Map([["truncated", 1]]),
    });
    const inner: Hashing = { ...PLAIN, options: { ...PLAIN.options, fields: ["inner-protocol"] } };
    expect(() => read(makePcap(cut), { headersOnly: true, hashings: [inner] })).toThrow("wanted a capture of whole packets");
  });

  it("are refused to a hash that decides by packet", () => {
    const hashings = [{ ...PLAIN, options: { ...PLAIN.options, algorithm: "round-robin" } }];
    expect(() => read(makePcap([record({})]), { hashings })).toThrow(RangeError);
  });
});
