/**
 * The running router with eight neighbors that announce one table: all prefixes end in one group of eight, at its size from the
 * first to the last; a neighbor that goes takes its member out of that group, and comes back.
 *
 *   eight peers of ours, 10.255.0.1 to 8, announce next hops 10.0.8.11 to 18 -- port0 10.0.8.1 -- a host that has these
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

const PEERS = Array.from({ length: 8 }, (_, i) => ({
  own: address(`10.255.0.${i + 1}`),
  asn: 65001 + i,
  nextHop: address(`10.0.8.${i + 11}`),
}));
const OURS = address("10.0.8.1");
const PREFIXES = 10_000;
const SETS = 100;
const DEADLINE_MS = 60_000;

interface GroupView {
  readonly prefixes: readonly string[];
  readonly members: readonly { readonly address: string }[];
}

/** The same table from each, but for whose path it is and where it leads. */
function table({ asn, nextHop }: (typeof PEERS)[number]): Uint8Array[] {
  const each = PREFIXES / SETS;
  return Array.from({ length: SETS }, (_, set) => {
    const prefixes = Array.from({ length: each }, (_, i) => ({ address: 0x14000000 + (set * each + i) * 256, length: 24 }));
    const asPath = [{ type: SEGMENT.sequence, asns: [asn, 64000 + (set % 100)] }];
    const attributes = { origin: 0, asPath, nextHop, communities: [set] } as const;
    return encodeMessage({ kind: "update", withdrawn: [], announcements: [{ prefixes, attributes }] }, 4);
  }).flat();
}

await inNamespace(import.meta.url, () => {
  const folder = mkdtempSync(join(tmpdir(), "ecmp-multipath-"));
  const control = join(folder, "control.sock");
  let host: Host;
  let router: Program;
  const peers: RawPeer[] = [];

  const show = <Value>(...words: string[]): Value => {
    const command = [ECMP, "show", ...words, "--json", "--control", control];
    return JSON.parse(spawnSync(process.execPath, command, { encoding: "utf8", maxBuffer: 1 << 26 }).stdout);
  };
  /** Of what was announced: the size of each group, and where it leads. */
  const groups = () =>
    show<{ groups: GroupView[] }>("groups")
      .groups.map(({ prefixes, members }) => ({
        size: prefixes.filter((prefix) => prefix.startsWith("20.")).length,
        members: members.map((member) => member.address),
      }))
      .filter(({ size }) => size > 0);
  const received = () => {
    const summary = show<{ peers: Record<string, { pfxRcd: number }> }>("bgp", "summary");
    return Object.values(summary.peers).map(({ pfxRcd }) => pfxRcd);
  };
  const nextHops = (those: typeof PEERS) => those.map(({ nextHop }) => formatAddress(nextHop));

  const announce = (index: number): void => {
    const { own, asn } = PEERS[index];
    peers[index] = RawPeer.dial(own, OURS, 179);
    peers[index].open(asn, own);
    peers[index].write(...table(PEERS[index]));
  };

  beforeAll(async () => {
    run("ip link set lo up");
    host = await Host.create("port0", "10.0.8.11/24", "10.0.8.1");
    run("ip address add 10.0.8.1/24 dev port0");
    for (const { own, nextHop } of PEERS) {
      run(`ip address add ${formatAddress(own)}/32 dev lo`);
      if (nextHop !== PEERS[0].nextHop) host.run(`ip address add ${formatAddress(nextHop)}/24 dev eth0`);
    }
    const neighbors = PEERS.map(({ own, asn }) => `{address: ${formatAddress(own)}, remoteAsn: ${asn}, passive: true}`);
    writeFileSync(
      join(folder, "router.yaml"),
      `ports: [{interface: port0}]
bgp: {asn: 65000, routerId: 10.0.8.1, multipathRelax: true, accept: ["20.0.0.0/8 le 24"], neighbors: [${neighbors.join(", ")}]}
`,
    );
    router = start([process.execPath, ECMP, "run", join(folder, "router.yaml"), "--control", control]);
    expect(await router.line()).toBe("ready");
  });
  afterAll(() => {
    for (const peer of peers) peer.socket.destroy();
    router.child.kill("SIGKILL");
    host.end();
    rmSync(folder, { recursive: true });
  });

  test("a table of eight neighbors is one group of eight, of seven when one goes, and of eight again", {
    timeout: 200_000,
  }, async () => {
    for (const index of PEERS.keys()) announce(index);
    await eventually("eight tables", () => received().every((count) => count === PREFIXES), DEADLINE_MS);
    expect(groups()).toEqual([{ size: PREFIXES, members: nextHops(PEERS) }]);
    peers[3].socket.destroy();
    await eventually("its loss", () => received()[3] === 0, DEADLINE_MS);
    expect(groups()).toEqual([{ size: PREFIXES, members: nextHops(PEERS.filter((_, index) => index !== 3)) }]);
    announce(3);
    await eventually("its return", () => received()[3] === PREFIXES, DEADLINE_MS);
    expect(groups()).toEqual([{ size: PREFIXES, members: nextHops(PEERS) }]);
  });
});
