/** What the OPEN of a peer must say, and what both sides agree on by it. */
import { describe, expect, test } from "vitest";
import { ADD_PATH, type Capability } from "#src/bgp/capabilities.ts";
import { AFI } from "#src/bgp/iana.ts";
import { IPV4_UNICAST, IPV6_UNICAST } from "#src/bgp/nlri.ts";
import type { OpenMessage } from "#src/bgp/open.ts";
import type { Agreement } from "#src/speaker/agreement.ts";
import { step } from "#src/speaker/fsm.ts";
import type { FsmConfig, FsmEvent } from "#src/speaker/fsm-state.ts";
import { act, config, open, running } from "./fsm-scene.ts";

const bothFamilies = [IPV4_UNICAST, IPV6_UNICAST].map((family): Capability => ({ name: "multiprotocol", family }));
const addPathOf = (ipv4: number, ipv6: number): Capability => ({
  name: "add-path",
  families: [
    { family: IPV4_UNICAST, direction: ipv4 },
    { family: IPV6_UNICAST, direction: ipv6 },
  ],
});
const extendedNextHop = (nextHopAfi: number): Capability => ({
  name: "extended-next-hop",
  families: [{ family: IPV4_UNICAST, nextHopAfi }],
});

const restarts = {
  name: "graceful-restart",
  restarting: false,
  notification: true,
  restartTimeSeconds: 120,
  families: [{ family: IPV4_UNICAST, forwardingPreserved: true }],
} as const;

describe("what the OPEN must say", () => {
  const sent = running({ outgoing: { phase: "OpenSent" } });
  test.each<[string, Partial<OpenMessage>, Partial<FsmConfig>, number]>([
    ["another AS", { asn: 65002 }, {}, 2],
    ["our AS, where another is wanted", { asn: 65000 }, { remoteAsn: "external" }, 2],
    ["another AS, where ours is wanted", {}, { remoteAsn: "internal" }, 2],
    ["AS 0", { asn: 0 }, { remoteAsn: 65001 }, 2],
    ["AS 0, where any other is wanted", { asn: 0 }, { remoteAsn: "external" }, 2],
    ["AS_TRANS, where any other is wanted", { asn: 23456 }, { remoteAsn: "external" }, 2],
    ["identifier 0", { routerId: 0 }, {}, 3],
    ["our own identifier, inside our AS", { asn: 65000, routerId: config.routerId }, { remoteAsn: 65000 }, 3],
    ["a hold time of 1", { holdTimeSeconds: 1 }, {}, 6],
    ["a hold time of 2", { holdTimeSeconds: 2 }, {}, 6],
    ["a provider, where we are one", { capabilities: [{ name: "role", role: 0 }] }, { role: "provider" }, 11],
    ["a role that nobody knows", { capabilities: [{ name: "role", role: 9 }] }, { role: "peer" }, 11],
    ["two roles", { capabilities: [4, 0].map((role) => ({ name: "role", role })) }, { role: "peer" }, 11],
  ])("%s is refused", (_, part, using, subcode) => {
    const event: FsmEvent = { kind: "message", direction: "outgoing", message: { ...open, ...part } };
    expect(act(sent, event, { ...config, ...using })[1].slice(0, 2)).toEqual([`outgoing 2/${subcode}`, "close outgoing"]);
  });

  test.each<[string, Partial<OpenMessage>, Partial<FsmConfig>, Partial<Agreement>]>([
    ["the lower hold time counts: theirs", { holdTimeSeconds: 3 }, {}, { holdTimeSeconds: 3, keepaliveSeconds: 1 }],
    ["or ours", { holdTimeSeconds: 300 }, {}, { holdTimeSeconds: 90, keepaliveSeconds: 30 }],
    ["any AS but ours", { asn: 65009 }, { remoteAsn: "external" }, {}],
    ["our AS", { asn: 65000 }, { remoteAsn: "internal" }, {}],
    ["0 switches it off: ours", {}, { holdTimeSeconds: 0 }, { holdTimeSeconds: 0, keepaliveSeconds: 0 }],
    ["a peer without four-octet AS numbers", { capabilities: [] }, {}, { asnSize: 2, families: [IPV4_UNICAST] }],
    [
      "a peer that takes other families only",
      { capabilities: [{ name: "multiprotocol", family: { afi: 25, safi: 70 } }] },
      {},
      { families: [] },
    ],
    ["a peer that says nothing of families, where we want IPv6 only", {}, { families: [IPV6_UNICAST] }, { families: [] }],
    [
      "two families, in our order",
      { capabilities: [IPV6_UNICAST, IPV4_UNICAST].map((family) => ({ name: "multiprotocol", family })) },
      {},
      { families: [IPV4_UNICAST, IPV6_UNICAST] },
    ],
    [
      "several paths to a prefix, of the family that the peer wants to send them in",
      { capabilities: [addPathOf(ADD_PATH.send, ADD_PATH.receive), ...bothFamilies] },
      { addPath: true },
      { pathIds: [IPV4_UNICAST] },
    ],
    ["one path only, if we do not ask for more", { capabilities: [addPathOf(3, 3), ...bothFamilies] }, {}, { pathIds: [] }],
    [
      "IPv4 prefixes behind IPv6, if both sides can",
      { capabilities: [extendedNextHop(AFI.ipv6)] },
      { extendedNextHop: true },
      { extendedNextHop: [IPV4_UNICAST] },
    ],
    ["what the peer says of its restarts, if we help", { capabilities: [restarts] }, {}, { gracefulRestart: restarts }],
    ["marks around what is said again", { capabilities: [{ name: "enhanced-route-refresh" }] }, {}, { enhancedRefresh: true }],
    ["not if only they can", { capabilities: [extendedNextHop(AFI.ipv6)] }, {}, { extendedNextHop: [] }],
    [
      "not behind anything else",
      { capabilities: [extendedNextHop(AFI.ipv4)] },
      { extendedNextHop: true },
      { extendedNextHop: [] },
    ],
    ["messages of 64 KiB, if both sides can", { capabilities: [{ name: "extended-message" }] }, {}, { extendedMessage: true }],
    ["a customer, whose provider we are", { capabilities: [{ name: "role", role: 3 }] }, { role: "provider" }, {}],
    ["a peer that names no role", {}, { role: "provider" }, {}],
    ["a role, where we name none", { capabilities: [{ name: "role", role: 3 }] }, {}, {}],
    ["our identifier in another AS (RFC 6286)", { routerId: config.routerId }, {}, {}],
  ])("%s", (_, part, using, wanted) => {
    const { effects } = step(
      sent,
      { kind: "message", direction: "outgoing", message: { ...open, ...part } },
      { ...config, ...using },
    );
    expect(effects.find(({ kind }) => kind === "agreed")).toMatchObject({ agreement: wanted });
  });
});
