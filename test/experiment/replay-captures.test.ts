/** What each next hop gets, as a capture: tcpdump reads what a replay writes, and a replay what tcpdump writes. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { makePcap, makePcapng, type TestRecord } from "../pcap/captures.ts";
import { directory, frame, mixture, replay, save } from "./replaying.ts";

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
