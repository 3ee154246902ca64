/**
 * The running router when BGP brings more next hops than the router that it imitates has places for: EOS with a capacity of 16 and
 * 17 neighbors. The group goes by the hash's remainder, the event, the metric and what is shown say so, and it comes back.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeMessage } from "#src/bgp/message.ts";
import { SEGMENT } from "#src/bgp/path.ts";
import { formatAddress } from "#src/net/address.ts";
import { ECMP, Host, type Program, start } from "../common/host.ts";
import { inNamespace, run } from "../common/namespace.ts";
import { RawPeer } from "../speaker/raw-peer.ts";
import { address, eventually } from "../speaker/recorder.ts";

const CAPACITY = 16;
const PEERS = Array.from({ length: CAPACITY + 1 }, (_, i) => ({
  own: address(`10.255.0.${i + 1}`),
  asn: 65001 + i,
  nextHop: address(`10.0.8.${i + 11}`),
}));
const OURS = address("10.0.8.1");
const SERVICE = "20.0.0.1";
const METRICS = "127.0.0.1:9181";
const DEADLINE_MS = 30_000;

await inNamespace(import.meta.url, () => {
  const folder = mkdtempSync(join(tmpdir(), "ecmp-refused-"));
  const control = join(folder, "control.sock");
  let host: Host;
  let router: Program;
  const peers: RawPeer[] = [];

  const ecmp = (...words: string[]): string =>
    spawnSync(process.execPath, [ECMP, ...words, "--control", control], { encoding: "utf8" }).stdout;
  const group = () => {
    const { groups } = JSON.parse(ecmp("show", "groups", "--json"));
    return groups.find(({ prefixes }: { prefixes: string[] }) => prefixes.includes("20.0.0.0/24"));
  };
  const memberCount = (): number => group()?.members.length ?? 0;
  const refusedGroups = async (): Promise<string | undefined> =>
    /^ecmp_groups_refused (\d+)$/m.exec(await (await fetch(`http://${METRICS}/metrics`)).text())?.[1];
  const events = () =>
    ecmp("show", "events", "--json")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
      .filter(({ kind }) => kind === "group-refused");

  const announce = (index: number): void => {
    const { own, asn, nextHop } = PEERS[index];
    peers[index] = RawPeer.dial(own, OURS, 179);
    peers[index].open(asn, own);
    const attributes = { origin: 0, asPath: [{ type: SEGMENT.sequence, asns: [asn] }], nextHop } as const;
    const prefixes = [{ address: address("20.0.0.0"), length: 24 }];
    peers[index].write(...encodeMessage({ kind: "update", withdrawn: [], announcements: [{ prefixes, attributes }] }, 4));
  };

  beforeAll(async () => {
    run("ip link set lo up");
    host = await Host.create("port0", "10.0.8.11/24", "10.0.8.1");
    run("ip address add 10.0.8.1/24 dev port0");
    for (const { own } of PEERS) run(`ip address add ${formatAddress(own)}/32 dev lo`);
    const neighbors = PEERS.map(({ own, asn }) => `{address: ${formatAddress(own)}, remoteAsn: ${asn}, passive: true}`);
    writeFileSync(
      join(folder, "router.yaml"),
      `ports: [{interface: port0}]
ecmp: {profile: arista-recmp}
bgp: {asn: 65000, routerId: 10.0.8.1, multipathRelax: true, accept: ["20.0.0.0/8 le 24"], neighbors: [${neighbors.join(", ")}]}
`,
    );
    router = start([process.execPath, ECMP, "run", join(folder, "router.yaml"), "--control", control, "--metrics", METRICS]);
    expect(await router.line()).toBe("ready");
  });
  afterAll(() => {
    for (const peer of peers) peer.socket.destroy();
    router.child.kill("SIGKILL");
    host.end();
    rmSync(folder, { recursive: true });
  });

  test("a group that its selector cannot serve is said, and goes on", { timeout: 90_000 }, async () => {
    for (let index = 0; index < CAPACITY; index++) announce(index);
    await eventually("all places taken", () => memberCount() === CAPACITY, DEADLINE_MS);
    expect([events(), await refusedGroups(), group().refusal]).toEqual([[], "0", undefined]);

    announce(CAPACITY);
    await eventually("one more than there are places", () => memberCount() === CAPACITY + 1, DEADLINE_MS);
    const because = "Cannot fill an arista-recmp table: 17 members, wanted at most its capacity 16";
    expect(events()).toMatchObject([{ group: group().id, because }]);
    expect([await refusedGroups(), group().refusal, group().owners.length]).toEqual(["1", because, CAPACITY + 1]);
    expect(ecmp("show", "groups")).toContain(`group ${group().id} goes by the hash's remainder: ${because}`);
    const flow = `tcp 172.16.0.1:40000 ${SERVICE}:80`;
    expect(JSON.parse(ecmp("explain", "--live", "--flow", flow, "--json")).rule).toMatch(`(modulo), because: ${because}`);

    peers[CAPACITY].socket.destroy();
    await eventually("places for all again", () => memberCount() === CAPACITY, DEADLINE_MS);
    expect([events().length, await refusedGroups(), group().refusal]).toEqual([1, "0", undefined]);
    expect(group().owners.length).toBe(CAPACITY * 8);
  });
});
