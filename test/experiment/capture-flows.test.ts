import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readCaptureFlows } from "#src/experiment/capture-flows.ts";
import { formatFlow } from "#src/net/flow.ts";
import { makePacket, type TestPacket } from "../dataplane/packets.ts";
import { makePcap, makePcapng, type TestRecord } from "../pcap/captures.ts";

const directory = mkdtempSync(join(tmpdir(), "ecmp-flows-"));
afterAll(() => rmSync(directory, { recursive: true }));

let files = 0;
function read(file: Uint8Array) {
  const path = join(directory, `${++files}.pcap`);
  writeFileSync(path, file);
  const { flows, bytes, ...rest } = readCaptureFlows(path);
  return { flows: flows.map((flow, i) => `${formatFlow(flow)} ${bytes[i]}`), ...rest };
}

const record = (packet: TestPacket): TestRecord => ({ bytes: makePacket(packet) });
const tagged = (frame: Buffer, tag: string): Buffer =>
  Buffer.concat([frame.subarray(0, 12), Buffer.from(tag, "hex"), frame.subarray(12)]);

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
    const records = [record(first), record(other), { ...record(first), wireLength: 1500 }, record({ protocol: 1 })];
    const wanted = [
      "tcp 10.0.1.2:1000 198.51.100.10:80 1562",
      "udp 10.0.1.2:2000 198.51.100.10:80 142",
      "icmp 10.0.1.2 198.51.100.10 62",
    ];
    for (const file of [makePcap(records), makePcap(records, { bigEndian: true, nanoseconds: true }), makePcapng(records)]) {
      expect(read(file)).toEqual({ flows: wanted, packets: 4, others: 0, unknownLinks: [], fault: undefined });
    }
  });

  it("are found in IPv6 behind extension headers, behind VLAN tags, and without Ethernet", () => {
    expect(read(makePcap([{ bytes: IPV6 }])).flows).toEqual(["udp [2001:db8::1]:12345 [2001:db8::2]:53 70"]);
    const frame = makePacket({ sourcePort: 7 });
    const twice = tagged(tagged(frame, "81000064"), "88a80001");
    expect(read(makePcap([{ bytes: tagged(frame, "81000064") }, { bytes: twice }])).flows).toEqual([
      "tcp 10.0.1.2:7 198.51.100.10:80 136",
    ]);
    expect(read(makePcap([{ bytes: frame.subarray(14) }], { linkType: 101 })).flows).toEqual([
      "tcp 10.0.1.2:7 198.51.100.10:80 62",
    ]);
  });

  it("have no ports where a packet has none to show: fragments, and headers that are cut", () => {
    const whole = makePacket({ sourcePort: 9 });
    const records = [
      record({ sourcePort: 9, fragment: 0x2000 }),
      record({ sourcePort: 9, fragment: 100 }),
      { bytes: whole.subarray(0, 36), wireLength: 62 },
    ];
    expect(read(makePcap(records)).flows).toEqual(["tcp 10.0.1.2 198.51.100.10 186"]);
  });

  it("leave out what is not IP, and say how much that was, and where a file is damaged", () => {
    const arp = { bytes: makePacket({ ethertype: 0x0806 }) };
    const cut = { bytes: makePacket().subarray(0, 20), wireLength: 62 };
    expect(read(makePcap([arp, cut, record({})]))).toMatchObject({
      packets: 3,
      others: 2,
      unknownLinks: [],
      flows: [expect.any(String)],
    });
    const file = makePcap([record({}), record({ sourcePort: 2 })]);
    expect(read(file.subarray(0, file.length - 5))).toMatchObject({
      packets: 1,
      fault: { problem: expect.stringContaining("ends after") },
    });
  });
});
