/** Captures through the forwarding core: every packet is accounted for, goes where `explain` says, and threads change nothing. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { createExplainer } from "#src/experiment/explain.ts";
import { replayCapture } from "#src/experiment/replay.ts";
import type { ReplayReport } from "#src/experiment/replay-report.ts";
import type { FibState } from "#src/fib/state.ts";
import { parseFlow } from "#src/net/flow.ts";
import { randomBelow, seededRandom } from "#src/net/random.ts";
import { makePacket, type TestPacket } from "../dataplane/packets.ts";
import { makePcap, makePcapng, type TestRecord } from "../pcap/captures.ts";
import { sketchState } from "./state.ts";

const directory = mkdtempSync(join(tmpdir(), "ecmp-replay-"));
afterAll(() => rmSync(directory, { recursive: true }));
const NODES = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];
const STATE = sketchState({
  selector: "modulo",
  groups: [
    { prefixes: ["198.51.100.0/24", "203.0.113.64/26"], members: NODES },
    { prefixes: ["198.51.100.77/32"], members: ["10.0.0.9"] },
  ],
});

let files = 0;
function save(bytes: Uint8Array): string {
  const path = join(directory, `${++files}.cap`);
  writeFileSync(path, bytes);
  return path;
}

async function replay(file: Uint8Array, options: { state?: FibState; threads?: number; directory?: string } = {}) {
  const { state = STATE, threads = 1, ...rest } = options;
  const { report, fault } = await replayCapture({ state, threads, capture: save(file), ...rest });
  expectBalance(report);
  return { report, fault };
}

const total = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((sum, count) => sum + count, 0);

function expectBalance({ packets, forwarded, punted, slow, dropped, nextHops, flows }: ReplayReport): void {
  expect(forwarded + punted + total(slow) + total(dropped)).toBe(packets);
  expect(nextHops.reduce((sum, nextHop) => sum + nextHop.packets, 0)).toBe(forwarded);
  expect(nextHops.reduce((sum, nextHop) => sum + nextHop.flows, 0)).toBe(flows);
}

const frame = (packet?: TestPacket): Buffer => makePacket(packet);
/** The bytes behind the Ethernet header. */
const ipOf = (bytes: Buffer): Buffer => bytes.subarray(14);

/** A mixture: most are forwarded, to two prefixes and none, some are what a router does not forward. */
function mixture(count: number, seed: number): TestPacket[] {
  const random = seededRandom(seed);
  const destinations = ["198.51.100.10", "198.51.100.77", "203.0.113.70", "203.0.113.1", "224.0.0.5"];
  return Array.from({ length: count }, () => ({
    to: ["020000000001", "02000000aa02", "ffffffffffff"][Math.max(0, randomBelow(random, 22) - 19)],
    source: `10.1.${randomBelow(random, 8)}.${1 + randomBelow(random, 20)}`,
    destination: destinations[randomBelow(random, destinations.length)],
    protocol: [6, 17, 1][randomBelow(random, 3)],
    sourcePort: 1024 + randomBelow(random, 3),
    ttl: randomBelow(random, 20) === 0 ? 1 : 64,
    fragment: randomBelow(random, 9) === 0 ? 0x2000 : 0,
    payloadBytes: randomBelow(random, 60),
  }));
}

/** What each packet that is to be forwarded is a flow of, and where it goes, by `explain`. */
function expectedOf(packets: readonly TestPacket[], state: FibState) {
  const explain = createExplainer(state);
  const flows = new Map<string, { nextHop: string; packets: number; bytes: number }>();
  for (const packet of packets) {
    const { to, source, destination, protocol = 6, sourcePort, ttl = 64, fragment } = packet;
    const withPorts = protocol !== 1 && fragment === 0;
    const name = `${protocol} ${source}${withPorts ? `:${sourcePort}` : ""} ${destination}${withPorts ? ":80" : ""}`;
    const { nextHop } = explain(parseFlow(name) as NonNullable<ReturnType<typeof parseFlow>>);
    if (nextHop === null || ttl <= 1 || to === "ffffffffffff" || destination === "224.0.0.5") continue;
    const flow = flows.get(name) ?? { nextHop, packets: 0, bytes: 0 };
    flows.set(name, { nextHop, packets: flow.packets + 1, bytes: flow.bytes + frame(packet).length });
  }
  return [...NODES, "10.0.0.9"].map((address) => {
    const own = [...flows.values()].filter((flow) => flow.nextHop === address);
    const sum = (key: "packets" | "bytes"): number => own.reduce((before, flow) => before + flow[key], 0);
    return { address, packets: sum("packets"), bytes: sum("bytes"), flows: own.length };
  });
}

