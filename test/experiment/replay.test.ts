/** Captures through the forwarding core: every packet is accounted for, goes where `explain` says, and threads change nothing. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createExplainer } from "#src/experiment/explain.ts";
import { replayCapture } from "#src/experiment/replay.ts";
import type { FibState } from "#src/fib/state.ts";
import { parseFlow } from "#src/net/flow.ts";
import type { TestPacket } from "../dataplane/packets.ts";
import { makePcap, makePcapng } from "../pcap/captures.ts";
import { directory, expectBalance, frame, mixture, NODES, replay, STATE, save } from "./replaying.ts";
import { sketchState } from "./state.ts";

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
    expect(Object.keys(report.dropped).sort()).toEqual(["group-mac", "no-route", "ttl-expired"]);
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
    expect(report.unknownLinkTypes).toEqual([{ linkType: 105, packets: 1 }]);
    expect(report).toMatchObject({ packets: 3, bytes: 62 + 62 + 30, forwarded: 1 });
  });
});
