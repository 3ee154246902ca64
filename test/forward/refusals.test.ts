/**
 * What nobody listens for on ports with tags, refused by the router as by a kernel: that of a host that asks in earnest, and the
 * one beneath the router, which is sent the same segments and datagrams without tags.
 *
 *   host 10.0.10.2 -- cable0 (tags put in and taken out) h-trunk0 == trunk0: 10 (10.0.10.1), and untagged 10.0.1.1, the kernel's
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addressToBytes, parseAddress } from "#src/net/address.ts";
import { formatMac } from "#src/net/mac.ts";
import { findInterface } from "#src/port/interface.ts";
import { ECMP, Host, type Program, showOf, start } from "../common/host.ts";
import { createCable, inNamespace, run } from "../common/namespace.ts";
import { until } from "../common/until.ts";
import { tagFrame } from "../dataplane/packets.ts";
import { echoRequest, ipFrame, sumOfWords } from "../port/frames.ts";
import { hasTags, untagged, WireEnd } from "./wire-end.ts";

const TAG = "8100000a";
/** As `test/port/frames.ts` has it. */
const MAC = "02:00:00:00:00:01";
const [TCP, UDP] = [6, 17];
const PORT = 4711;

/** With tags the router is asked, without the kernel. */
interface Side {
  readonly tags: readonly { readonly id: number }[];
  readonly tagBytes: string;
  readonly ends: readonly (readonly [source: string, destination: string])[];
}
const ROUTER: Side = {
  tags: [{ id: 10 }],
  tagBytes: TAG,
  ends: [
    ["10.0.10.3", "10.0.10.1"],
    ["2001:db8:10::3", "2001:db8:10::1"],
  ],
};
const KERNEL: Side = {
  tags: [],
  tagBytes: "",
  ends: [
    ["10.0.1.3", "10.0.1.1"],
    ["2001:db8:1::3", "2001:db8:1::1"],
  ],
};

const FLAG = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32, ece: 64, cwr: 128 };
const segment = (flags: number, data = 0, sequence = 0x01020304, headerLength = 20): Uint8Array => {
  const bytes = Buffer.alloc(headerLength + data, 1);
  bytes.writeUInt16BE(40_000, 0);
  bytes.writeUInt16BE(PORT, 2);
  bytes.writeUInt32BE(sequence, 4);
  bytes.writeUInt32BE(0xa0b0c0d0, 8);
  bytes[12] = headerLength << 2;
  bytes[13] = flags;
  bytes.writeUInt32BE(0xffff0000, 14);
  bytes.writeUInt16BE(0, 18);
  return bytes;
};
const datagram = (data: number, length = 8 + data): Uint8Array => {
  const bytes = Buffer.alloc(8 + data, 7);
  bytes.writeUInt16BE(40_000, 0);
  bytes.writeUInt16BE(PORT, 2);
  bytes.writeUInt16BE(length, 4);
  bytes.writeUInt16BE(0, 6);
  return bytes;
};

type Change = (frame: Buffer, ip: number, at: number) => void;
const asItIs: Change = () => {};
const wrongSum =
  (field: number): Change =>
  (frame, _, at) =>
    void frame.writeUInt8(frame[at + field] ^ 0x55, at + field);
const noSum: Change = (frame, _, at) => void frame.writeUInt16BE(0, at + 6);
const cutHeader: Change = (frame, _, at) => void frame.writeUInt8(4 << 4, at + 12);

const ASKED: readonly (readonly [name: string, protocol: number, payload: () => Uint8Array, change: Change])[] = [
  ["SYN", TCP, () => segment(FLAG.syn), asItIs],
  ["SYN with options", TCP, () => segment(FLAG.syn, 0, 5, 24), asItIs],
  ["SYN with data", TCP, () => segment(FLAG.syn, 5), asItIs],
  ["SYN that asks for ECN", TCP, () => segment(FLAG.syn | FLAG.ece | FLAG.cwr), asItIs],
  ["SYN at the end of the numbers", TCP, () => segment(FLAG.syn, 0, 0xffffffff), asItIs],
  ["FIN", TCP, () => segment(FLAG.fin, 3), asItIs],
  ["data without ACK", TCP, () => segment(FLAG.psh, 7), asItIs],
  ["nothing at all", TCP, () => segment(0), asItIs],
  ["ACK", TCP, () => segment(FLAG.ack), asItIs],
  ["SYN and ACK", TCP, () => segment(FLAG.syn | FLAG.ack), asItIs],
  ["data with ACK", TCP, () => segment(FLAG.ack | FLAG.psh, 11), asItIs],
  ["FIN and ACK", TCP, () => segment(FLAG.fin | FLAG.ack), asItIs],
  ["RST", TCP, () => segment(FLAG.rst), asItIs],
  ["RST and ACK", TCP, () => segment(FLAG.rst | FLAG.ack), asItIs],
  ["a wrong checksum of TCP", TCP, () => segment(FLAG.syn), wrongSum(16)],
  ["a header that is too short", TCP, () => segment(FLAG.syn), cutHeader],
  ["a datagram", UDP, () => datagram(12), asItIs],
  ["an empty datagram", UDP, () => datagram(0), asItIs],
  ["a wrong checksum of UDP", UDP, () => datagram(12), wrongSum(6)],
  ["no checksum of UDP", UDP, () => datagram(12), noSum],
  ["a datagram longer than its packet", UDP, () => datagram(12, 40), asItIs],
  ["a datagram shorter than its header", UDP, () => datagram(12, 7), asItIs],
];

