/**
 * `ecmp balance --in` and `ecmp disrupt --in` beside a file that tells of a router: without flags they judge that very router, which a
 * replay of the same capture by the same file shows; with flags it is said what is another's.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { balanceCommand } from "#src/commands/balance.ts";
import { disruptCommand } from "#src/commands/disrupt.ts";
import { hashOf } from "#src/commands/hash-flags.ts";
import { replayCommand } from "#src/commands/replay.ts";
import { loadRouter } from "#src/commands/told-router.ts";
import { PROFILES } from "#src/ecmp/profile.ts";
import type { FibState } from "#src/fib/state.ts";
import { makePacket } from "../dataplane/packets.ts";
import { sketchState } from "../experiment/state.ts";
import { makePcap } from "../pcap/captures.ts";
import { run, useFolder } from "./command.ts";

const { save } = useFolder("told-router");

const FLOWS = 400;
const packets = Array.from({ length: FLOWS }, (_, i) => ({
  bytes: makePacket({ sourcePort: 1024 + i, destination: `198.51.100.${i % 8}`, payloadBytes: i % 50 }),
}));
const HISTORY = sketchState({
  selector: "resilient",
  buckets: 64,
  seed: 9,
  groups: [
    {
      prefixes: ["198.51.100.0/24"],
      history: [
        ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"],
        ["10.0.0.2", "10.0.0.4", "10.0.0.5"],
      ],
      members: ["10.0.0.2", "10.0.0.4", "10.0.0.5", "10.0.0.7*2"],
    },
  ],
});
const ROUTES = "routes: [{prefix: 198.51.100.0/24, nextHops: [{address: 10.0.0.9, weight: 3}, {address: 10.0.0.4}]}]";

let capture: string;
let warnings: string[];
beforeEach(() => {
  capture = save("traffic.pcap", makePcap(packets));
  warnings = [];
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    warnings.push(String(text));
    return true;
  });
});
afterEach(() => vi.restoreAllMocks());

const saved = (state: FibState): string[] => ["--state", save("state.json", JSON.stringify(state))];
const configured = (ecmp: string, routes = ROUTES): string[] => ["--config", save("router.yaml", `${routes}\necmp: ${ecmp}\n`)];
const balance = async (...words: string[]) => JSON.parse(await run(balanceCommand(), ["--in", capture, ...words, "--json"]));
const disrupt = async (...words: string[]) => JSON.parse(await run(disruptCommand(), ["--in", capture, ...words, "--json"]));
const replay = async (...words: string[]) => JSON.parse(await run(replayCommand(), ["--in", capture, ...words, "--json"]));

interface Load {
  readonly address: string;
  readonly flows: number;
  readonly packets: number;
  readonly bytes: number;
}
const loadsOf = (hops: readonly Load[]): Load[] =>
  hops
    .map(({ address, flows, packets, bytes }) => ({ address, flows, packets, bytes }))
    .filter((load) => load.packets > 0)
    .sort((a, b) => (a.address < b.address ? -1 : 1));

describe("without flags", () => {
  it.each([
    ["a state whose table has been through changes", () => saved(HISTORY), "resilient", 4],
    [
      "a configuration",
      () => configured("{hash: {algorithm: crc32, seed: 0}, selector: {name: maglev, buckets: 4099}}"),
      "maglev",
      2,
    ],
    ["a profile", () => configured("{profile: linux-l4, seed: 77}"), "linux-threshold", 2],
    ["an order of its own", () => configured("{hash: {seed: 5}, selector: {name: hrw}, memberOrder: configured}"), "hrw", 2],
  ])("%s is judged as it is replayed", async (_, fileOf, selector, members) => {
    const file = fileOf();
    const report = await replay(...file);
    const [judged] = await balance(...file);
    expect(judged).toMatchObject({ selector, members, flows: FLOWS });
    expect(loadsOf(judged.nextHops)).toEqual(loadsOf(report.nextHops));
    const flowsOf = (address: string): number => report.nextHops.find((hop: Load) => hop.address === address)?.flows ?? 0;
    const [removed] = await disrupt(...file, "--remove", "2");
    expect(removed).toMatchObject({ selector, members, unavoidable: flowsOf(judged.nextHops[1].address) });
    expect(warnings).toEqual([]);
  });

  it("groups of different next hops are refused, but with --members", async () => {
    const two = sketchState({
      selector: "modulo",
      groups: [
        { prefixes: ["198.51.100.0/25", "192.0.2.0/24"], members: ["10.0.0.1"] },
        { prefixes: ["203.0.113.0/24"], members: ["10.0.0.2", "10.0.0.3"] },
      ],
    });
    const message = "state.json: 2 groups of next hops, wanted one, or --members: ";
    const groups = "198.51.100.0/25 over 10.0.0.1; 203.0.113.0/24 over 10.0.0.2, 10.0.0.3";
    await expect(balance(...saved(two))).rejects.toThrow(message + groups);
    await expect(disrupt(...saved(two), "--add")).rejects.toThrow(message);
    await expect(balance(...saved({ ...two, groups: [] }))).rejects.toThrow("no route to next hops, wanted one, or --members");
    expect(await balance(...saved(two), "--members", "10.0.0.3,10.0.0.2")).toMatchObject([{ members: 2, flows: FLOWS }]);
    expect(warnings).toEqual([]);
  });
});

describe("flags beside a file", () => {
  it("count alone, all else is the file's, and what is another's is said", async () => {
    const file = saved(HISTORY);
    const another = (what: string, flags: string): string =>
      `warning: ${file[1]}: has another ${what} than by ${flags}, which counts\n`;
    const seeded = await balance(...file, "--hash-seed", "8");
    expect(seeded).toEqual(
      await balance("--state", save("other.json", JSON.stringify({ ...HISTORY, hash: { ...HISTORY.hash, seed: 8 } }))),
    );
    expect(warnings.splice(0)).toEqual([another("hash", "--hash-seed")]);

    const [, resilient] = await balance(...file, "--selector", "modulo,resilient");
    expect(resilient).toEqual((await balance(...file))[0]);
    await balance(...file, "--hash", "xxh32", "--hash-seed", "9", "--buckets", "64", "--member-order", "address");
    expect(warnings.splice(0)).toEqual([]);

    const [larger] = await balance(...file, "--buckets", "128");
    expect(larger).toMatchObject({ selector: "resilient", members: 4 });
    const [even] = await balance(...file, "--weights", "1,1,1,1");
    expect(even.nextHops.map(({ address, weight }: { address: string; weight: number }) => [address, weight])).toEqual(
      ["10.0.0.2", "10.0.0.4", "10.0.0.5", "10.0.0.7"].map((address) => [address, 1]),
    );
    await disrupt(...file, "--profile", "linux-l4", "--members", "4", "--remove", "1");
    expect(warnings).toEqual([
      another("selector", "--buckets"),
      another("set of next hops", "--weights"),
      another("hash", "--profile"),
      another("selector", "--profile"),
      another("member order", "--profile"),
      another("set of next hops", "--members"),
    ]);
    await expect(balance(...file, "--weights", "1,2")).rejects.toThrow("one for each of the next hops of ");
  });

  it("say of a hash what they say, whoever's it is", () => {
    const hashes = [
      ...[...PROFILES.keys()].map((profile) => `{profile: ${profile}}`),
      "{profile: linux-l4, seed: 3, socketHash: 7}",
      "{profile: linux-custom, seed: 3, fields: 0x3}",
      "{hash: {algorithm: toeplitz, fields: [source-address, protocol], masks: {source-address: {ipv4: 24}}, offset: 3}}",
      "{hash: {symmetric: true, seed: 4, fragments: first-with-ports, icmpErrors: quoted}}",
    ];
    for (const ecmp of hashes) {
      const router = loadRouter({ config: configured(ecmp)[1] });
      const own = JSON.parse(JSON.stringify(router?.hash));
      // A flag that says nothing, and one that says what the file says.
      for (const flags of [{ hashOption: {} }, ...(own.seed === 0 ? [] : [{ hashSeed: own.seed }])])
        expect(JSON.parse(JSON.stringify(hashOf({ router, ...flags }))), ecmp).toEqual(own);
    }
  });

  it("that leave no place for what the file says are refused by it", async () => {
    const masked = configured("{hash: {fields: [source-address], masks: {source-address: {ipv4: 24}}}}");
    await expect(balance(...masked, "--fields", "destination-address")).rejects.toThrow(
      `${masked[1]}: masks of the hash: {"source-address":{"ipv4":24}}, wanted no mask of a field that is not hashed`,
    );
    expect(await balance(...masked, "--hash", "crc32", "--fields", "source-address")).toMatchObject([{ flows: FLOWS }]);
  });
});

it("each row of JSON has what of a capture is in no flow, and CSV has the same columns as ever", async () => {
  const arp = { bytes: makePacket({ ethertype: 0x0806 }) };
  const elsewhere = { bytes: makePacket({ destination: "192.0.2.1" }) };
  capture = save("more.pcap", makePcap([...packets, arp, elsewhere, elsewhere]));
  const file = configured("{}");
  const notForwarded = { arp: 1, "no-route": 2 };
  const counted = { packets: FLOWS + 3, notForwarded };
  const rows = [
    ...(await balance(...file, "--selector", "modulo,hrw")),
    ...(await balance(...file, "--tiers", "2")),
    ...(await disrupt(...file, "--add")),
    ...(await disrupt(...file, "--add", "--per-member")),
  ];
  expect(rows.map((row: { capture: object }) => row.capture)).toEqual(rows.map(() => counted));
  for (const make of [balanceCommand, disruptCommand]) {
    const words = ["--in", capture, ...file, ...(make === disruptCommand ? ["--add"] : []), "--csv"];
    expect((await run(make(), words)).split("\n")[0]).not.toContain("capture");
  }
});
