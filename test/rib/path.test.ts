import { describe, expect, it } from "vitest";
import type { PathAttributes } from "#src/bgp/path.ts";
import { createPathSets, type Path } from "#src/rib/path.ts";
import type { RoutePeer } from "#src/rib/route.ts";

const PEER: RoutePeer = { address: 0x0a000001, asn: 65001, routerId: 1, type: "external", epoch: 1 };
const PLAIN: PathAttributes = { origin: 0, asPath: [{ type: 2, asns: [65001] }], nextHop: 0x0a000001 };
/** More than have one hash and are found all the same. */
const MANY = 64;

type Variant = (n: number) => Partial<PathAttributes>;

const fields: { readonly [Field in Exclude<keyof PathAttributes, "origin" | "atomicAggregate">]: Variant } = {
  asPath: (n) => ({ asPath: [{ type: 2, asns: [65001, n] }] }),
  nextHop: (n) => ({ nextHop: `fe80${n.toString(16).padStart(28, "0")}%eth0` }),
  multiExitDiscriminator: (multiExitDiscriminator) => ({ multiExitDiscriminator }),
  localPreference: (localPreference) => ({ localPreference }),
  aggregator: (n) => ({ aggregator: { asn: 1, address: n } }),
  communities: (n) => ({ communities: [1, 2 ** 31 + n] }),
  extendedCommunities: (n) => ({ extendedCommunities: Uint8Array.of(0, 2, 0, 0, 0, 0, 0, n) }),
  largeCommunities: (n) => ({ largeCommunities: [[1, 2, n]] }),
  originatorId: (originatorId) => ({ originatorId }),
  clusterList: (n) => ({ clusterList: [n] }),
  onlyToCustomer: (onlyToCustomer) => ({ onlyToCustomer }),
  unrecognized: (n) => ({ unrecognized: [{ type: 99, flags: 0xe0, value: Uint8Array.of(n) }] }),
};

const newSets = () => createPathSets<string>({ decide: () => "", isSame: (a, b) => a === b });

describe("paths", () => {
  it.each(Object.entries(fields))("that differ in %s alone are all found again", (_, variant) => {
    const sets = newSets();
    const said = (n: number): Path => ({ peer: PEER, attributes: { ...PLAIN, ...variant(n) }, isBlackhole: false });
    const kept = Array.from({ length: MANY }, (_, n) => sets.path(said(n), "ipv4"));
    expect(new Set(kept).size).toBe(MANY);
    expect(kept.filter((path, n) => sets.path(said(n), "ipv4") !== path)).toEqual([]);
  });

  it("are not those of another family, epoch, path identifier or judgement", () => {
    const sets = newSets();
    const path: Path = { peer: PEER, attributes: PLAIN, isBlackhole: false };
    const others = [
      sets.path(path, "ipv6"),
      sets.path({ ...path, peer: { ...PEER, epoch: 2 } }, "ipv4"),
      sets.path({ ...path, pathId: 1 }, "ipv4"),
      sets.path({ ...path, refused: "AS loop" }, "ipv4"),
      sets.path({ ...path, isBlackhole: true }, "ipv4"),
    ];
    expect(others).not.toContain(sets.path(path, "ipv4"));
    expect(new Set(others).size).toBe(others.length);
  });
});