/** What a host tells: how its connection and its datagram ended, in each family. */
const HOST = `
const net = require("node:net"), dgram = require("node:dgram");
const tcp = (host) => new Promise((resolve) => {
  const socket = net.connect({ host, port: ${PORT} });
  socket.on("connect", () => resolve("connected")).on("error", ({ code }) => resolve(code));
});
const udp = (host, type) => new Promise((resolve) => {
  const socket = dgram.createSocket(type);
  socket.on("error", ({ code }) => { resolve(code); socket.close(); });
  socket.connect(${PORT}, host, () => socket.send("who is there?"));
});
const [four, six] = ["10.0.10.1", "2001:db8:10::1"];
Promise.all([tcp(four), tcp(six), udp(four, "udp4"), udp(six, "udp6")]).then((codes) => console.log(codes.join()));
`;

await inNamespace(import.meta.url, () => {
  const folder = mkdtempSync(join(tmpdir(), "ecmp-refusals-"));
  const [control, file] = ["control.sock", "router.yaml"].map((name) => join(folder, name));
  const show = showOf(control);
  let router: Program;
  let host: Host;
  let trunk: WireEnd;
  let cable: WireEnd;

  beforeAll(async () => {
    run("ip link set lo up");
    createCable("h-trunk0", "trunk0");
    for (const words of ["icmp_ratelimit", "icmp_msgs_per_sec"])
      writeFileSync(`/proc/sys/net/ipv4/${words}`, words === "icmp_ratelimit" ? "0" : "10000");
    writeFileSync("/proc/sys/net/ipv6/icmp/ratelimit", "0");
    writeFileSync("/proc/sys/net/ipv6/conf/trunk0/disable_ipv6", "0");
    run("ip addr add 10.0.1.1/24 dev trunk0");
    run("ip addr add 2001:db8:1::1/64 dev trunk0 nodad");
    for (const [source] of KERNEL.ends) run(`ip neigh replace ${source} lladdr ${MAC} nud permanent dev trunk0`);
    host = await Host.create("cable0", "10.0.10.2/24", "10.0.10.1");
    // What passes through here has no words for a checksum that is left to the device.
    host.run("ethtool -K eth0 tx off tso off gso off");
    run("ethtool -K trunk0 tx off tso off gso off");
    host.run("sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0");
    host.run("ip addr add 2001:db8:10::2/64 dev eth0 nodad");
    trunk = new WireEnd("h-trunk0", (frame) => {
      if (frame.subarray(12, 16).toString("hex") === TAG) cable.send(untagged(frame, TAG));
      return undefined;
    });
    cable = new WireEnd("cable0", (frame) => {
      trunk.send(tagFrame(frame, { id: 10 }));
      return undefined;
    });
    writeFileSync(
      file,
      `
ports:
  - {interface: trunk0, vlan: 10, addresses: [10.0.10.1/24, "2001:db8:10::1/64", 10.0.99.1/32]}
  - {interface: trunk0}
`,
    );
    router = start([process.execPath, ECMP, "run", file, "--control", control]);
    expect(await router.line()).toBe("ready");
  }, 60_000);

  afterAll(() => {
    router?.child.kill("SIGKILL");
    for (const end of [trunk, cable]) end?.close();
    host?.end();
    rmSync(folder, { recursive: true });
  });

  let asked = 0;
  /** What comes back, up to the answer to a ping that is sent after it: who answers does so in turn. */
  const ask = (side: Side, family: number, frame: Uint8Array): Buffer[] => {
    const [source, destination] = side.ends[family];
    const identifier = ++asked;
    trunk.send(tagFrame(Buffer.from(frame), ...side.tags));
    const mac = formatMac(findInterface("trunk0").mac);
    trunk.send(tagFrame(Buffer.from(echoRequest(mac, source, destination, identifier)), ...side.tags));
    const at = family === 0 ? 34 : 54;
    const isAnswer = (frame: Buffer): boolean => {
      const plain = untagged(frame, side.tagBytes);
      const isReply = plain[at] === (family === 0 ? 0 : 129) && plain[family === 0 ? 23 : 20] === (family === 0 ? 1 : 58);
      return (
        hasTags(frame, side.tagBytes, family === 0 ? "0800" : "86dd") && isReply && plain.readUInt16BE(at + 4) === identifier
      );
    };
    const toUs = Buffer.from(addressToBytes(parseAddress(source) as number | string));
    return trunk
      .receiveUntil(isAnswer)
      .slice(0, -1)
      .filter((frame) => hasTags(frame, side.tagBytes, family === 0 ? "0800" : "86dd"))
      .map((frame) => untagged(frame, side.tagBytes))
      .filter((frame) => frame.subarray(0, 6).toString("hex") === MAC.replaceAll(":", "") && frame.includes(toUs));
  };

  /** What two who answer as they should have in common. */
  const tell = (frame: Buffer, family: number) => {
    const at = family === 0 ? 34 : 54;
    const addresses = family === 0 ? frame.subarray(26, 34) : frame.subarray(22, 54);
    const protocol = frame[family === 0 ? 23 : 20];
    const length = (family === 0 ? frame.readUInt16BE(16) + 14 : frame.readUInt16BE(18) + 54) - at;
    const upper = frame.subarray(at, at + length);
    const pseudo = protocol === 1 ? [] : [...addresses, 0, 0, 0, length, 0, 0, 0, protocol];
    expect(sumOfWords([...pseudo, ...upper])).toBe(0xffff);
    const hopLimit = frame[family === 0 ? 22 : 21];
    const trafficClass = family === 0 ? frame[15] : (frame.readUInt16BE(14) >> 4) & 0xff;
    // A kernel hashes the ports into it.
    const fields = protocol === TCP ? upper.subarray(0, 16).toString("hex") : upper.subarray(0, 2).toString("hex");
    return { protocol, length, hopLimit, trafficClass, fields };
  };

  describe.each([0, 1])("of family %i", (family) => {
    test.each(ASKED)("%s is answered as the kernel does", { timeout: 60_000 }, (name, protocol, payload, change) => {
      const answers = [ROUTER, KERNEL].map((side) => {
        const [source, destination] = side.ends[family];
        const mac = formatMac(findInterface("trunk0").mac);
        const frame = Buffer.from(ipFrame(mac, source, destination, protocol, payload(), protocol === TCP ? 16 : 6, 64));
        change(frame, 14, family === 0 ? 34 : 54);
        return ask(side, family, frame).map((answer) => tell(answer, family));
      });
      expect(answers[0]).toEqual(answers[1]);
      const isSilent = /RST|wrong|short|longer/.test(name) || (family === 1 && name.startsWith("no checksum"));
      expect(answers[0]).toHaveLength(isSilent ? 0 : 1);
    });
  });

  test("neither says anything to who sends to a group's MAC", { timeout: 60_000 }, () => {
    for (const side of [ROUTER, KERNEL]) {
      const [source, destination] = side.ends[0];
      for (const [protocol, payload, field] of [
        [TCP, segment(FLAG.syn), 16],
        [UDP, datagram(3), 6],
      ] as const)
        expect(ask(side, 0, ipFrame("ff:ff:ff:ff:ff:ff", source, destination, protocol, payload, field, 64))).toEqual([]);
    }
  });

  test("an address that the kernel has elsewhere, on an interface for that VLAN perhaps, is the kernel's to answer for", {
    timeout: 60_000,
  }, () => {
    const mac = formatMac(findInterface("trunk0").mac);
    const syn = ipFrame(mac, "10.0.10.3", "10.0.99.1", TCP, segment(FLAG.syn), 16, 64);
    /** At the pace at which a command answers: what is answered in a second is limited. */
    const isRefused = (): boolean => show("ports").length === 2 && ask(ROUTER, 0, syn).length === 1;
    expect(isRefused()).toBe(true);
    run("ip addr add 10.0.99.1/32 dev lo");
    until("the router has seen it", () => !isRefused());
    run("ip addr del 10.0.99.1/32 dev lo");
    until("and that it is gone", isRefused);
  });

  test("a host is told at once that nobody listens, by both families and protocols, and all is counted", {
    timeout: 60_000,
  }, async () => {
    const before = show("counters");
    const program = host.start([process.execPath, "-e", HOST]);
    let said: string | undefined;
    void program.line().then((line) => {
      said = line;
    });
    while (said === undefined) {
      for (const end of [trunk, cable]) end.hears(() => false, 0);
      await new Promise(setImmediate);
    }
    expect(said).toBe("ECONNREFUSED,ECONNREFUSED,ECONNREFUSED,ECONNREFUSED");
    const after = show("counters");
    expect(after.slowPath.errors - before.slowPath.errors).toBe(2);
    expect(after.punted.local - before.punted.local).toBeGreaterThanOrEqual(4);
  });

  test("no more datagrams are answered than errors may be sent, and the rest is counted", { timeout: 60_000 }, () => {
    const mac = formatMac(findInterface("trunk0").mac);
    const limited = (): number => show("counters").slowPath.limited;
    const before = limited();
    const [source, destination] = ROUTER.ends[0];
    const frame = tagFrame(Buffer.from(ipFrame(mac, source, destination, UDP, datagram(1), 6, 64)), { id: 10 });
    until("there are too many", () => {
      for (let i = 0; i < 200; i++) trunk.send(frame);
      return limited() > before;
    });
  });
});
