/**
 * `ecmp balance` and `ecmp disrupt` of a capture against `ecmp replay` of it: the packets that next hops get are the same,
 * whatever a hash makes of fragments, ICMP errors, tunnels and flow labels.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { balanceCommand } from "#src/commands/balance.ts";
import { disruptCommand } from "#src/commands/disrupt.ts";
import { type HashFlags, hashOf, routerOf } from "#src/commands/hash-flags.ts";
import { replayCapture } from "#src/experiment/replay.ts";
import { makePacket, makePacket6, tagFrame } from "../dataplane/packets.ts";
import { sketchState } from "../experiment/state.ts";
import { makePcap, type TestRecord } from "../pcap/captures.ts";
import { run, useFolder } from "./command.ts";

const folder = useFolder("capture-replay");
const MEMBERS = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"];
const ETHERNET = 14;
const COUNT = 60;

/** `inner`, an IP packet, as what lies `at` bytes behind the IPv4 header of a packet of this protocol. */
function carry(protocol: number, inner: Buffer, head = Buffer.alloc(0), packet = {}): Buffer {
  const payload = Buffer.concat([head, inner]);
  const frame = makePacket({ protocol, payloadBytes: payload.length - 8, ...packet });
  payload.copy(frame, ETHERNET + 20);
  return frame;
}

const ipOf = (frame: Buffer): Buffer => frame.subarray(ETHERNET);

const KINDS: readonly ((i: number) => Buffer)[] = [
  (i) => makePacket({ sourcePort: 1000 + (i % 40), payloadBytes: i }),
  (i) => tagFrame(makePacket({ sourcePort: 2000 + i, protocol: 17 }), { id: 100 }),
  (i) => makePacket({ sourcePort: 3000 + i, protocol: 17, fragment: 0x2000 }),
  (i) => makePacket({ sourcePort: 4000 + i, source: `10.0.2.${1 + (i % 9)}`, protocol: 17, fragment: 100 }),
  (i) => makePacket({ sourcePort: 5000 + i, options: Uint8Array.of(1, 1, i, 1) }),
  // IP in IP, and an ICMP error about a packet of a flow (RFC 792: unreachable).
  (i) => carry(4, ipOf(makePacket({ source: "192.168.0.1", destination: `192.168.1.${1 + i}`, sourcePort: 6000 + i }))),
  (i) =>
    carry(
      1,
      ipOf(makePacket({ source: "198.51.100.10", destination: "10.0.1.2", sourcePort: 7000 + i })),
      Buffer.of(3, 1, 0, 0, 0, 0, 0, 0),
    ),
  (i) => makePacket6({ flowLabel: 1 + i * 77, sourcePort: 80 }),
  (i) =>
    makePacket6({ sourcePort: 8000 + i, protocol: 17, extensions: [{ type: 44, body: Uint8Array.of(0, 0, 1, 0, 0, 0, i) }] }),
  (i) => makePacket({ sourcePort: 9000 + i, from: `0200000000${(16 + i).toString(16)}` }),
  (i) => makePacket({ sourcePort: i, ttl: 1 }),
  () => makePacket({ ethertype: 0x0806 }),
];

const RECORDS: readonly TestRecord[] = KINDS.flatMap((make) => Array.from({ length: COUNT }, (_, i) => ({ bytes: make(i) })));

let file: string;
let warnings: string[];
beforeEach(() => {
  file = folder.save("mixture.pcap", makePcap(RECORDS));
  warnings = [];
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    warnings.push(String(text));
    return true;
  });
});

afterEach(() => vi.restoreAllMocks());

interface Load {
  readonly address: string;
  readonly packets: number;
  readonly bytes: number;
}

const loadsOf = (hops: readonly Load[]): Load[] => hops.map(({ address, packets, bytes }) => ({ address, packets, bytes }));

const flagsOf = ({ profile, hash, fields, hashOption = {} }: HashFlags): string[] => [
  ...(profile === undefined ? [] : ["--profile", profile]),
  ...(hash === undefined ? [] : ["--hash", hash]),
  ...(fields === undefined ? [] : ["--fields", fields.join()]),
  ...Object.entries(hashOption).flatMap(([name, value]) => ["--hash-option", `${name}=${value}`]),
];

/** By next hops that have every destination behind them; the second port has the tagged ones. */
async function replay(flags: HashFlags) {
  const selector = flags.profile === undefined ? "modulo" : routerOf(flags).selector.name;
  const groups = [{ prefixes: ["0.0.0.0/0", "::/0"], members: MEMBERS }];
  const state = { ...sketchState({ selector: selector as "modulo", groups }), hash: hashOf(flags) };
  return (await replayCapture({ state, capture: file, threads: 1, vlans: [0, 100] })).report;
}

const HASHES: readonly HashFlags[] = [
  {},
  { profile: "linux-l3" },
  { profile: "linux-inner" },
  { profile: "linux-custom", hashOption: { fields: 0xfc0 } },
  { profile: "katran" },
  { profile: "cilium" },
  { hashOption: { fragments: "first-with-ports" } },
  { hashOption: { fragments: "payload-as-ports", icmpErrors: "quoted" } },
  { hashOption: { icmpErrors: "quoted-addresses" } },
  { fields: ["5-tuple", "flow-label"] },
  { hash: "crc32", fields: ["source-mac", "vlan-id", "inner-source-port"] },
];

