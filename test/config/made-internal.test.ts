import { expect, test } from "vitest";
import { findMadeInternal } from "#src/config/made-internal.ts";
import { readConfig } from "#src/config/read.ts";

test("whose own AS is ours to them is warned of, by a number only and not where it is ours anyway", () => {
  const result = readConfig(`
bgp:
  asn: 64513
  routerId: 10.0.0.1
  neighbors:
    - {address: 10.0.0.2, remoteAsn: 64512, localAsn: 64512}
    - {address: 10.0.0.3, remoteAsn: 64512, localAsn: 64999}
    - {address: 10.0.0.4, remoteAsn: 64513, localAsn: 64513}
    - {address: 10.0.0.5, remoteAsn: internal, localAsn: 64512}
  dynamicNeighbors: [{prefix: 10.0.1.0/24, remoteAsn: 64999, localAsn: 64999}]
`);
  if ("mistakes" in result || !result.config.bgp) throw new Error("wanted a configuration with bgp");
  const internal = "the neighbor's own AS, makes it internal: without an accept all its routes are taken";
  expect(findMadeInternal(result.config.bgp)).toEqual([
    `bgp.neighbors[0].localAsn: 64512, ${internal}`,
    `bgp.dynamicNeighbors[0].localAsn: 64999, ${internal}`,
  ]);
});
