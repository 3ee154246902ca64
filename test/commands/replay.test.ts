import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { makePacket } from "../dataplane/packets.ts";
import { makePcap, makePcapng } from "../pcap/captures.ts";

const directory = mkdtempSync(join(tmpdir(), "ecmp-replay-command-"));
afterAll(() => rmSync(directory, { recursive: true }));
const path = (name: string): string => join(directory, name);
const MAIN = new URL("../../dist/src/main.js", import.meta.url).pathname;
const ecmp = (...words: string[]) => spawnSync(process.execPath, [MAIN, "replay", ...words], { encoding: "utf8" });

const capture = makePcap([{ bytes: makePacket() }, { bytes: makePacket({ destination: "192.0.2.1" }) }, { bytes: makePacket() }]);
writeFileSync(path("a.pcap"), capture);
writeFileSync(path("cut.pcap"), capture.subarray(0, capture.length - 1));
writeFileSync(path("10.0.0.1.pcap"), capture);
writeFileSync(path("state.json"), "{}");
writeFileSync(path("c.yaml"), "routes: [{prefix: 198.51.100.0/24, nextHops: [{address: 10.0.0.1}]}]\n");

const answer = {
  packets: 3,
  bytes: 186,
  forwarded: 2,
  punted: 0,
  slow: {},
  dropped: { "no-route": 1 },
  flows: 1,
  nextHops: [{ address: "10.0.0.1", packets: 2, bytes: 124, flows: 1 }],
};

it("prints the contract's JSON, keys in their order", () => {
  const { status, stdout, stderr } = ecmp("--config", path("c.yaml"), "--in", path("a.pcap"), "--json");
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: `${JSON.stringify(answer)}\n`, stderr: "" });
});

it("prints tables for people", () => {
  const { status, stdout } = ecmp("--config", path("c.yaml"), "--in", path("a.pcap"));
  expect(status).toBe(0);
  expect(stdout).toBe(`3 packets, 186 bytes, 1 flows

outcome            packets
forwarded                2
punted                   0
dropped: no-route        1
all                      3

next hop  packets  bytes  flows
10.0.0.1        2    124      1
`);
});

it("names the link types that it cannot read, and those that it can", () => {
  const linkTypes = [1, 105, 65_000];
  const [known, ...others] = [0, 1, 2, 1].map((number) => ({ bytes: makePacket(), interface: number }));
  writeFileSync(path("links.pcapng"), makePcapng([known, ...others], { linkTypes }));
  const { status, stdout, stderr } = ecmp("--config", path("c.yaml"), "--in", path("links.pcapng"), "--json");
  const report = JSON.parse(stdout);
  expect({ status, dropped: report.dropped, forwarded: report.forwarded }).toEqual({
    status: 0,
    dropped: { "link-type": 3 },
    forwarded: 1,
  });
  expect(report.unknownLinkTypes).toEqual([
    { linkType: 105, packets: 2 },
    { linkType: 65_000, packets: 1 },
  ]);
  const supported = "1 (ETHERNET), 12 (RAW of Linux), 101 (RAW), 113 (LINUX_SLL), 228 (IPV4), 229 (IPV6), 276 (LINUX_SLL2)";
  expect(stderr).toBe(
    [
      `warning: ${path("links.pcapng")}: link type 105 (IEEE802_11): 2 packets dropped, wanted one of ${supported}\n`,
      `warning: ${path("links.pcapng")}: link type 65000: 1 packet dropped, wanted one of ${supported}\n`,
    ].join(""),
  );
});

it("reports what came before damage, says where that is, and exits 2", () => {
  const { status, stdout, stderr } = ecmp("--config", path("c.yaml"), "--in", path("cut.pcap"), "--json");
  expect(status).toBe(2);
  expect(JSON.parse(stdout)).toMatchObject({ packets: 2, forwarded: 1 });
  expect(stderr).toBe(
    `${path("cut.pcap")}: offset 180: record of at least 78 bytes, but the file ends after 77; the report is of the packets before it\n`,
  );
});

it("says what is missing or unreadable, and exits 2", () => {
  const config = ["--config", path("c.yaml")];
  const rows: readonly [string[], string][] = [
    [["--in", path("a.pcap")], "wanted --config FILE or --state FILE"],
    [[...config, "--in", path("none")], `${path("none")}: there is no such file`],
    [[...config, "--in", path("c.yaml")], `${path("c.yaml")}: offset 0: the file begins with 726f7574`],
    [["--state", path("c.yaml"), "--in", path("a.pcap")], `${path("c.yaml")}: `],
    [["--state", path("state.json"), "--in", path("a.pcap")], `${path("state.json")}: Cannot use the state`],
    [
      [...config, "--in", path("10.0.0.1.pcap"), "--out", directory],
      `--out: ${directory} has 10.0.0.1.pcap, wanted a directory without captures`,
    ],
    [[...config, "--in", path("a.pcap"), "--threads", "0"], "Wanted a whole number from 1 to 64"],
  ];
  for (const [words, message] of rows) {
    const { status, stdout, stderr } = ecmp(...words);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain(message);
  }
  expect(readFileSync(path("10.0.0.1.pcap")).equals(capture)).toBe(true);
}, 60_000);

it("replays by the kernel's own hash", () => {
  writeFileSync(path("linux.yaml"), `${readFileSync(path("c.yaml"), "utf8")}ecmp: {profile: linux-l4}\n`);
  const { status, stdout } = ecmp("--config", path("linux.yaml"), "--in", path("a.pcap"), "--json");
  expect({ status, stdout }).toEqual({ status: 0, stdout: `${JSON.stringify(answer)}\n` });
});

it("ends well however many threads had nothing to do", () => {
  const { status, stdout } = ecmp("--config", path("c.yaml"), "--in", path("a.pcap"), "--threads", "64", "--json");
  expect({ status, stdout }).toEqual({ status: 0, stdout: `${JSON.stringify(answer)}\n` });
}, 60_000);

it("reads a capture from the standard input", () => {
  const words = [MAIN, "replay", "--config", path("c.yaml"), "--in", "-", "--out", path("piped"), "--json"];
  const { status, stdout } = spawnSync(process.execPath, words, { encoding: "utf8", input: capture });
  expect({ status, stdout }).toEqual({ status: 0, stdout: `${JSON.stringify(answer)}\n` });
  expect(readdirSync(path("piped"))).toEqual(["10.0.0.1.pcap"]);
});

it("says of --out what cannot be written there, and does not blame the capture", () => {
  mkdirSync(path("left"));
  for (const name of ["2001-db8--1.pcapng", "10.0.0.9.pcap", "other.pcap"]) writeFileSync(path(`left/${name}`), "kept");
  const rows: readonly [string, string][] = [
    [path("a.pcap"), `--out: ${path("a.pcap")}: EEXIST`],
    ["/proc/none", "--out: /proc/none: ENOENT"],
    [path("left"), `--out: ${path("left")} has 10.0.0.9.pcap, 2001-db8--1.pcapng, wanted a directory without captures`],
  ];
  for (const [out, message] of rows) {
    const { status, stderr } = ecmp("--config", path("c.yaml"), "--in", path("a.pcap"), "--out", out);
    expect(status).toBe(2);
    expect(stderr).toContain(message);
  }
  expect(readdirSync(path("left"))).toHaveLength(3);
}, 60_000);