const nameOf = (flags: HashFlags): string => flagsOf(flags).join(" ") || "the default hash";

describe("a capture's flows", () => {
  it.each(HASHES.map((flags) => [nameOf(flags), flags] as const))(
    "go where a replay sends its packets, by %s",
    async (_, flags) => {
      const report = await replay(flags);
      const [balance] = JSON.parse(await run(balanceCommand(), ["--in", file, "--members", "4", ...flagsOf(flags), "--json"]));
      expect(loadsOf(balance.nextHops)).toEqual(loadsOf(report.nextHops));
      expect(balance.nextHops.reduce((sum: number, { packets }: Load) => sum + packets, 0)).toBe(report.forwarded);
      const named = Object.entries({ arp: report.punted, ...report.dropped }).sort(([a], [b]) => (a < b ? -1 : 1));
      const others = named.map((pair) => pair.join(" ")).join(", ");
      expect(warnings).toEqual([
        `warning: ${file}: of ${RECORDS.length} packets a router does not forward, and no flow has: ${others}\n`,
      ]);
    },
  );

  it("are the same to disrupt and to balance", async () => {
    const words = ["--in", file, "--members", "4", "--profile", "linux-inner", "--json"];
    const [balance] = JSON.parse(await run(balanceCommand(), words));
    const rows = JSON.parse(await run(disruptCommand(), [...words, "--remove", "2", "--per-member"]));
    const before = rows.map(({ address, flowsBefore }: { address: string; flowsBefore: number }) => [address, flowsBefore]);
    expect(before).toEqual(balance.nextHops.map(({ address, flows }: { address: string; flows: number }) => [address, flows]));
  });

  it("are, by given routes, what these send to next hops; what becomes of the rest is named as in a replay", async () => {
    const destinations = [
      ...["198.51.100.10", "198.51.100.11", "198.51.100.200", "198.51.100.201", "10.0.0.254", "10.0.0.77", "192.0.2.1"],
      ...["198.51.100.12", "203.0.113.9"],
    ];
    const capture = makePcap(destinations.map((destination) => ({ bytes: makePacket({ destination }) })));
    const sketch = sketchState({ selector: "modulo", groups: [{ prefixes: ["198.51.100.0/24"], members: MEMBERS }] });
    const state = {
      ...sketch,
      actions: [
        { prefix: "198.51.100.128/25", action: "blackhole" as const },
        { prefix: "203.0.113.0/24", action: "unreachable" as const },
      ],
      direct: { local: ["10.0.0.254"], attached: ["10.0.0.0/24"] },
    };
    const [taken, saved] = [folder.save("routed.pcap", capture), folder.save("state.json", JSON.stringify(state))];
    const { report } = await replayCapture({ state, threads: 1, capture: taken });
    const thrown = { blackhole: 2, "next-hop-unreachable": 1, "no-route": 1 };
    expect(report).toMatchObject({ forwarded: 3, punted: 1, slow: { neighbor: 1 }, dropped: thrown });
    const words = ["--in", taken, "--members", "4", "--state", saved, "--json"];
    const [balance] = JSON.parse(await run(balanceCommand(), words));
    const [disrupt] = JSON.parse(await run(disruptCommand(), [...words, "--remove", "2"]));
    expect([balance.flows, disrupt.flows]).toEqual([3, 3]);
    const named = "blackhole 2, local 1, neighbor 1, next-hop-unreachable 1, no-route 1";
    const warning = `warning: ${taken}: of 9 packets a router does not forward, and no flow has: ${named}\n`;
    expect(warnings).toEqual([warning, warning]);
    await expect(run(balanceCommand(), ["--state", saved])).rejects.toThrow("--state: wanted only with --in");
  });

  it("are of packets that were cut only where that is asked for, and asked for of a capture alone", async () => {
    const cut = makePcap([{ bytes: makePacket().subarray(0, 38), wireLength: 62 }, { bytes: makePacket({ sourcePort: 9 }) }]);
    file = folder.save("cut.pcap", cut);
    const flowsOf = async (words: string[]) => JSON.parse(await run(balanceCommand(), [...words, "--json"]))[0].flows;
    expect(await flowsOf(["--in", file])).toBe(1);
    expect(warnings).toEqual([expect.stringMatching(/no flow has: truncated 1; .*--headers-only/)]);
    expect(await flowsOf(["--in", file, "--headers-only"])).toBe(2);
    await expect(flowsOf(["--headers-only"])).rejects.toThrow("--headers-only: wanted only with --in");
  });
});

it("fields that generated flows do not have are said, as the kernel's too", async () => {
  const words = ["--flows", "100", "--profile", "linux-custom", "--hash-option", "fields=0xfc0", "--json"];
  await run(balanceCommand(), words);
  await run(disruptCommand(), [...words, "--remove", "2"]);
  const warning = expect.stringMatching(/the hash reads inner-source-address, .*, which flows do not say: counted as zero/);
  expect(warnings).toEqual([warning, warning]);
});
