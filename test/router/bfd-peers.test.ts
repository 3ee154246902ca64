import { describe, expect, it } from "vitest";
import { readConfig } from "#src/config/read.ts";
import { parseAddress } from "#src/net/address.ts";
import { bfdPeers } from "#src/router/bfd-peers.ts";
import { reconcile } from "#src/router/reconcile.ts";

function config(neighbors: string, more = "") {
  const result = readConfig(
    `{ports: [{interface: eth0}], bgp: {asn: 64513, routerId: 10.0.0.1, ${more} neighbors: [${neighbors}]}}`,
  );
  if ("mistakes" in result) throw new Error(JSON.stringify(result.mistakes));
  return result.config;
}
const peers = (neighbors: string, more = "", members: string[] = []) =>
  bfdPeers(
    config(neighbors, more).bgp,
    members.map((text) => parseAddress(text) as number),
  );
const one = (neighbor: string, more = "") => peers(`{address: 10.0.0.2, ${neighbor}}`, more)[0];

describe("the BFD sessions that a configuration asks for", () => {
  it("are those of the neighbors that have BFD, with FRR's defaults", () => {
    expect(
      peers("{address: 10.0.0.2, remoteAsn: 1, bfd: {}, localAddress: 10.0.0.1}, {address: 10.0.0.3, remoteAsn: 1}"),
    ).toEqual([
      {
        address: 0x0a000002,
        localAddress: 0x0a000001,
        multihop: false,
        minimumTtl: 255,
        timers: { minTxMs: 300, minRxMs: 300, multiplier: 3, minEchoRxMs: 0, passive: false },
      },
    ]);
    expect(bfdPeers(undefined, [])).toEqual([]);
  });

  it("have what they say themselves, then what their profile says", () => {
    const profiles = "bfdProfiles: {quick: {minTxMs: 10, minRxMs: 20, multiplier: 5, passive: true, echo: true}},";
    expect(one("remoteAsn: 1, bfd: {profile: quick, minTxMs: 40}", profiles).timers).toEqual({
      ...{ minTxMs: 40, minRxMs: 20, multiplier: 5, minEchoRxMs: 50, passive: true },
    });
  });

  it.each([
    ["remoteAsn: 1, bfd: {minimumTtl: 200}", false, 255],
    ["remoteAsn: 1, ebgpMultihop: 2, bfd: {}", true, 254],
    ["remoteAsn: 1, ebgpMultihop: 1, bfd: {}", false, 255],
    ["remoteAsn: 1, ttlSecurity: {hops: 3}, bfd: {minimumTtl: 250}", true, 250],
    ["remoteAsn: 1, ttlSecurity: {}, bfd: {}", false, 255],
    ["remoteAsn: 64513, bfd: {}", true, 254],
    ["remoteAsn: 64513, localAsn: 9, bfd: {}", false, 255],
    ["remoteAsn: 64513, bfd: {multihop: false}", false, 255],
    ["remoteAsn: 1, bfd: {multihop: true}", true, 254],
  ])("%s: over many hops %s, TTL at least %i", (neighbor, multihop, minimumTtl) => {
    expect(one(neighbor)).toMatchObject({ multihop, minimumTtl });
  });

  it("have no echo over many hops", () => {
    expect(one("remoteAsn: 1, bfd: {echo: true, multihop: true}").timers.minEchoRxMs).toBe(0);
  });

  it("are those of members of a range, too, while they are there", () => {
    const range = "dynamicNeighbors: [{prefix: 10.0.1.0/24, remoteAsn: 1, bfd: {}}],";
    expect(peers("", range)).toEqual([]);
    expect(peers("", range, ["10.0.1.7", "10.0.2.7"]).map(({ address }) => address)).toEqual([0x0a000107]);
  });
});

describe("a change of BFD", () => {
  const kinds = (before: string, after: string) => reconcile(config(before), config(after)).map(({ kind }) => kind);
  const plain = "{address: 10.0.0.2, remoteAsn: 1}";
  const watched = "{address: 10.0.0.2, remoteAsn: 1, bfd: {}}";

  it("touches nothing else", () => {
    expect(kinds(plain, watched)).toEqual(["configure-bfd"]);
    expect(kinds(watched, plain)).toEqual(["configure-bfd"]);
    expect(kinds(watched, "{address: 10.0.0.2, remoteAsn: 1, bfd: {multiplier: 4}}")).toEqual(["configure-bfd"]);
    expect(kinds(watched, watched)).toEqual([]);
  });

  it("is none where the profile that changes is nobody's", () => {
    const [before, after] = ["bfdProfiles: {a: {}},", "bfdProfiles: {a: {minTxMs: 50}},"].map((profiles) =>
      config(plain, profiles),
    );
    expect(reconcile(before, after)).toEqual([]);
  });

  it("comes after the sessions at a start, and at a stop", () => {
    expect(
      reconcile(undefined, config(watched))
        .map(({ kind }) => kind)
        .slice(-2),
    ).toEqual(["add-neighbor", "configure-bfd"]);
    expect(reconcile(config(watched), undefined).map(({ kind }) => kind)).toEqual([
      "stop-speaker",
      "stop-dataplane",
      "release-namespace",
      "configure-bfd",
    ]);
  });
});
