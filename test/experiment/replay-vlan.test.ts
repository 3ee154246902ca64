/** Captures with VLAN tags, by the ports of a router: which frames are whose, and that they go on as untagged ones do. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readConfig } from "#src/config/read.ts";
import type { Config } from "#src/config/schema.ts";
import { vlansOfConfig } from "#src/experiment/configured.ts";
import { type ReplayOptions, replayCapture } from "#src/experiment/replay.ts";
import { tagFrame } from "../dataplane/packets.ts";
import { makePcap, makePcapng, type TestRecord } from "../pcap/captures.ts";
import { directory, frame, mixture, replay, STATE, save } from "./replaying.ts";

/** As a file has them: `{interface: a, vlan: 10}`, or with two of them. */
const vlansOf = (...ports: readonly string[]) => {
  const text = `ports: [${ports.map((vlan, i) => `{interface: p${i}${vlan === "" ? "" : `, vlan: ${vlan}`}}`).join(", ")}]\n`;
  return vlansOfConfig((readConfig(text) as { config: Config }).config);
};

const packets = mixture(600, 21);
const plain = packets.map((packet): TestRecord => ({ bytes: frame(packet) }));
const tagged = (...tags: Parameters<typeof tagFrame>[1][]) =>
  packets.map((packet): TestRecord => ({ bytes: tagFrame(frame(packet), ...tags) }));
const TAG_BYTES = 4;

const readTagged = (folder: string): string[] =>
  readdirSync(folder).flatMap((file) => {
    const words = ["-r", join(folder, file), "-n", "-e", "vlan"];
    return execFileSync("tcpdump", words, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })
      .split("\n")
      .filter(Boolean);
  });

describe("a capture with VLAN tags", () => {
  const one = { id: 10 };
  const service = { type: 0x88a8, id: 20 };
  const rows: readonly [string, string[], ReturnType<typeof tagged>, number][] = [
    ["one tag", ["", "10"], tagged(one), 1],
    ["two tags", ["10", "[20, 10]"], tagged(service, one), 2],
    ["a priority and no VLAN", ["10", ""], tagged({ id: 0xe000 }), 1],
    ["a priority above the VLAN's", ["10"], tagged({ id: 0x6000 + 10 }), 1],
  ];

  it.each(rows)("of %s goes where the same packets go without, from the port that has it", async (name, ports, records, tags) => {
    for (const make of [makePcap, makePcapng]) {
      const untagged = join(directory, `plain, ${name} ${make.name}`);
      const out = join(directory, `tagged, ${name} ${make.name}`);
      const wanted = (await replay(make(plain), { directory: untagged })).report;
      const { report } = await replay(make(records), { vlans: vlansOf(...ports), directory: out });
      expect(report).toEqual({ ...wanted, bytes: wanted.bytes + TAG_BYTES * tags * packets.length });
      for (const file of readdirSync(untagged))
        expect(readFileSync(join(out, file)).equals(readFileSync(join(untagged, file)))).toBe(true);
      expect(readTagged(out)).toEqual([]);
    }
  });

  const dropped = async (records: readonly TestRecord[], options: Partial<ReplayOptions>) =>
    (await replay(makePcap(records), options)).report.dropped;

  it("is nobody's where no port has them, and an untagged one where all have", async () => {
    const all = packets.length;
    expect(await dropped(tagged(one), {})).toEqual({ "vlan-tagged": all });
    expect(await dropped(tagged(one), { vlans: vlansOf("") })).toEqual({ "vlan-tagged": all });
    expect(await dropped(tagged(one), { vlans: vlansOf("11", "[10, 20]", "") })).toEqual({ "vlan-tagged": all });
    expect(await dropped(tagged(service, one), { vlans: vlansOf("20", "[10, 20]") })).toEqual({ "vlan-tagged": all });
    expect(await dropped(tagged(one, one, one), { vlans: vlansOf("10") })).toEqual({ "vlan-tagged": all });
    expect(await dropped(plain, { vlans: vlansOf("10", "20") })).toEqual({ "vlan-missing": all });
  });

  it("is told apart packet by packet, and hashed by its VLAN and its port", async () => {
    const frames = Array.from({ length: 40 }, (_, i) => {
      const packet = frame({ destination: "198.51.100.10" });
      return { bytes: i % 2 === 0 ? tagFrame(packet, { id: 10 + (i % 8) }) : packet };
    });
    const vlans = vlansOf("10", "", "12", "14", "16");
    const byVlan = { ...STATE, hash: { ...STATE.hash, fields: ["vlan-id"] } };
    const byPort = { ...STATE, hash: { ...STATE.hash, fields: ["ingress-port"] } };
    const reports = [];
    for (const state of [byVlan, byPort]) {
      const { report } = await replayCapture({ state, threads: 1, capture: save(makePcap(frames)), vlans });
      expect(report.forwarded).toBe(40);
      // One flow, which goes as many ways as there are VLANs and ports to tell by.
      expect(report.flows).toBe(1);
      expect(report.nextHops.filter(({ packets }) => packets > 0).length).toBeGreaterThan(1);
      reports.push(report);
    }
    expect(reports[0]).not.toEqual(reports[1]);
  });

  it("may be of another link than Ethernet", async () => {
    const ip = frame().subarray(14);
    const cooked = (tag: string) => Buffer.concat([Buffer.from(`0000000100060200000000c10000${tag}`, "hex"), ip]);
    const file = makePcapng(
      [
        { bytes: cooked("8100000a0800") },
        { bytes: cooked("8100000b0800") },
        { bytes: cooked("0800") },
        { bytes: ip, interface: 1 },
      ],
      { linkTypes: [113, 101] },
    );
    const { report } = await replay(file, { vlans: vlansOf("10") });
    // Of what has no link header nobody knows the tags.
    expect(report).toMatchObject({ packets: 4, forwarded: 2, dropped: { "vlan-tagged": 1, "vlan-missing": 1 } });
  });
});