describe("replay", () => {
  const packets = mixture(3000, 5);
  const records = packets.map((packet) => ({ bytes: frame(packet) }));

  it("sends every packet where explain says its flow goes, and names what became of the others", async () => {
    const { report, fault } = await replay(makePcap(records));
    expect(fault).toBeUndefined();
    expect(report.nextHops).toEqual(expectedOf(packets, STATE));
    expect(report.packets).toBe(3000);
    expect(report.bytes).toBe(records.reduce((sum, { bytes }) => sum + bytes.length, 0));
    expect(Object.keys(report.dropped).sort()).toEqual(["no-route", "ttl-expired"]);
    expect(report.punted).toBeGreaterThan(0);
  });

  it("takes a capture of headers only for what it is, when told so", async () => {
    const headers = records.map(({ bytes }) => ({ bytes: bytes.subarray(0, 54), wireLength: bytes.length }));
    const path = save(makePcap(headers));
    const told = (await replayCapture({ state: STATE, threads: 2, capture: path, headersOnly: true })).report;
    const isJudged = ({ protocol = 6 }: TestPacket): boolean => protocol !== 1;
    const whole = makePcap(packets.filter(isJudged).map((packet) => ({ bytes: frame(packet) })));
    const { dropped, ...judged } = (await replay(whole)).report;
    expectBalance(told);
    // ICMP that was cut stays so: an error may be about what it quotes. Short packets were not cut.
    const cut = packets.filter((packet) => !isJudged(packet) && frame(packet).length > 54);
    expect(told.dropped.truncated).toBe(cut.length);
    const uncut = packets.filter((packet) => isJudged(packet) || frame(packet).length <= 54);
    expect(told.nextHops).toEqual(expectedOf(uncut, STATE));
    expect(told.dropped["ttl-expired"]).toBeGreaterThanOrEqual(dropped["ttl-expired"] ?? 0);
    expect(told.forwarded).toBeGreaterThanOrEqual(judged.forwarded);
    expect((await replayCapture({ state: STATE, threads: 1, capture: path })).report.dropped.truncated).toBeGreaterThan(2000);

    const short = makePcap(packets.map((packet) => ({ bytes: frame(packet).subarray(0, 36), wireLength: frame(packet).length })));
    const { report } = await replayCapture({ state: STATE, threads: 1, capture: save(short), headersOnly: true });
    const portless = packets.filter(({ protocol, fragment }) => protocol !== 1 && fragment === 0);
    expect(report.dropped.truncated).toBeGreaterThanOrEqual(portless.length);

    const inner = { ...STATE, hash: { ...STATE.hash, fields: ["inner-source-address"] } };
    await expect(replayCapture({ state: inner, threads: 1, capture: path, headersOnly: true })).rejects.toThrow("tunnel");
  });

  it("decides by the state's own tables, where members that came and went left their mark", async () => {
    const history = [["10.0.0.1"], ["10.0.0.1", "10.0.0.2"], ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]];
    for (const selector of ["resilient", "threshold"] as const) {
      const state = sketchState({ selector, groups: [{ prefixes: ["0.0.0.0/0"], members: NODES, history }] });
      const wanted = expectedOf(packets, state).filter(({ address }) => address !== "10.0.0.9");
      expect((await replay(makePcap(records), { state })).report.nextHops).toEqual(wanted);
    }
  });

  it("answers and writes the same bytes whatever the number of threads", async () => {
    const many = mixture(60_000, 9).map((packet) => ({ bytes: frame(packet) }));
    const answers = [];
    for (const threads of [1, 2, 3]) {
      const out = join(directory, `threads-${threads}`);
      const { report } = await replay(makePcapng(many), { threads, directory: out });
      answers.push({ report, files: readdirSync(out).map((name) => [name, readFileSync(join(out, name)).toString("base64")]) });
    }
    expect(answers[0].files.map(([name]) => name)).toEqual(
      ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.9"].map((name) => `${name}.pcapng`),
    );
    expect(JSON.stringify(answers[1])).toBe(JSON.stringify(answers[0]));
    expect(JSON.stringify(answers[2])).toBe(JSON.stringify(answers[0]));
  });

  it("shows a hash that works by the packet the packets in the order of the file, whatever the number of threads", async () => {
    const file = makePcap(Array.from({ length: 60_000 }, () => ({ bytes: frame() })));
    for (const algorithm of ["round-robin", "random"]) {
      const state = { ...STATE, hash: { ...STATE.hash, algorithm } };
      const [one, three] = await Promise.all([1, 3].map((threads) => replayCapture({ state, threads, capture: save(file) })));
      expect(three).toEqual(one);
      // One flow, on each of the three members: its parts add up to more than it.
      expect(one.report).toMatchObject({ forwarded: 60_000, flows: 1 });
      const shares = one.report.nextHops.slice(0, 3);
      expect(shares.map(({ flows }) => flows)).toEqual([1, 1, 1]);
      if (algorithm === "round-robin") expect(shares.map(({ packets }) => packets)).toEqual([20_000, 20_000, 20_000]);
    }
  });

  it("leaves a capture that is damaged with what came before, and says where", async () => {
    const file = makePcap(records);
    const { report, fault } = await replay(file.subarray(0, file.length - 5));
    expect(report.packets).toBe(2999);
    const last = file.length - (records.at(-1) as { bytes: Buffer }).bytes.length - 16;
    expect(fault).toEqual({
      offset: last,
      problem: expect.stringMatching(/^record of at least \d+ bytes, but the file ends after \d+$/),
    });
  });

  it("drops packets that the capture cut, and those of links that it knows no frames of", async () => {
    const cut = { bytes: frame().subarray(0, 40), wireLength: 62 };
    const file = makePcapng([cut, { bytes: frame() }, { bytes: Buffer.alloc(30), interface: 1 }], { linkTypes: [1, 105] });
    const { report } = await replay(file);
    expect(report.dropped).toEqual({ truncated: 1, "link-type": 1 });
    expect(report).toMatchObject({ packets: 3, bytes: 62 + 62 + 30, forwarded: 1 });
  });
});

