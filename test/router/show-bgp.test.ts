/** What a neighbor has said of itself, as `show bgp` has it, for scripts and for people. */
import { expect, it } from "vitest";
import { formatShown } from "#src/commands/show-text.ts";
import { createRib } from "#src/rib/table.ts";
import { describeNeighbor, formatPeer, summarizeNeighbors } from "#src/router/show-bgp.ts";
import { asnOf, B, established } from "../speaker/loopback.ts";

it("names a neighbor as it names itself, and has the bytes of a capability that nobody knows", async () => {
  const { a } = await established(
    {},
    {
      capabilities: [
        { name: "four-octet-as", asn: asnOf[B] },
        { name: "fqdn", hostname: "n1", domain: "example.org" },
        { name: "unknown", code: 239, value: Uint8Array.of(0xc0, 0xff, 0xee) },
        { name: "unknown", code: 240, value: new Uint8Array(0) },
      ],
    },
  );
  const neighbor = a.neighbor(B);
  const { peerPaths } = createRib();
  const shown = describeNeighbor(neighbor, peerPaths(B), 0, 0);
  expect(shown).toMatchObject({ hostname: "n1", domainname: "example.org" });
  expect(shown.neighborCapabilities.received).toContainEqual({ name: "unknown", code: 239, value: "c0ffee" });
  const text = formatShown(["bgp", "neighbors"], { [formatPeer(B)]: shown });
  expect(text).toContain("\n  Hostname: n1.example.org\n");
  expect(text).toContain("\n  Capabilities received: four-octet-as, fqdn, code 239 (c0ffee), code 240\n");
  const { peers } = summarizeNeighbors(undefined, [neighbor], peerPaths, () => 0, 0);
  expect(peers[formatPeer(B)]).toMatchObject({ hostname: "n1" });
});
