/** Captures of any size: no more memory for more of them, and how far a replay is, on a terminal. */
import { spawnSync } from "node:child_process";
import { closeSync, openSync, truncateSync, writeSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ECMP } from "../common/host.ts";
import { makePacket } from "../dataplane/packets.ts";
import { makePcap } from "../pcap/captures.ts";
import { useFolder } from "./command.ts";

const { path, save } = useFolder("replay-size");
const HEADER_BYTES = 24;
const MEBIBYTE = 2 ** 20;

/** Packets of 10,000 flows, over and over. */
function saveCapture(name: string, mebibytes: number) {
  const packets = Array.from({ length: 10_000 }, (_, i) => ({ bytes: makePacket({ sourcePort: 1024 + i, payloadBytes: 900 }) }));
  const capture = makePcap(packets);
  const records = capture.subarray(HEADER_BYTES);
  const file = openSync(path(name), "w");
  writeSync(file, capture, 0, HEADER_BYTES);
  const times = Math.ceil((mebibytes * MEBIBYTE) / records.length);
  for (let i = 0; i < times; i++) writeSync(file, records);
  closeSync(file);
  return { file: path(name), packets: times * packets.length, bytes: HEADER_BYTES + times * records.length };
}

const saveConfig = () =>
  save("c.yaml", "routes: [{prefix: 198.51.100.0/24, nextHops: [{address: 10.0.0.1}, {address: 10.0.0.2}]}]\n");

describe("a large capture", { timeout: 120_000 }, () => {
  const HEAP_MEBIBYTES = 64;
  /** The most memory that the process had, of all kinds and all threads. */
  const replay = (file: string) => {
    const program = `
      process.on("exit", () => process.stderr.write(String(process.resourceUsage().maxRSS * 1024)));
      process.argv.splice(1, 0, ${JSON.stringify(ECMP)});
      await import(${JSON.stringify(ECMP)});`;
    const words = ["replay", "--config", saveConfig(), "--in", file, "--threads", "2", "--json"];
    const node = [`--max-old-space-size=${HEAP_MEBIBYTES}`, "--input-type=module", "--eval", program, "--", ...words];
    const { status, stdout, stderr } = spawnSync(process.execPath, node, { encoding: "utf8" });
    expect(status).toBe(0);
    return { report: JSON.parse(stdout), memoryBytes: Number(stderr) };
  };

  it("takes no more memory than a small one", () => {
    const small = saveCapture("small.pcap", 20);
    const large = saveCapture("large.pcap", 220);
    const [ofSmall, ofLarge] = [small, large].map(({ file }) => replay(file));
    expect(ofLarge.report).toMatchObject({ packets: large.packets, forwarded: large.packets, flows: 10_000 });
    expect(ofLarge.memoryBytes - ofSmall.memoryBytes).toBeLessThan((large.bytes - small.bytes) / 4);
  });

  it("that is damaged at its end is replayed up to there, and the offset said", () => {
    const { file, packets, bytes } = saveCapture("cut.pcap", 10);
    truncateSync(file, bytes - 1);
    const words = [ECMP, "replay", "--config", saveConfig(), "--in", file, "--json"];
    const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: "utf8" });
    expect({ status, packets: JSON.parse(stdout).packets }).toEqual({ status: 2, packets: packets - 1 });
    expect(stderr).toMatch(
      new RegExp(`^${file}: offset ${bytes - 958}: record of at least \\d+ bytes, but the file ends after \\d+;`),
    );
  });
});

it("says on a terminal how far it is, and nothing of it in the end", { timeout: 60_000 }, () => {
  const { file } = saveCapture("some.pcap", 30);
  const command = `"${process.execPath}" "${ECMP}" replay --config "${saveConfig()}" --in "${file}" --threads 1 --json > "${path("report.json")}"`;
  const { status, stdout } = spawnSync("script", ["--quiet", "--return", "--command", command, "/dev/null"], {
    encoding: "utf8",
  });
  expect(status).toBe(0);
  const shown = stdout.split("\r\u001b[K");
  expect([shown.at(0), shown.at(-1)]).toEqual(["", ""]);
  const percents = shown.slice(1, -1).map((text) => Number(/^.*some\.pcap: (\d+) %$/.exec(text)?.[1]));
  expect(percents.length).toBeGreaterThan(5);
  expect(percents).toEqual([...new Set(percents)].sort((a, b) => a - b));
  expect(percents.at(-1)).toBe(100);
});