describe("link types", () => {
  const packets = mixture(400, 3).filter(({ to }) => to !== "ffffffffffff");
  const cooked = (ip: Buffer, packetType: number): Buffer => {
    const header = Buffer.from("0000000100060200000000c100000800", "hex");
    header.writeUInt16BE(packetType);
    return Buffer.concat([header, ip]);
  };
  const cooked2 = (ip: Buffer, packetType: number): Buffer => {
    const header = Buffer.from("080000000000000500010006" + "0200000000c10000", "hex");
    header[10] = packetType;
    return Buffer.concat([header, ip]);
  };
  const forms: readonly [string, number, (ip: Buffer) => Buffer][] = [
    ["raw", 101, (ip) => ip],
    ["raw as Linux had it", 12, (ip) => ip],
    ["IPv4", 228, (ip) => ip],
    ["Linux cooked", 113, (ip) => cooked(ip, 0)],
    ["Linux cooked, version 2", 276, (ip) => cooked2(ip, 4)],
  ];

  it.each(forms)(
    "%s packets get an Ethernet header, and the same answer, and the same captures, as Ethernet frames",
    async (name, linkType, form) => {
      const frames = packets.map((packet): TestRecord => ({ bytes: frame(packet) }));
      const records = packets.map((packet): TestRecord => ({ bytes: form(ipOf(frame(packet))) }));
      const ethernet = join(directory, `ethernet-${name}`);
      const other = join(directory, `other-${name}`);
      const makers = [
        makePcap,
        (list: readonly TestRecord[], { linkType }: { linkType: number }) => makePcapng(list, { linkTypes: [linkType] }),
      ];
      for (const make of makers) {
        const { report } = await replay(make(frames, { linkType: 1 }), { directory: ethernet });
        expect(report.forwarded).toBeGreaterThan(100);
        expect((await replay(make(records, { linkType }), { directory: other })).report).toEqual(report);
        for (const file of readdirSync(ethernet))
          expect(readFileSync(join(other, file)).equals(readFileSync(join(ethernet, file)))).toBe(true);
      }
    },
  );

  it("puts a header before simple packets, too, though theirs is shorter than Ethernet's", async () => {
    // More than a window, so that one begins with such a packet.
    const many = Array.from({ length: 80 }, () => packets).flat();
    const records = many.map((packet): TestRecord => ({ bytes: ipOf(frame(packet)), block: "simple" }));
    const plain = makePcap(many.map((packet) => ({ bytes: frame(packet) })));
    expect((await replay(makePcapng(records, { linkTypes: [101] }))).report).toEqual((await replay(plain)).report);
  });

  it("keeps broadcasts apart in cooked captures, and takes no broken header for a packet", async () => {
    const ip = ipOf(frame());
    const file = makePcapng(
      [
        { bytes: cooked(ip, 1) },
        { bytes: cooked2(ip, 2), interface: 1 },
        { bytes: cooked(ip, 0).subarray(0, 9) },
        { bytes: cooked2(ip, 0).subarray(0, 19), interface: 1 },
        { bytes: Buffer.alloc(0), interface: 2 },
        { bytes: Buffer.alloc(40, 0x60), interface: 2 },
        { bytes: Buffer.alloc(40, 0x20), interface: 2 },
      ],
      { linkTypes: [113, 276, 101] },
    );
    const { report } = await replay(file);
    expect(report).toMatchObject({ packets: 7, punted: 2, dropped: { truncated: 2, "unknown-ethertype": 2, "ip-header": 1 } });
  });
});

describe("what goes to a next hop is a capture again", () => {
  const packets = mixture(200, 11).map((packet) => ({ ...packet, to: "020000000001", ttl: 9 }));
  const START_SECONDS = 1_600_000_000;
  /** A packet a second: each time as the file has it. */
  const timed = (timeOf: (second: number) => Pick<TestRecord, "timeHigh" | "timeLow">): TestRecord[] =>
    packets.map((packet, i) => ({ bytes: frame(packet), ...timeOf(START_SECONDS + i) }));
  const counted = (units: bigint) => (second: number) => {
    const time = BigInt(second) * units + (123_456_789n * units) / 1_000_000_000n;
    return { timeHigh: Number(time >> 32n), timeLow: Number(time & 0xffffffffn) };
  };
  const micro = timed((second) => ({ timeHigh: second, timeLow: 123_456 }));
  const nano = timed((second) => ({ timeHigh: second, timeLow: 123_456_789 }));
  /** if_tsresol: units of 10^-9 s. */
  const nanoOption = (bigEndian: boolean): Buffer =>
    Buffer.from(bigEndian ? "000900010900000000000000" : "090001000900000000000000", "hex");
  const nanoCount = timed(counted(1_000_000_000n));
  const files: readonly [string, Buffer, string][] = [
    ["pcap, microseconds, big-endian", makePcap(micro, { bigEndian: true }), "123456000"],
    ["pcap, nanoseconds", makePcap(nano, { nanoseconds: true }), "123456789"],
    ["pcap, nanoseconds, big-endian", makePcap(nano, { nanoseconds: true, bigEndian: true }), "123456789"],
    ["pcapng", makePcapng(timed(counted(1_000_000n))), "123456000"],
    ["pcapng, nanoseconds", makePcapng(nanoCount, { interfaceOptions: nanoOption(false) }), "123456789"],
    [
      "pcapng, nanoseconds, big-endian",
      makePcapng(nanoCount, { interfaceOptions: nanoOption(true), bigEndian: true }),
      "123456789",
    ],
  ];
  const tcpdump = (...words: string[]): string =>
    execFileSync("tcpdump", words, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });

  it.each(files)("%s: tcpdump reads it, with its times, its new addresses and one hop less", async (name, file, fraction) => {
    const out = join(directory, `split ${name}`);
    const { report } = await replay(file, { directory: out });
    const lines = readdirSync(out).map((capture) => {
      const text = tcpdump("-r", join(out, capture), "-n", "-e", "-tt", "-v", "--nano");
      const frames = text.split("\n").filter((line) => /^\d/.test(line));
      const address = capture.replace(/\.pcap.*$/, "").split(".");
      const mac = address.map((part) => Number(part).toString(16).padStart(2, "0")).join(":");
      for (const line of frames) {
        expect(line).toMatch(new RegExp(`^1600000\\d{3}\\.${fraction} 06:00:00:00:00:01 > 02:00:${mac},`));
        expect(line).toContain("ttl 8");
      }
      return frames.length;
    });
    expect(lines).toEqual(report.nextHops.map((nextHop) => nextHop.packets));
    expect(Math.min(...lines)).toBeGreaterThan(10);
  });

  it("reads what tcpdump writes, of each of those", async () => {
    const { report } = await replay(makePcap(micro));
    expect(report.forwarded).toBeGreaterThan(50);
    const written = join(directory, "written");
    for (const [, file] of files) {
      tcpdump("-r", save(file), "-w", written, "--nano");
      expect(await replay(readFileSync(written))).toEqual({ report, fault: undefined });
    }
  });
});
